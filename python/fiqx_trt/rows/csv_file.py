"""The one writer of CSV files that are no score tables: the same bytes for the same values as :class:`CsvLines` gives.

RFC 4180, UTF-8, shortest floats that read back the same, nothing where there is no number, and names as
:mod:`fiqx_trt.text` writes them, so that a name that is not UTF-8 never makes a file that nobody can read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from fiqx_trt.files import write_whole
from fiqx_trt.rows.lines import csv_record

__all__ = ["write_csv", "write_rows"]


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV in one step.

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
