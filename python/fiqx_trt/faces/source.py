"""One input, and the files that hold many of them.

Names are texts here, of any bytes, spelled as the user does; Path would respell them.
"""
# ruff: noqa: PTH113, PTH120

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from fiqx_trt.errors import ImageError, SourceError
from fiqx_trt.faces.bins import bin_member, read_member
from fiqx_trt.faces.labels import Labels
from fiqx_trt.faces.picture_tables import cut_picture_table, walk_picture_table
from fiqx_trt.faces.pieces import Piece
from fiqx_trt.faces.recordio import cut_recordio, walk_recordio
from fiqx_trt.faces.storage import is_url, read_url
from fiqx_trt.faces.tar import MAX_BYTES, Entry, is_archive_name, walk_tar
from fiqx_trt.faces.walk import Found

__all__ = ["Container", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """One input: a picture file, or a picture in an archive.

    Parameters
    ----------
    path
        As it is named in the row. Bytes that are not UTF-8 are kept as ``os.fsdecode`` keeps them.
    problem
        Why it cannot be read, when the listing knows already.
    reader
        Returns the bytes, where ``path`` is not a file's.
    """

    path: str
    problem: str = field(default="", repr=False)
    reader: Callable[[], bytes] | None = field(default=None, repr=False, compare=False)

    def read(self) -> bytes:
        """Read the file.

        Raises
        ------
        ImageError
            ``decode_error`` when it cannot be read, ``unsupported`` when it is larger than `MAX_BYTES`.
        """
        if self.problem:
            raise ImageError(self.problem, status="decode_error")
        if self.reader is not None:
            return self.reader()
        if not self.path:
            raise ImageError("the row names no file", status="decode_error")
        member = bin_member(self.path)
        if is_url(self.path):
            return read_url(self.path, MAX_BYTES) if member is None else _read_member(*member)
        if member is not None and not os.path.lexists(self.path):
            return _read_member(*member)
        try:
            # Not blocking, so that a pipe without a writer is refused instead of waited for.
            number = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                size = _regular_size(os.fstat(number))
                if is_archive_name(self.path):
                    message = "an archive, not a picture file; name it as an input of its own"
                    raise ImageError(message, status="decode_error")
                return _read_all(number, size)
            finally:
                os.close(number)
        except ImageError:
            raise
        except (OSError, ValueError) as error:
            raise ImageError(_why(self.path, error), status="decode_error") from error


@dataclass(frozen=True, slots=True)
class Container:
    """A file that holds many pictures and is read from its begin to its end: an archive, a RecordIO file, a table of pictures.

    Parameters
    ----------
    path
        The file, or its URL.
    column
        The column of a table that holds the pictures; empty for the others.
    piece
        A part of a RecordIO file or of a table; ``None`` is all of it.
    """

    path: str
    column: str = ""
    piece: Piece | None = None

    def sources(
        self, *, on_skip: Callable[[str], None] | None = None, labels: Labels | None = None
    ) -> Iterator[Source]:
        """Yield its pictures in order; damage is a source that says so. `labels` keeps what is beside them."""
        skip = on_skip or (lambda _: None)
        if self.column:
            entries: Iterator[Found | Entry] = walk_picture_table(self.path, self.column, self.piece, labels)
        elif is_archive_name(self.path):
            entries = walk_tar(self.path, on_skip=skip, labels=labels)
        else:
            entries = walk_recordio(self.path, self.piece, labels)
        return (Source(*one) if isinstance(one, tuple) else _member(one) for one in entries)

    def cut(self) -> Iterator[Container]:
        """Cut a file that can be begun in the middle into parts of a few thousand pictures."""
        if is_archive_name(self.path):
            return iter([self])
        pieces = cut_picture_table(self.path) if self.column else cut_recordio(self.path)
        return (replace(self, piece=piece) for piece in pieces) if len(pieces) > 1 else iter([self])


def _member(entry: Entry) -> Source:
    return Source(entry.path, entry.problem, entry.read)


def _read_member(path: str, position: int) -> bytes:
    try:
        return read_member(path, position)
    except SourceError as error:
        raise ImageError(str(error), status="decode_error") from error


def _regular_size(status: os.stat_result) -> int:
    if stat.S_ISDIR(status.st_mode):
        raise ImageError("a folder, not a picture file", status="decode_error")
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("not a regular file", status="decode_error")
    if status.st_size > MAX_BYTES:
        message = f"a file of {status.st_size:,} bytes: more than the limit of {MAX_BYTES:,}"
        raise ImageError(message, status="unsupported")
    return status.st_size


def _read_all(number: int, size: int) -> bytes:
    """Read at most `size` bytes: a file that grows meanwhile ends where it ended when it was opened."""
    data = os.read(number, size)
    if len(data) == size:
        return data
    pieces = [data]
    while size > (got := sum(map(len, pieces))) and (piece := os.read(number, size - got)):
        pieces.append(piece)
    return b"".join(pieces)


def _why(path: str, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    while isinstance(error, NotADirectoryError) and (path := os.path.dirname(path)):
        if is_archive_name(path) and os.path.isfile(path):
            return f"inside the archive {path!r}, which is read only when it is an input of its own"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"
