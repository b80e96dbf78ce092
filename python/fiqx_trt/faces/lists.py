"""Lists of paths: text, one a line or ended by NUL, and a column of a CSV, JSON Lines or Parquet table.

Everything is read piece by piece: a list of any length takes the same memory.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from fiqx_trt.errors import SourceError, StorageError
from fiqx_trt.faces.storage import is_url, open_url
from fiqx_trt.faces.tables import TABLE_SUFFIXES, no_column, read_records
from fiqx_trt.files import open_regular
from fiqx_trt.text import unescape_text

__all__ = ["TABLE_SUFFIXES", "read_list", "read_names", "read_table"]

_CHUNK = 1 << 16
_LONGEST = 1 << 16  # no system has longer paths: a longer line is not a list of them


def read_names(stream: BinaryIO, *, name: str, null_separated: bool = False) -> Iterator[str]:
    """Yield the names a stream holds.

    Parameters
    ----------
    stream
        Bytes. Names may hold any byte but the separator; what is not UTF-8 is kept as ``os.fsdecode`` does.
    name
        What the stream is called in errors.
    null_separated
        Names end with NUL and are taken as they are. Otherwise they end with a line feed, a carriage return
        before it and a byte order mark at the start of the stream are dropped, and blank lines do not count.

    Raises
    ------
    SourceError
        When the stream is not a list of paths.
    """
    separator = b"\0" if null_separated else b"\n"
    first = True
    for raw in _split(stream, separator, name):
        piece = raw
        if not null_separated:
            if first:
                piece = piece.removeprefix(codecs.BOM_UTF8)
            piece = piece.removesuffix(b"\r")
        first = False
        if piece if null_separated else piece.strip():
            yield os.fsdecode(piece)


def _split(stream: BinaryIO, separator: bytes, name: str) -> Iterator[bytes]:
    read = getattr(stream, "read1", stream.read)  # what is there already, without waiting for more
    pending = b""
    begin = True
    while chunk := read(_CHUNK):
        if begin and chunk.startswith((b"\xff\xd8\xff", b"\x89PNG", b"RIFF")):
            raise SourceError(f"{name} holds a picture, not a list of paths; name the picture itself instead")
        begin = False
        *complete, pending = (pending + chunk).split(separator)
        yield from complete
        if len(pending) > _LONGEST:
            raise SourceError(f"{name} is not a list of paths: it has a line of more than {_LONGEST} bytes")
    if pending:
        yield pending


def read_list(path: str) -> Iterator[str]:
    """Yield the paths of a text file, one a line; a line that begins with ``#`` is a comment.

    Raises
    ------
    SourceError
        When the file cannot be read or is not such a list.
    """
    try:
        with _open(path) as stream:
            for name in read_names(stream, name=f"the list {path}"):
                if not name.startswith("#"):
                    yield name
    except StorageError:
        raise
    except OSError as error:
        raise SourceError(f"cannot read the list {path}: {error.strerror or error}") from error


def _open(path: str) -> BinaryIO:
    """Open a list: an object of a store, a regular file, or a named pipe, which is read once."""
    if is_url(path):
        return open_url(path)
    return Path(path).open("rb") if Path(path).is_fifo() else open_regular(Path(path))


def read_table(path: str, *, column: str | None = None) -> Iterator[str]:
    """Yield the paths in one column of a ``.csv``, ``.jsonl`` or ``.parquet`` file.

    The table may be an earlier score file: the rows of the second and further faces of a picture, which have
    the same path as the row before and a larger ``face``, are the same input and not repeated.

    Parameters
    ----------
    path
        The table.
    column
        The column that holds the paths; ``None`` means ``path``.

    Yields
    ------
    path
        Empty where a row has none.

    Raises
    ------
    SourceError
        When the table cannot be read or has no such column.
    """
    named = "path" if column is None else column

    def choose(names: Sequence[str]) -> Sequence[str]:
        if named not in names:
            raise no_column(path, named, names, "Name the one with the paths")
        return (named, "face") if "face" in names and named != "face" else (named,)

    before: tuple[str, int | None] | None = None
    for _, row in read_records(path, choose):
        name, face = _text(row[named]), _integer(row.get("face"))
        again = before is not None and before[0] == name and _is_later(before[1], face)
        before = (name, face)
        if not again:
            # Only this package's score tables have the column face; their names may carry escapes.
            yield name if face is None else unescape_text(name)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_later(before: int | None, face: int | None) -> bool:
    return before is not None and face is not None and face > before


def _integer(value: object) -> int | None:
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return None
