"""The result of a run into files: its table as rows, Arrow or pandas, and a summary to print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from fiqx_trt.errors import OutputError
from fiqx_trt.rows import BASE_COLUMNS, DETECTION_COLUMNS, Row, RunMeta, read_table
from fiqx_trt.runs.frames import arrow_to_pandas
from fiqx_trt.runs.record import RanModel
from fiqx_trt.runs.show import html_page, html_row, small_jpeg
from fiqx_trt.text import printable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["RunResult"]

#: Faces that a notebook shows, and the height of their pictures in pixels.
SHOWN, HEIGHT = 12, 120


@dataclass(frozen=True, repr=False)
class RunResult:
    """The table that a run wrote, its record, and the number of rows per status.

    Parameters
    ----------
    table
        The table's file; its record is ``<table>.meta.json``. Maps and pictures are in ``maps/`` and ``pictures/`` beside it.
    meta
        The record: the call, every setting that changes a number, counts and duration.
    complete
        Whether every input has its rows; if not, call again with ``resume=True``.
    model
        The model's contract, and the backend, device and precision it ran on.
    ran
        How the network ran, as text for the summary.
    """

    table: Path
    meta: RunMeta
    complete: bool
    model: RanModel
    ran: str

    @property
    def counts(self) -> Mapping[str, int]:
        """Rows per status, such as ``{"no_face": 1, "ok": 12}``."""
        return dict(self.meta.counts)

    @property
    def rows(self) -> list[Row]:
        """All rows, in the order of the inputs, read from the table."""
        return list(self)

    def __len__(self) -> int:
        return self.meta.rows

    def __iter__(self) -> Iterator[Row]:
        """Read the table, one row after the other.

        Raises
        ------
        OutputError
            The run is not complete.
        """
        if not self.complete:
            raise OutputError(
                f"{self.table} is not complete, so it cannot be read; call again with resume=True to go on"
            )
        return read_table(self.table)

    def to_arrow(self) -> pa.Table:
        """Return the table as a ``pyarrow.Table``.

        Raises
        ------
        OutputError
            The run is not complete.
        """
        from fiqx_trt.rows.parquet import arrow_table

        return arrow_table(self.meta.columns, self.rows)

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a ``pandas.DataFrame``; whole numbers have the nullable type ``Int64``.

        Raises
        ------
        OutputError
            The run is not complete.
        DependencyError
            pandas is not installed.
        """
        return arrow_to_pandas(self.to_arrow())

    def lines(self) -> list[str]:
        """Return lines of text: rows per status and duration; model, backend and precision."""
        meta = self.meta
        counts = ", ".join(f"{count} {status}" for status, count in meta.counts.items()) or "no rows"
        rate = f", {meta.inputs / meta.duration_s:.1f} inputs/s" if meta.duration_s > 0 else ""
        model = self.model
        skipped = passed_over(model.notes)
        return [
            f"{self.table}: {counts}; {meta.duration_s:.1f} s{rate}",
            f"{model.spec.name} on {model.backend}, {model.device}, {self.ran}",
            *([f"not used: {skipped}"] if skipped else []),
        ]

    def __repr__(self) -> str:
        return "\n".join(map(printable, self._lines()))

    def _repr_html_(self) -> str:
        """Return the first faces with their pictures, where they were written, and numbers, for notebooks."""
        rows = [row for row in islice(self, 10 * SHOWN) if row["status"] == "ok"] if self.complete else []
        names = self._shown_columns()
        return html_page(
            self._lines(), names, [html_row(row, names, self._picture(row)) for row in rows[:SHOWN]]
        )

    def _lines(self) -> list[str]:
        more = [] if self.complete else ["not complete; call again with resume=True to go on"]
        if self.complete and set(self.meta.counts) - {"ok"}:
            more = ["the column error says why rows failed"]
        return [*self.lines(), *more]

    def _shown_columns(self) -> Sequence[str]:
        common = {column.name for column in (*BASE_COLUMNS, *DETECTION_COLUMNS)} | {"picture", "maps"}
        return [column.name for column in self.meta.columns if column.name not in common]

    def _picture(self, row: Row) -> bytes:
        """Return a face's picture, small; empty where there is none."""
        if not row.get("picture"):
            return b""
        from fiqx_trt.runs.face_picture import read_panels

        panels = read_panels(self.table.parent / "pictures" / str(row["picture"]))
        return b"" if panels is None else small_jpeg(panels[:, :, ::-1], height=HEIGHT)


def passed_over(notes: Sequence[str]) -> str:
    """Return in one line which backends `auto` could not use, and why; empty where it took the first.

    Examples
    --------
    >>> passed_over(["tensorrt on cuda skipped: no driver", "torch on cuda skipped: no driver", "batch 4"])
    'tensorrt on cuda, torch on cuda: no driver'
    """
    reasons: dict[str, list[str]] = {}
    for note in notes:
        backend, skipped, reason = note.partition(" skipped: ")
        if skipped:
            reasons.setdefault(reason, []).append(backend)
    return "; ".join(f"{', '.join(backends)}: {reason}" for reason, backends in reasons.items())
