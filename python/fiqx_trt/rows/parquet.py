"""Parquet tables, written and read in row groups."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fiqx_trt.errors import SourceError
from fiqx_trt.faces.tables import reading_parquet
from fiqx_trt.files import open_new, open_regular
from fiqx_trt.rows.schema import Column, Kind, Row, Value
from fiqx_trt.text import escape_text, shown

__all__ = ["arrow_table", "read_columns", "read_parquet", "write_parquet"]

ROW_GROUP = 16_384
"""Rows held in memory at once."""

TEXT_LIMIT = 2**31 - 1
"""Bytes of text that one Arrow array of the type ``string`` can hold."""

_TYPES = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}


def write_parquet(path: Path, columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """Write checked rows to `path` and sync it; the same rows always give the same bytes."""
    source = iter(rows)
    with open_new(path) as file:
        with pq.ParquetWriter(file, _schema(columns)) as writer:
            while group := list(islice(source, ROW_GROUP)):
                writer.write_table(arrow_table(columns, group), row_group_size=ROW_GROUP)
        file.flush()
        os.fsync(file.fileno())


def arrow_table(columns: Sequence[Column], rows: Sequence[Row]) -> pa.Table:
    """Return checked rows as an Arrow table with the schema of the Parquet file."""
    return pa.table([_array(column, rows) for column in columns], schema=_schema(columns))


def read_columns(path: Path) -> tuple[Column, ...]:
    """Return the columns of a Parquet file; raise SourceError where it is damaged or a column is neither text nor a number."""
    with reading_parquet(path), open_regular(path) as file:
        return tuple(Column(entry.name, _kind(path, entry)) for entry in pq.read_schema(file))


def read_parquet(path: Path) -> Iterator[dict[str, Value]]:
    """Yield the rows as plain Python values, texts unchanged; raise SourceError where the file is damaged."""
    with reading_parquet(path), open_regular(path) as file, pq.ParquetFile(file) as table:
        for batch in table.iter_batches(batch_size=ROW_GROUP):
            yield from batch.to_pylist()


def _schema(columns: Sequence[Column]) -> Any:
    return pa.schema([(column.name, _TYPES[column.kind]) for column in columns])


def _array(column: Column, rows: Sequence[Row]) -> Any:
    values: list[Any] = [row[column.name] for row in rows]
    if column.kind == "str":
        return _texts([None if value is None else escape_text(value) for value in values])
    zero, dtype = (0, np.int64) if column.kind == "int" else (0.0, np.float64)
    numbers = np.array([zero if value is None else value for value in values], dtype)
    return _from_buffers(values, _TYPES[column.kind], [pa.py_buffer(numbers)])


def _texts(values: list[str | None]) -> Any:
    encoded = [b"" if value is None else value.encode() for value in values]
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    if offsets[-1] > TEXT_LIMIT:
        return pa.array(values, type=pa.string())  # in chunks
    return _from_buffers(
        values, pa.string(), [pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(b"".join(encoded))]
    )


def _from_buffers(values: Sequence[object], kind: Any, buffers: list[Any]) -> Any:
    """Return an Arrow array of buffers in Arrow's layout; ``pa.array`` would import pandas where that is installed."""
    valid = np.array([value is not None for value in values], bool)
    missing = len(values) - int(valid.sum())
    bits = pa.py_buffer(np.packbits(valid, bitorder="little")) if missing else None
    return pa.Array.from_buffers(kind, len(values), [bits, *buffers], missing)


def _kind(path: Path, entry: Any) -> Kind:
    if pa.types.is_string(entry.type) or pa.types.is_large_string(entry.type):
        return "str"
    if pa.types.is_integer(entry.type):
        return "int"
    if pa.types.is_floating(entry.type):
        return "float"
    raise SourceError(f"{shown(path)}: column {entry.name} has type {entry.type}; give text or numbers")
