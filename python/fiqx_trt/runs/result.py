"""Scores in memory: rows, Arrow or pandas, and a summary to print or to show in a notebook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fiqx_trt.rows import Column, Row
from fiqx_trt.runs.frames import arrow_to_pandas
from fiqx_trt.runs.method_summary import summarise_methods
from fiqx_trt.runs.show import html_page, html_row, row_name
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
        methods = summarise_methods(self.methods, self.rows, worst=NAMED)
        lines = [self._summary(), *(method.line() for method in methods), *self._failures()]
        return [*lines, *(f"note: {note}" for note in self.notes)]

    def _summary(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in self.counts.items()) or "no picture"
        return f"{len(self)} row{'' if len(self) == 1 else 's'}: {counts}; {self.ran}"

    def _failures(self) -> list[str]:
        failed = [row for row in self.rows if row["status"] != "ok"]
        lines = [f"{row_name(row)}: {row['status']}: {row['error']}" for row in failed[:NAMED]]
        return [*lines, f"… and {len(failed) - NAMED} more that are not ok"] if len(failed) > NAMED else lines
