"""The file ``<out>.partial`` of a running table: locked, appended to in batches, and synced."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fiqx_trt.errors import OutputError
from fiqx_trt.files import open_regular
from fiqx_trt.rows.lines import LineFormat
from fiqx_trt.rows.schema import Row, ends_input, starts_input
from fiqx_trt.text import shown

__all__ = ["Kept", "PartialFile", "is_locked", "scan"]

logger = logging.getLogger(__name__)

SYNC_SECONDS = 5.0
"""Seconds of rows that a power failure can lose; a killed process loses none."""

_NO_LOCKS = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS)


class PartialFile:
    """An append-only file that one process at a time can open.

    The lock is the kernel's (``flock``), so it ends with the process.

    Parameters
    ----------
    path
        The file.
    create
        ``"new"``: it must not exist; ``"any"``: it may; ``"never"``: it must.

    Raises
    ------
    OutputError
        If another process has locked it.
    FileExistsError, FileNotFoundError
        As `create` says; other ``OSError`` from the system.
    """

    def __init__(self, path: Path, *, create: Literal["new", "any", "never"]) -> None:
        self.path = path
        flags = {"new": os.O_CREAT | os.O_EXCL, "any": os.O_CREAT, "never": 0}[create]
        while True:
            self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | flags, 0o666)
            try:
                _lock(self._fd, path)
                if _is_same_file(self._fd, path):
                    break
            except BaseException:
                os.close(self._fd)
                raise
            os.close(self._fd)  # another run finished and renamed it between open and lock
        self.size = os.fstat(self._fd).st_size
        self._synced = time.monotonic()

    def append(self, data: bytes | bytearray) -> None:
        """Write all of `data`, or nothing: after an error the file is cut to its former size."""
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
            raise
        self.size += len(data)
        self.require_place()
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()

    @property
    def in_place(self) -> bool:
        """Whether the path still names this file: nobody removed, moved or replaced it or its folder."""
        return _is_same_file(self._fd, self.path)

    def require_place(self) -> None:
        """Raise OutputError unless the path still names this file: the rows would be lost."""
        if not self.in_place:
            raise OutputError(
                f"{shown(self.path)} was removed or moved while rows were written to it, or its folder was: what was written "
                "is lost, and the run ends here. Start it again with an output that stays"
            )

    def truncate(self, size: int) -> None:
        """Cut the file to its first `size` bytes."""
        os.ftruncate(self._fd, size)
        self.size = size

    def sync(self) -> None:
        """Write all data to the disk."""
        os.fsync(self._fd)
        self._synced = time.monotonic()

    def close(self) -> None:
        """Close the file and release the lock; closing again does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


@dataclass
class Kept:
    """The complete inputs at the start of a partial file: their bytes, their number, and their rows per status."""

    size: int = 0
    inputs: int = 0
    counts: Counter[str] = field(default_factory=Counter)


def scan(path: Path, lines: LineFormat) -> Kept:
    """Return the complete inputs of a partial file, which is read once, one record in memory.

    The scan ends at an incomplete or unreadable record: that input and all later ones will be computed again. The last
    input counts only if its rows show that none is missing (`ends_input`): computing an input again is cheap, a missing face
    would be an error.

    Raises
    ------
    OutputError
        If the file begins with another header.
    """
    kept = Kept()
    tail = Kept()  # the input being read
    before: Row | None = None
    with open_regular(path) as file:
        records = lines.records(file)
        if not _read_header(path, lines, next(records, b"") if lines.header else b""):
            return kept
        kept.size = len(lines.header)
        for record in records:
            try:
                row = lines.decode(record)
                first = starts_input(before, row)
            except ValueError as error:
                logger.warning("%s: rows after input %d are damaged (%s)", shown(path), kept.inputs, error)
                break
            if first:
                _add(kept, tail)
                tail = Kept(inputs=1)
            tail.size += len(record)
            tail.counts[str(row["status"])] += 1
            before = row
    if before is not None and ends_input(before):
        _add(kept, tail)
    return kept


def is_locked(path: Path) -> bool:
    """Return whether a process is writing the partial file at `path`."""
    try:
        PartialFile(path, create="never").close()
    except OutputError:
        return True
    except OSError:
        return False
    return False


def _add(kept: Kept, tail: Kept) -> None:
    kept.size += tail.size
    kept.inputs += tail.inputs
    kept.counts += tail.counts


def _read_header(path: Path, lines: LineFormat, record: bytes) -> bool:
    if record == lines.header:
        return True
    if not record:
        return False  # killed while the header was being written
    raise OutputError(
        f"{shown(path)} begins with another header than this run writes; use --overwrite to start anew"
    )


def _lock(fd: int, path: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(
            f"another process is writing {shown(path)}; wait for it, or give another --out"
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        logger.warning("%s: this file system has no locks; start no second run on it", shown(path))


def _is_same_file(fd: int, path: Path) -> bool:
    try:
        there = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return os.path.samestat(os.fstat(fd), there)
