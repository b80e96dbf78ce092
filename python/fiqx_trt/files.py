"""Reading files that others made, and writing files whole: every write of the package, and the formats CSV, JSON and npz.

A file that a user names may be a link, and its mode follows the umask when it is made. A private file belongs to this
user alone: it is no link, and nobody else may write it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import math
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from fiqx_trt.errors import OutputError
from fiqx_trt.text import escape_text, shown

__all__ = [
    "csv_record",
    "finite",
    "npz_bytes",
    "open_new",
    "open_regular",
    "open_text",
    "parse_json",
    "read_private",
    "read_regular",
    "remove_abandoned",
    "replacing",
    "require_absent",
    "write_atomic",
    "write_csv",
    "write_json",
    "write_rows",
    "write_settled",
    "write_unsynced",
    "write_whole",
]

_QUOTED = re.compile(r'[",\r\n]')
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISLNK, "a link"),
)


def open_regular(path: Path, *, follow: bool = True) -> BinaryIO:
    """Open a regular file for reading; a pipe or a device is refused at once, without waiting for its other end.

    Parameters
    ----------
    path
        The file.
    follow
        Whether a link stands for the file it points to.

    Raises
    ------
    OSError
        As the system says, or because it is no regular file.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        fd = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP and not follow:
            raise OSError(errno.ELOOP, "a link, not a regular file", str(path)) from error
        if error.errno == errno.ENXIO:  # a socket, which cannot be opened
            raise OSError(errno.EINVAL, "a socket, not a regular file", str(path)) from error
        raise
    try:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            if stat.S_ISDIR(mode):
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            raise OSError(errno.EINVAL, f"{_kind(mode)}, not a regular file", str(path))
        return os.fdopen(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def read_regular(path: Path) -> bytes:
    """Return the content of a regular file; see :func:`open_regular`."""
    with open_regular(path) as file:
        return file.read()


def open_text(path: Path, *, errors: str = "strict", newline: str | None = None) -> TextIO:
    """Open a regular file of UTF-8 text, with or without a byte order mark; see :func:`open_regular`."""
    return io.TextIOWrapper(open_regular(path), encoding="utf-8-sig", errors=errors, newline=newline)


def parse_json(data: str | bytes) -> Any:
    """Return what a JSON text says.

    Raises
    ------
    ValueError
        It is not JSON, not UTF-8, or nested deeper than anything this package reads.
    """
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_private(path: Path) -> bytes:
    """Return the content of a file that this user (or the superuser) owns and nobody else may write.

    It is opened once and looked at while it is open, so that another file of its name cannot take its place
    between the check and the reading.

    Raises
    ------
    OSError
        It is missing, a link, no regular file, or others own it or may write it.
    """
    with open_regular(path, follow=False) as file:
        reason = not_private(os.fstat(file.fileno()))
        if reason:
            raise PermissionError(errno.EPERM, reason, str(path))
        return file.read()


def not_private(status: os.stat_result) -> str | None:
    """Return why a file or folder does not belong to this user alone; None where it does."""
    if status.st_uid not in (os.geteuid(), 0):
        return f"it belongs to user {status.st_uid}"
    if status.st_mode & _OTHERS_WRITE:
        return "others may write it"
    return None


def write_atomic(path: Path, data: bytes, *, private: bool = False, temporary: Path | None = None) -> None:
    """Write a file so that a reader sees the old content or the new, never a part of it.

    Parameters
    ----------
    path
        The file; its folder exists. A link stands for the file it points to, unless the file is private.
    data
        The whole new content.
    private
        Whether nobody else may read it; otherwise its mode follows the umask.
    temporary
        See :func:`replacing`.

    Raises
    ------
    OSError
        The file system refuses; nothing is left behind.
    """
    with replacing(path, private=private, temporary=temporary) as file:
        file.write(data)


def write_whole(path: Path, data: bytes, *, temporary: Path | None = None) -> None:
    """Write a result as :func:`write_atomic` does.

    Raises
    ------
    OutputError
        The file system refuses; the old file, if any, is left.
    """
    try:
        write_atomic(path, data, temporary=temporary)
    except OSError as error:
        raise OutputError(
            f"cannot write {shown(path)}: {error.strerror or error}; choose another place"
        ) from error


def write_settled(path: Path, data: bytes) -> None:
    """Write a result in one step; a file that has these very bytes is left alone.

    A killed run leaves a name that the next one writes over, so that the folder becomes that of one run.

    Raises
    ------
    OutputError
        The file system refuses; the old file, if any, is left.
    """
    if not (path.is_file() and path.read_bytes() == data):
        write_whole(path, data, temporary=path.with_name(f".{path.name}.tmp"))


def require_absent(*paths: Path, overwrite: bool) -> None:
    """Check, before any work is done, that no result is there that would be replaced unasked.

    Raises
    ------
    OutputError
        One of the files exists, and `overwrite` is false.
    """
    present = [path for path in paths if path.exists()]
    if present and not overwrite:
        raise OutputError(
            f"{shown(present[0])} exists already; give --overwrite to replace it, or another --out (in Python: overwrite=True)"
        )


def write_unsynced(path: Path, data: bytes) -> None:
    """Write one of many small files at once, without waiting for the disk; it counts once something that is synced names it.

    Raises
    ------
    OutputError
        The file system refuses.
    """
    try:
        with open_new(path) as file:
            file.write(data)
    except OSError as error:
        raise OutputError(
            f"cannot write {shown(path)}: {error.strerror or error}; choose another folder"
        ) from error


def open_new(path: Path) -> BinaryIO:
    """Open an empty file for writing, for a caller that syncs and renames it, or that nobody else reads."""
    return path.open("wb")


def open_standard_output() -> BinaryIO:
    """Open standard output for bytes that leave at once; closing the file leaves standard output open."""
    return open(1, "wb", buffering=0, closefd=False)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV in one step: RFC 4180, UTF-8, the shortest floats that read back the same.

    Names are written as :mod:`fiqx_trt.text` says, so that one that is not UTF-8 never makes a file that nobody can read.

    Parameters
    ----------
    path
        The file; its folder exists.
    columns
        Names, the first row; none where there are no rows to take them from.
    rows
        Cells: text, numbers, or ``None``; NaN and infinities become empty.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    write_whole(path, b"".join(map(csv_record, (columns, *rows))))


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write dictionaries as a CSV (:func:`write_csv`); the keys of the first are the columns."""
    columns = list(rows[0]) if rows else []
    write_csv(path, columns, ([row[column] for column in columns] for row in rows))


def csv_record(cells: Iterable[object]) -> bytes:
    r"""Return one CSV record: text escaped and quoted where it must be, nothing for ``None`` and numbers that are not finite.

    Examples
    --------
    >>> csv_record(["a,b", 0.5, 3, None, float("nan")])
    b'"a,b",0.5,3,,\r\n'
    """
    return ",".join(map(_csv_cell, cells)).encode() + b"\r\n"


def _csv_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else ""
    if type(value) is int:
        return str(value)
    text = escape_text(str(value))
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def write_json(path: Path, value: Mapping[str, Any], *, ascii_only: bool = False) -> None:
    """Write JSON in one step: NaN and infinities become ``null``, bytes of a name that are not UTF-8 escapes.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    text = json.dumps(finite(value), indent=1, ensure_ascii=ascii_only, allow_nan=False) + "\n"
    write_whole(path, text.encode("utf-8", "backslashreplace"))


def finite(value: Any) -> Any:
    """Return a value for JSON: NaN and infinities, also inside lists and dictionaries, become ``None``.

    Examples
    --------
    >>> finite({"a": [1.0, float("nan")]})
    {'a': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def npz_bytes(arrays: Mapping[str, Any], *, compressed: bool = False) -> bytes:
    """Return named arrays as the content of an ``.npz``; the same arrays give the same bytes."""
    import numpy as np

    content = io.BytesIO()
    write = np.savez_compressed if compressed else np.savez
    write(content, **arrays)
    return content.getvalue()


def remove_abandoned(folder: Path, seconds: float) -> None:
    """Remove the files that killed processes left growing in a folder (:func:`replacing`) and did not write to for some time."""
    for path in folder.glob(".fiqx-*.tmp"):
        with contextlib.suppress(FileNotFoundError):  # its writer lives, and has just renamed it
            if time.time() - path.stat().st_mtime > seconds:
                path.unlink()


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False, temporary: Path | None = None) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `path` when the body ends well, and vanishes when it does not.

    Parameters
    ----------
    path, private
        As for :func:`write_atomic`.
    temporary
        Where the new file grows, in the same folder; by default a name that no other process uses. Give a name where
        one process at a time writes: what a killed one left there is then written over.

    Yields
    ------
    BinaryIO
        The new file. It is synced before it takes its place.

    Raises
    ------
    OSError
        The file system refuses; nothing is left behind.
    """
    target = path if private else Path(os.path.realpath(path))
    growing = target.with_name(f".fiqx-{secrets.token_hex(8)}.tmp") if temporary is None else temporary
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    flags |= os.O_EXCL if temporary is None else os.O_TRUNC
    try:
        with os.fdopen(os.open(growing, flags, 0o600 if private else 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        growing.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            growing.unlink()
        raise


def _kind(mode: int) -> str:
    return next((name for test, name in _KINDS if test(mode)), "a special file")
