"""Tables of other programs and of this one, read row by row: CSV, JSON Lines and Parquet, some columns of them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from fiqx_trt.errors import FiqxError, SourceError, StorageError
from fiqx_trt.faces.storage import is_url, open_url
from fiqx_trt.files import open_regular, open_text, parse_json
from fiqx_trt.text import shown

__all__ = ["TABLE_SUFFIXES", "Choose", "Record", "no_column", "read_records", "reading_parquet"]

#: Bytes that one request reads of a Parquet table in an object store; larger reads are one request each.
PIECE = 1 << 16

Record = tuple[str, dict[str, object]]
"""Where a row stands, for messages, and its values by column: text in a CSV, anything in the others."""

Choose = Callable[[Sequence[str]], Sequence[str]]
"""Given the names of a table's columns, or of one row of JSON Lines, those to read."""


def read_records(path: str, choose: Choose) -> Iterator[Record]:
    """Yield the rows of a ``.csv``, ``.jsonl`` or ``.parquet`` file; memory holds a few of them.

    Parameters
    ----------
    path
        The table.
    choose
        Which columns to read; it may raise `SourceError` about those that lack. A column that a single row
        lacks is an empty text in a CSV.

    Raises
    ------
    SourceError
        When the table cannot be read.
    """
    try:
        yield from _READERS[Path(path).suffix.lower()](path, choose)
    except StorageError:
        raise
    except OSError as error:
        raise SourceError(f"cannot read the table {path}: {error.strerror or error}") from error


def no_column(path: str, column: str, names: Sequence[str], cure: str) -> SourceError:
    """Return the error about a table without a column."""
    known = ", ".join(names[:20]) or "none"
    return SourceError(f"the table {path} has no column {column!r}; its columns are {known}. {cure}")


def _open(path: str) -> BinaryIO:
    return open_url(path, chunk=PIECE) if is_url(path) else open_regular(Path(path))


def _open_text(path: str, *, newline: str | None = None) -> TextIO:
    if is_url(path):
        return TextIOWrapper(
            open_url(path, ahead=True), encoding="utf-8-sig", errors="surrogateescape", newline=newline
        )
    return open_text(Path(path), errors="surrogateescape", newline=newline)


def _csv_records(path: str, choose: Choose) -> Iterator[Record]:
    with _open_text(path, newline="") as stream:
        reader = csv.reader(stream)
        try:
            header = next(reader, [])
            wanted = [(name, header.index(name)) for name in choose(header)]
            for row in reader:
                if row:
                    values: dict[str, object] = {
                        name: row[at] if at < len(row) else "" for name, at in wanted
                    }
                    yield f"{path}, line {reader.line_num}", values
        except csv.Error as error:
            raise SourceError(f"{path}, line {reader.line_num}: not a CSV file: {error}") from error


def _json_records(path: str, choose: Choose) -> Iterator[Record]:
    with _open_text(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                row = parse_json(line)
            except ValueError as error:
                raise SourceError(f"{where}: not JSON: {error}") from error
            if not isinstance(row, dict):
                raise SourceError(f"{where}: wanted one JSON object a line")
            yield where, {name: row[name] for name in choose(list(row))}


def _parquet_records(path: str, choose: Choose) -> Iterator[Record]:
    from pyarrow import parquet

    with reading_parquet(Path(path)), _open(path) as file, parquet.ParquetFile(file) as table:
        wanted = list(choose(table.schema_arrow.names))
        number = 0
        for batch in table.iter_batches(batch_size=4096, columns=wanted):
            columns = [batch.column(name).to_pylist() for name in wanted]
            for values in zip(*columns, strict=True):
                number += 1
                yield f"{path}, row {number}", dict(zip(wanted, values, strict=True))


@contextmanager
def reading_parquet(path: Path) -> Iterator[None]:
    """Turn what pyarrow raises on a damaged file into a `SourceError` of one line; errors of the system pass.

    It raises its own exceptions, OSError without a number, UnicodeDecodeError, OverflowError, and whatever else it is
    that it stumbles over.
    """
    try:
        yield
    except FiqxError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise SourceError(f"{shown(path)} is no Parquet file that can be read: {reason}") from error


_READERS = {".csv": _csv_records, ".jsonl": _json_records, ".parquet": _parquet_records}

TABLE_SUFFIXES = frozenset(_READERS)
"""Files that are tables, in lower or upper case."""
