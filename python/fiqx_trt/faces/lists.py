"""Lists of paths: text, one a line or ended by NUL, and a column of a CSV, JSON Lines or Parquet table.

Everything is read piece by piece: a list of any length takes the same memory.
"""

from __future__ import annotations

import codecs
import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from fiqx_trt.errors import SourceError
from fiqx_trt.text import unescape_text

__all__ = ["TABLE_SUFFIXES", "read_list", "read_names", "read_table"]

TABLE_SUFFIXES = frozenset((".csv", ".jsonl", ".parquet"))

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
        with Path(path).open("rb") as stream:
            for name in read_names(stream, name=f"the list {path}"):
                if not name.startswith("#"):
                    yield name
    except OSError as error:
        raise SourceError(f"cannot read the list {path}: {error.strerror or error}") from error


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
    rows = {".csv": _csv_rows, ".jsonl": _json_rows, ".parquet": _parquet_rows}[_suffix(path)]
    before: tuple[str, int | None] | None = None
    try:
        for name, face in rows(path, "path" if column is None else column):
            again = before is not None and before[0] == name and _is_later(before[1], face)
            before = (name, face)
            if not again:
                # Only this package's score tables have the column face; their names may carry escapes.
                yield name if face is None else unescape_text(name)
    except OSError as error:
        raise SourceError(f"cannot read the table {path}: {error.strerror or error}") from error


def _suffix(path: str) -> str:
    return Path(path).suffix.lower()


def _is_later(before: int | None, face: int | None) -> bool:
    return before is not None and face is not None and face > before


def _csv_rows(path: str, column: str) -> Iterator[tuple[str, int | None]]:
    with Path(path).open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
        reader = csv.reader(stream)
        try:
            header = next(reader, [])
            at = _index(path, header, column)
            face_at = header.index("face") if "face" in header else len(header)
            for row in reader:
                if row:
                    yield _cell(row, at), _integer(_cell(row, face_at))
        except csv.Error as error:
            raise SourceError(f"{path}, line {reader.line_num}: not a CSV file: {error}") from error


def _cell(row: list[str], at: int) -> str:
    return row[at] if at < len(row) else ""


def _integer(value: object) -> int | None:
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError, OverflowError):
        return None


def _index(path: str, names: list[str], column: str) -> int:
    if column not in names:
        known = ", ".join(names[:20]) or "none"
        raise SourceError(
            f"the table {path} has no column {column!r}; its columns are {known}. Name the one with the paths"
        )
    return names.index(column)


def _json_rows(path: str, column: str) -> Iterator[tuple[str, int | None]]:
    with Path(path).open(encoding="utf-8-sig", errors="surrogateescape") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise SourceError(f"{path}, line {number}: not JSON: {error}") from error
            if not isinstance(row, dict):
                raise SourceError(f"{path}, line {number}: wanted one JSON object a line")
            _index(path, list(row), column)
            yield _text(row[column]), _integer(row.get("face"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _parquet_rows(path: str, column: str) -> Iterator[tuple[str, int | None]]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as table:
            names = table.schema_arrow.names
            _index(path, names, column)
            wanted = [column, "face"] if "face" in names and column != "face" else [column]
            for batch in table.iter_batches(batch_size=4096, columns=wanted):
                paths = batch.column(column).to_pylist()
                faces = batch.column("face").to_pylist() if len(wanted) == 2 else [None] * len(paths)
                for name, face in zip(paths, faces, strict=True):
                    yield _text(name), _integer(face)
    except pyarrow.ArrowException as error:
        raise SourceError(f"{path} is not a Parquet file that can be read: {error}") from error
