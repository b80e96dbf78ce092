"""Python values to Arrow arrays and back, through the buffers of Arrow's format.

``pyarrow.array``, ``from_pylist`` and ``to_numpy`` import pandas where it is installed, which costs half a second and 50 MB in
every process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fiqx_trt.rows.schema import Column, Row
from fiqx_trt.text import escape_text

__all__ = ["ARROW_TYPES", "arrow_array", "equal_to", "numbers", "stored"]

TEXT_LIMIT = 2**31 - 1
"""Bytes of text that one Arrow array of the type ``string`` can hold."""

ARROW_TYPES = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
"""The Arrow type of each kind of column."""


def arrow_array(column: Column, rows: Sequence[Row]) -> pa.Array | pa.ChunkedArray:
    """Return a column of checked rows, its texts escaped (:mod:`fiqx_trt.text`); in chunks where they are longer than 2 GiB."""
    values: list[Any] = [row[column.name] for row in rows]
    if column.kind == "str":
        return _texts([None if value is None else escape_text(value) for value in values])
    zero, dtype = (0, np.int64) if column.kind == "int" else (0.0, np.float64)
    filled = np.array([zero if value is None else value for value in values], dtype)
    return _from_buffers(values, ARROW_TYPES[column.kind], [pa.py_buffer(filled)])


def _texts(values: list[str | None]) -> Any:
    encoded = [b"" if value is None else value.encode() for value in values]
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    if offsets[-1] > TEXT_LIMIT:
        return pa.array(values, type=pa.string())
    return _from_buffers(
        values, pa.string(), [pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(b"".join(encoded))]
    )


def _from_buffers(values: Sequence[object], kind: Any, buffers: list[Any]) -> Any:
    valid = np.array([value is not None for value in values], bool)
    missing = len(values) - int(valid.sum())
    bits = pa.py_buffer(np.packbits(valid, bitorder="little")) if missing else None
    return pa.Array.from_buffers(kind, len(values), [bits, *buffers], missing)


def stored(column: pa.Array) -> NDArray[Any]:
    """Return the integers or floating-point numbers of an array as they lie in memory; what is missing has any value."""
    whole = np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype())
    return whole[column.offset : column.offset + len(column)]


def numbers(column: pa.Array) -> NDArray[np.float64]:
    """Return the integers or floating-point numbers of an array as float64, with NaN for what is missing."""
    found = stored(column).astype(np.float64)
    if column.null_count:
        found[~_valid(column)] = np.nan
    return found


def equal_to(column: pa.Array, text: str) -> NDArray[np.bool_]:
    """Say which texts of an array are `text`; a missing one is not."""
    _, offsets, data = column.buffers()
    wide = np.int64 if pa.types.is_large_string(column.type) else np.int32
    ends = np.frombuffer(offsets, wide)[column.offset : column.offset + len(column) + 1].astype(np.int64)
    wanted = np.frombuffer(text.encode(), np.uint8)
    same: NDArray[np.bool_] = np.diff(ends) == len(wanted)
    if column.null_count:
        same &= _valid(column)
    at = np.flatnonzero(same)
    letters = np.frombuffer(data or b"", np.uint8)[ends[at, None] + np.arange(len(wanted))]
    same[at] = (letters == wanted).all(axis=1)
    return same


def _valid(column: pa.Array) -> NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(column.buffers()[0], np.uint8), bitorder="little")
    return bits[column.offset : column.offset + len(column)].astype(bool)
