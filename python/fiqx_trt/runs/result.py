"""Scores in memory: rows, Arrow or pandas, and a summary to print or to show in a notebook."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fiqx_trt.rows import Column, Row
from fiqx_trt.runs.frames import arrow_to_pandas
from fiqx_trt.runs.show import html_page, html_row, number_text, row_name
from fiqx_trt.text import printable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Scores"]

#: Rows that are named in a summary.
NAMED = 3


@dataclass(frozen=True, repr=False)
class Scores:
    """One row per face or failure, in the order of the inputs.

    Parameters
    ----------
    rows
        The rows; each has the columns of the command ``score``, ``None`` where a value is missing.
    columns
        The columns.
    methods
        The names of the methods, and of each whether a higher number is better.
    ran
        Model, backend, device and precision.
    notes
        What a reader should know before reading the numbers.
    thumbnails
        Small JPEG pictures of aligned faces by their row, the lowest quality first.
    """

    rows: list[Row]
    columns: Sequence[Column]
    methods: Mapping[str, bool]
    ran: str
    notes: Sequence[str] = ()
    thumbnails: Mapping[int, bytes] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """Rows per status."""
        return dict(sorted(Counter(str(row["status"]) for row in self.rows).items()))

    def to_arrow(self) -> pa.Table:
        """Return a ``pyarrow.Table``, as a Parquet file of the command ``score`` holds it."""
        from fiqx_trt.rows.parquet import arrow_table

        return arrow_table(self.columns, self.rows)

    def to_pandas(self) -> pd.DataFrame:
        """Return a ``pandas.DataFrame``; whole numbers have the nullable type ``Int64``.

        Raises
        ------
        DependencyError
            pandas is not installed.
        """
        return arrow_to_pandas(self.to_arrow())

    def __repr__(self) -> str:
        return "\n".join(map(printable, self._lines()))

    def _repr_html_(self) -> str:
        """Return a table of the thumbnails and their numbers, for notebooks."""
        names = [column.name for column in self.columns if self._belongs(column.name)]
        rows = [
            html_row(self.rows[index], names, picture) for index, picture in (self.thumbnails or {}).items()
        ]
        return html_page(self._lines(), names, rows)

    def _belongs(self, column: str) -> bool:
        return any(column == name or column.startswith(f"{name}_") for name in self.methods)

    def _lines(self) -> list[str]:
        lines = [self._summary(), *map(self._method_line, self.methods), *self._failures()]
        return [*lines, *(f"note: {note}" for note in self.notes)]

    def _summary(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in self.counts.items()) or "no picture"
        return f"{len(self)} row{'' if len(self) == 1 else 's'}: {counts}; {self.ran}"

    def _method_line(self, method: str) -> str:
        better = self.methods[method]
        scored = [row for row in self.rows if row["status"] == "ok" and row.get(method) is not None]
        if not scored:
            return f"{method}: no number"
        values = [float(row[method]) for row in scored]  # type: ignore[arg-type]
        if len(scored) == 1:
            return f"{method}: {number_text(values[0])}{_hundred(scored, method)} {row_name(scored[0])}"
        order = sorted(range(len(scored)), key=lambda i: values[i] if better else -values[i])
        worst = ", ".join(f"{number_text(values[i])} {row_name(scored[i])}" for i in order[:NAMED])
        side = "lowest" if better else "highest (lower is better)"
        return f"{method}: median {number_text(statistics.median(values))}{_hundred(scored, method)}; {side} {worst}"

    def _failures(self) -> list[str]:
        failed = [row for row in self.rows if row["status"] != "ok"]
        lines = [f"{row_name(row)}: {row['status']}: {row['error']}" for row in failed[:NAMED]]
        return [*lines, f"… and {len(failed) - NAMED} more that are not ok"] if len(failed) > NAMED else lines


def _hundred(rows: Sequence[Row], method: str) -> str:
    """Return the median on the scale 0–100 in brackets, where every row has it."""
    values: list[Any] = [row.get(f"{method}_100") for row in rows]
    return "" if None in values else f" ({statistics.median(values):g} of 100)"
