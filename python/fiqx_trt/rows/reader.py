"""Read tables, the package's own and foreign ones, as typed rows."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fiqx_trt.errors import InvalidInputError, OutputError, SourceError
from fiqx_trt.files import open_regular, parse_json
from fiqx_trt.rows.lines import CsvLines, JsonLines, parse_cell, split_cells
from fiqx_trt.rows.meta import RunMeta, meta_path
from fiqx_trt.rows.schema import BASE_COLUMNS, Column, Kind, Value
from fiqx_trt.text import shown, unescape_text

__all__ = ["SUFFIXES", "read_rows", "read_table", "table_columns", "table_format"]

SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
"""File suffix (lower case) to table format."""


def table_format(path: Path) -> str:
    """Return ``"csv"``, ``"jsonl"`` or ``"parquet"`` for a file name; raise InvalidInputError for another suffix.

    Examples
    --------
    >>> table_format(Path("s.CSV"))
    'csv'
    """
    name = SUFFIXES.get(path.suffix.lower())
    if name is None:
        raise InvalidInputError(
            f"{shown(path)} has the suffix {path.suffix!r}; use .csv, .jsonl (or .ndjson) or .parquet"
        )
    return name


def table_columns(path: Path, *, kinds: Mapping[str, Kind] | None = None) -> tuple[Column, ...]:
    """Return the columns of a table, in order, with their kinds.

    The kind of a column is the first of: the one in `kinds`; the one in the record beside the table
    (``<path>.meta.json``); that of ``BASE_COLUMNS`` in a table that begins with their names; text for
    ``path``; the narrowest that every value in the file fits: whole numbers, finite numbers, text. An empty
    cell is missing and fits all.

    Parameters
    ----------
    path
        A .csv, .jsonl, .ndjson or .parquet file.
    kinds
        Kinds of some columns. A value that does not fit is an error when the table is read.

    Raises
    ------
    SourceError
        If the file cannot be read or is malformed; the message names the line.
    InvalidInputError
        If the suffix is unknown, or `kinds` names a column that is not in the table.
    """
    path = Path(path)
    try:
        columns = _infer(path, kinds or {})
    except OSError as error:
        raise SourceError(f"cannot read {shown(path)}: {error.strerror or error}") from error
    missing = sorted(set(kinds or ()) - {column.name for column in columns})
    if missing:
        names = ", ".join(column.name for column in columns)
        raise InvalidInputError(f"{shown(path)} has no column {', '.join(missing)}; its columns are {names}")
    return columns


def read_table(path: Path, *, kinds: Mapping[str, Kind] | None = None) -> Iterator[dict[str, Value]]:
    r"""Yield the rows of a table, typed, with one row (of Parquet, one row group) in memory.

    Missing values are ``None``. In tables of this package (those that begin with ``path, face, faces, status,
    error``) the escapes of `fiqx_trt.text` are undone. The arguments and the errors are those of `table_columns`;
    SourceError is also raised while reading.

    Examples
    --------
    >>> import tempfile
    >>> from fiqx_trt.files import write_atomic
    >>> file = Path(tempfile.mkdtemp()) / "scores.csv"
    >>> write_atomic(file, b"path,score\na.jpg,0.5\n")
    >>> list(read_table(file))
    [{'path': 'a.jpg', 'score': 0.5}]
    """
    path = Path(path)
    columns = table_columns(path, kinds=kinds)
    if columns[: len(BASE_COLUMNS)] == BASE_COLUMNS:
        return read_rows(path, columns)
    return _typed_rows(path, columns, own=False)


def read_rows(path: Path, columns: Sequence[Column]) -> Iterator[dict[str, Value]]:
    """Yield the rows of one of the package's own tables with known columns; raise SourceError where it is damaged."""
    return _typed_rows(path, columns, own=True)


def _typed_rows(path: Path, columns: Sequence[Column], *, own: bool) -> Iterator[dict[str, Value]]:
    names = [column.name for column in columns]
    try:
        for where, raw in _raw_rows(path):
            if own and list(raw) != names:
                raise SourceError(f"{where}: the columns are {', '.join(raw)}; expected {', '.join(names)}")
            row: dict[str, Value] = {}
            for column in columns:
                value = _typed(where, column, raw.get(column.name))
                row[column.name] = unescape_text(value) if own and isinstance(value, str) else value
            yield row
    except OSError as error:
        raise SourceError(f"cannot read {shown(path)}: {error.strerror or error}") from error


def _infer(path: Path, kinds: Mapping[str, Kind]) -> tuple[Column, ...]:
    if table_format(path) == "parquet":
        from fiqx_trt.rows import parquet

        return tuple(Column(c.name, kinds.get(c.name, c.kind)) for c in parquet.read_columns(path))
    first = (
        _csv_header(path)[0]
        if table_format(path) == "csv"
        else next((list(r) for _, r in _raw_rows(path)), [])
    )
    fixed = _fixed_kinds(path, first) | dict(kinds)
    inferred: dict[str, Kind] = dict.fromkeys(first, "int")
    for _, raw in _raw_rows(path) if inferred.keys() - fixed.keys() or table_format(path) == "jsonl" else ():
        inferred |= {name: "int" for name in raw if name not in inferred}
        for name in [name for name, kind in inferred.items() if kind != "str" and name not in fixed]:
            inferred[name] = _wider(inferred[name], raw.get(name))
    return tuple(Column(name, fixed.get(name, kind)) for name, kind in inferred.items())


