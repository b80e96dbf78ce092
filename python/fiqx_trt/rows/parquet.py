"""Parquet tables, written and read in row groups."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fiqx_trt.errors import SourceError
from fiqx_trt.faces.tables import reading_parquet
from fiqx_trt.files import open_new, open_regular
from fiqx_trt.rows.arrow_arrays import ARROW_TYPES, arrow_array
from fiqx_trt.rows.schema import Column, Kind, Row, Value
from fiqx_trt.text import shown

__all__ = ["arrow_table", "read_columns", "read_parquet", "write_parquet"]

ROW_GROUP = 16_384
"""Rows held in memory at once."""


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
    return pa.table([arrow_array(column, rows) for column in columns], schema=_schema(columns))


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
    return pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in columns])


def _kind(path: Path, entry: Any) -> Kind:
    if pa.types.is_string(entry.type) or pa.types.is_large_string(entry.type):
        return "str"
    if pa.types.is_integer(entry.type):
        return "int"
    if pa.types.is_floating(entry.type):
        return "float"
    raise SourceError(f"{shown(path)}: column {entry.name} has type {entry.type}; give text or numbers")
