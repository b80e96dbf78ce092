"""What the scores of a method look like as a whole, in one line: median, spread, and the worst faces by name."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.rows import Column, Row
from fiqx_trt.rows.column_batches import column_batches
from fiqx_trt.runs.show import number_text, row_name
from fiqx_trt.text import unescape_text

__all__ = ["MethodSummary", "push_rows", "summarise_methods", "summarise_table"]

#: Values that are kept of a method. Of more, every second, fourth, … is kept, so that memory does not grow.
KEPT = 1 << 20


@dataclass
class MethodSummary:
    """The scores of one method.

    Parameters
    ----------
    name
        Name of the method.
    higher_is_better
        Whether a higher score means a better face.
    worst
        How many faces are named.
    """

    name: str
    higher_is_better: bool
    worst: int = 3
    count: int = 0
    _values: list[NDArray[np.float64]] = field(default_factory=list)
    _hundreds: list[NDArray[np.float64]] = field(default_factory=list)
    _whole: bool = True  # every face has a value between 0 and 100
    _step: int = 1
    _lowest: list[tuple[float, int, Row]] = field(default_factory=list)

    def push(
        self, values: NDArray[np.float64], hundreds: NDArray[np.float64] | None, rows: Sequence[Row] | Any
    ) -> None:
        """Take the scores of the next faces.

        Parameters
        ----------
        values
            Scores, ``(N,)``.
        hundreds
            The same between 0 and 100, or ``None`` where a face has none.
        rows
            What names the faces; only those of the worst are looked at.
        """
        first = -self.count % self._step
        self._values.append(values[first :: self._step])
        self._whole &= hundreds is not None
        if hundreds is not None:
            self._hundreds.append(hundreds[first :: self._step])
        keys = values if self.higher_is_better else -values
        for i in np.argsort(keys, kind="stable")[: self.worst].tolist():
            self._lowest.append((float(keys[i]), self.count + i, rows[i]))
        self._lowest = nsmallest(self.worst, self._lowest, key=lambda one: one[:2])
        self.count += len(values)
        while sum(map(len, self._values)) > KEPT:
            self._thin()

    def _thin(self) -> None:
        self._step *= 2
        self._values = [np.concatenate(self._values)[::2]]
        if self._hundreds:
            self._hundreds = [np.concatenate(self._hundreds)[::2]]

    def line(self) -> str:
        """Return the summary as a line of text."""
        if not self.count:
            return f"{self.name}: no number"
        values = np.concatenate(self._values)
        if self.count == 1:
            return f"{self.name}: {number_text(float(values[0]))}{self._hundred()} {row_name(self._lowest[0][2])}"
        sign = 1.0 if self.higher_is_better else -1.0
        named = ", ".join(f"{number_text(sign * key)} {row_name(row)}" for key, _, row in self._lowest)
        low, middle, high = (number_text(float(q)) for q in np.quantile(values, [0.25, 0.5, 0.75]))
        side = "lowest" if self.higher_is_better else "highest (lower is better)"
        return f"{self.name}: median {middle}{self._hundred()}, half of them {low} to {high}; {side} {named}"

    @property
    def worst_path(self) -> str | None:
        """The input with the worst face; ``None`` where there is no score."""
        return str(self._lowest[0][2]["path"]) if self._lowest else None

    def _hundred(self) -> str:
        if not (self._whole and self._hundreds):
            return ""
        return f" ({statistics.median(np.concatenate(self._hundreds).tolist()):g} of 100)"


def summarise_methods(
    methods: Mapping[str, bool], rows: Sequence[Row], *, worst: int = 3
) -> list[MethodSummary]:
    """Summarise the scores of rows in memory.

    Parameters
    ----------
    methods
        Names of methods, and of each whether a higher score is better.
    rows
        Rows of a score table.
    worst
        How many faces are named.
    """
    summaries = [MethodSummary(name, better, worst) for name, better in methods.items()]
    push_rows(summaries, rows)
    return summaries


def push_rows(summaries: Sequence[MethodSummary], rows: Sequence[Row]) -> None:
    """Let summaries take the scores of the next rows of a table."""
    for summary in summaries:
        name = summary.name
        scored = [row for row in rows if row["status"] == "ok" and row.get(name) is not None]
        hundreds: list[Any] = [row.get(f"{name}_100") for row in scored]
        whole = None if None in hundreds else np.asarray(hundreds, float)
        summary.push(np.asarray([row[name] for row in scored], float), whole, scored)


def summarise_table(
    table: Path, columns: Sequence[Column], methods: Mapping[str, bool], *, worst: int = 5
) -> list[MethodSummary]:
    """Summarise the scores of a finished table; memory does not grow with it.

    Parameters
    ----------
    table
        The table, with its columns.
    methods, worst
        As for :func:`summarise_methods`.

    Raises
    ------
    SourceError
        The table cannot be read.
    """
    from fiqx_trt.rows.arrow_arrays import equal_to, numbers

    summaries = [MethodSummary(name, better, worst) for name, better in methods.items()]
    there = {column.name for column in columns}
    names = ["path", "face", "faces", "status", *(n for m in methods for n in (m, f"{m}_100") if n in there)]
    for batch in column_batches(table, columns, names):
        values = {name: numbers(batch.column(name)) for name in names[4:]}
        scored = equal_to(batch.column("status"), "ok")
        for summary in summaries:
            scores = values[summary.name]
            own = np.flatnonzero(scored & ~np.isnan(scores))
            hundreds = values.get(f"{summary.name}_100")
            taken = None if hundreds is None else hundreds[own]
            if taken is not None and np.isnan(taken).any():
                taken = None
            summary.push(scores[own], taken, _Names(batch, own))
    return summaries


@dataclass(frozen=True)
class _Names:
    """The rows of a batch that are looked at: path, face and number of faces."""

    batch: Any
    own: NDArray[np.intp]

    def __getitem__(self, index: int) -> Row:
        at = int(self.own[index])
        row = {name: self.batch.column(name)[at].as_py() for name in ("path", "face", "faces")}
        return {**row, "path": unescape_text(row["path"])}
