"""Line formats: encode a row as one record, and decode it.

A record always ends in a newline, so the file of a killed process can be cut to complete records.
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

from fiqx_trt.files import csv_record, parse_json
from fiqx_trt.rows.schema import Column, Row, Value
from fiqx_trt.text import escape_text, unescape_text

__all__ = ["CsvLines", "JsonLines", "LineFormat", "parse_cell", "split_cells"]

_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_CELL = re.compile(r'"([^"]*(?:""[^"]*)*)"|([^",\r\n]*)')


class LineFormat(ABC):
    """A text format with one record per row of the given columns."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)

    @property
    def header(self) -> bytes:
        """Bytes before the first row."""
        return b""

    @abstractmethod
    def encode(self, row: Row) -> bytes:
        """Return the record of a checked row."""

    @abstractmethod
    def decode(self, record: bytes) -> dict[str, Value]:
        """Return the row of a complete record; raise ValueError where the record is damaged."""

    @staticmethod
    def records(lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the complete records of an open binary file, without an incomplete last one."""
        return (line for line in lines if line.endswith(b"\n"))


class CsvLines(LineFormat):
    """CSV as in RFC 4180: UTF-8, commas, CRLF, quotes only where a cell needs them, missing = empty.

    A float is written as the shortest decimal number that reads back as the same double.
    """

    @property
    def header(self) -> bytes:  # noqa: D102
        return csv_record([column.name for column in self.columns])

    def encode(self, row: Row) -> bytes:  # noqa: D102
        return csv_record([row[column.name] for column in self.columns])

    def decode(self, record: bytes) -> dict[str, Value]:  # noqa: D102
        cells = split_cells(record.decode("utf-8"))
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells, but the header has {len(self.columns)}")
        row = {}
        for column, cell in zip(self.columns, cells, strict=True):
            value = parse_cell(column, cell)
            row[column.name] = unescape_text(value) if isinstance(value, str) else value
        return row

    @staticmethod
    def records(lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the complete records; newlines inside quotes belong to their cell."""
        parts: list[bytes] = []
        quoted = False
        for line in lines:
            parts.append(line)
            quoted ^= line.count(b'"') % 2 == 1
            if not quoted and line.endswith(b"\n"):
                yield b"".join(parts) if len(parts) > 1 else line
                parts = []


class JsonLines(LineFormat):
    """JSON Lines: one object per row with every column as a key, in order; missing = ``null``."""

    def encode(self, row: Row) -> bytes:  # noqa: D102
        values = {}
        for column in self.columns:
            value = row[column.name]
            values[column.name] = escape_text(value) if isinstance(value, str) else value
        text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode() + b"\n"

    def decode(self, record: bytes) -> dict[str, Value]:  # noqa: D102
        values = parse_json(record.decode("utf-8"))
        names = [column.name for column in self.columns]
        if not isinstance(values, dict) or list(values) != names:
            raise ValueError(f"not an object with the keys {', '.join(names)}")
        return {column.name: _from_json(column, values[column.name]) for column in self.columns}


def split_cells(record: str) -> list[str]:
    r"""Return the cells of one CSV record, with or without its line end; raise ValueError for a misplaced quote.

    Examples
    --------
    >>> split_cells('a,"b ""c"", d",\r\n')
    ['a', 'b "c", d', '']
    """
    text = record.removesuffix("\n").removesuffix("\r")
    if '"' not in text:
        return text.split(",")
    cells, at = [], 0
    while True:
        match = _CELL.match(text, at)
        assert match is not None  # the second alternative matches the empty string
        quoted, plain = match.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        at = match.end() + 1
        if match.end() == len(text):
            return cells
        if text[match.end()] != ",":
            raise ValueError(f"misplaced quote in cell {len(cells)}")


def parse_cell(column: Column, cell: str) -> Value:
    """Return the typed value of a CSV cell, ``None`` for an empty one; raise ValueError where it is not of the column's kind."""
    if not cell:
        return None
    if column.kind == "str":
        return cell
    if column.kind == "int":
        if _INT.fullmatch(cell):
            return int(cell)
        raise ValueError(f"column {column.name}: {cell!r} is not a whole number")
    if _FLOAT.fullmatch(cell) and math.isfinite(number := float(cell)):
        return number
    raise ValueError(f"column {column.name}: {cell!r} is not a finite number")


def _from_json(column: Column, value: object) -> Value:
    if value is None:
        return None
    if column.kind == "str" and isinstance(value, str):
        return unescape_text(value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if column.kind == "int" and number and isinstance(value, int):
        return value
    if column.kind == "float" and number and math.isfinite(converted := _as_float(value)):
        return converted
    raise ValueError(f"column {column.name}: {value!r} is not {_WANTED[column.kind]}")


def _as_float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:  # a whole number beyond every double
        return math.inf


_WANTED = {"str": "text", "int": "a whole number", "float": "a finite number"}