def _fixed_kinds(path: Path, names: Sequence[str]) -> dict[str, Kind]:
    """Return the kinds that are known from the record beside the table or from the names."""
    fixed: dict[str, Kind] = {"path": "str"}
    if [column.name for column in BASE_COLUMNS] == list(names[: len(BASE_COLUMNS)]):
        fixed |= {column.name: column.kind for column in BASE_COLUMNS}
    with contextlib.suppress(OutputError):  # a foreign table, or a moved one, has no record
        fixed |= {column.name: column.kind for column in RunMeta.read(meta_path(path)).columns}
    return fixed


def _wider(kind: Kind, value: object) -> Kind:
    if kind == "int" and not _fits("int", value):
        kind = "float"
    return kind if kind != "float" or _fits("float", value) else "str"


def _fits(kind: Kind, value: object) -> bool:
    if value is None or value == "":
        return True
    if isinstance(value, str):
        digits = value.lstrip("+-")
        if kind == "int" and digits.startswith("0") and digits != "0":
            return False  # 007 is a name, and 0.5 no whole number
        try:
            parse_cell(Column("", kind), value)
        except ValueError:
            return False
        return not _is_padded(digits)
    return not isinstance(value, bool) and isinstance(value, int if kind == "int" else int | float)


def _is_padded(digits: str) -> bool:
    return len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()


def _typed(where: str, column: Column, value: object) -> Value:
    if isinstance(value, str) and column.kind == "str":
        return value or None
    try:
        if isinstance(value, str):
            return parse_cell(column, value)
        return _number(column, value)
    except (OverflowError, ValueError) as error:
        raise SourceError(f"{where}: {error}") from error


def _number(column: Column, value: object) -> Value:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        if column.kind == "float":
            return float(value)
        if column.kind == "int" and isinstance(value, int):
            return value
        if column.kind == "str":
            return str(value)
    raise ValueError(f"column {column.name}: {value!r} is no {column.kind}")


def _raw_rows(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield each row with its position for messages; CSV cells are texts."""
    name = table_format(path)
    if name == "parquet":
        from fiqx_trt.rows import parquet

        for index, row in enumerate(parquet.read_parquet(path), 1):
            yield f"{shown(path)} row {index}", row
    elif name == "jsonl":
        yield from _json_rows(path)
    else:
        yield from _csv_rows(path)


def _json_rows(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    for number, record in _records(path, JsonLines):
        if not record.strip():
            continue
        where = f"{shown(path)} line {number}"
        try:
            row = parse_json(record)
        except ValueError as error:
            raise SourceError(f"{where}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise SourceError(f"{where}: not an object of names and values")
        for name, value in row.items():
            if isinstance(value, dict | list | bool):
                raise SourceError(f"{where}: {name!r} is {value!r}; give text, a number or null")
        yield where, row


def _csv_rows(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    names, lines = _csv_header(path)
    for number, record in _records(path, CsvLines):
        if number <= lines or not record.strip(b"\r\n"):
            continue
        where = f"{shown(path)} line {number}"
        cells = _cells(where, record)
        if len(cells) != len(names):
            raise SourceError(f"{where}: {len(cells)} cells, but the header has {len(names)}")
        yield where, dict(zip(names, cells, strict=True))


def _csv_header(path: Path) -> tuple[list[str], int]:
    """Return the names of the columns and the line of the header."""
    for number, record in _records(path, CsvLines):
        if not record.strip(b"\r\n"):
            continue
        where = f"{shown(path)} line {number}"
        names = _cells(where, record.removeprefix(b"\xef\xbb\xbf"))
        if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
            raise SourceError(f"{where}: the header {names[0]!r} has no comma; give a comma-separated table")
        if len(set(names)) < len(names) or "" in names:
            raise SourceError(f"{where}: the header has empty or repeated names: {', '.join(names)}")
        return names, number
    raise SourceError(f"{shown(path)} is empty; a table begins with a header")


def _cells(where: str, record: bytes) -> list[str]:
    try:
        return split_cells(record.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SourceError(f"{where}: not UTF-8 ({error.reason})") from error
    except ValueError as error:
        raise SourceError(f"{where}: {error}") from error


def _records(path: Path, lines: type[CsvLines | JsonLines]) -> Iterator[tuple[int, bytes]]:
    """Yield the records with their line numbers; the last one may lack its line end."""
    number, size = 1, 0
    with open_regular(path) as file:
        for record in lines.records(file):
            yield number, record
            number, size = number + record.count(b"\n"), size + len(record)
        file.seek(size)
        rest = file.read()
    if rest.count(b'"') % 2 and lines is CsvLines:
        raise SourceError(f"{shown(path)} line {number}: a quote is never closed")
    if rest:
        yield number, rest
