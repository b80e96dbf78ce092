"""What a page shows of a table of explained faces, in one pass; memory does not grow with the table."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fiqx_trt.rows import Row

__all__ = ["Spread", "TableSummary", "summarise_rows"]

#: Faces that are kept of either end, and failed rows of every status.
FACES, REASONS = 12, 3
#: Rows that wait until they are compared with the faces kept.
WAITING = 1024


@dataclass
class Spread:
    """How the values of a column are spread, rounded as they are shown; so few different ones are left of any number.

    Parameters
    ----------
    digits
        Decimals of the values.
    counts
        Rounded value → how often it was seen.
    total
        Sum of the values, not rounded.

    Examples
    --------
    >>> spread = Spread(2)
    >>> for value in (0.5, 0.251, 0.75, 1.0):
    ...     spread.add(value)
    >>> spread.at(0.0), spread.at(0.5), spread.at(1.0), spread.mean
    (0.25, 0.625, 1.0, 0.62525)
    """

    digits: int
    counts: Counter[float] = field(default_factory=Counter)
    total: float = 0.0

    def add(self, value: float) -> None:
        """Take a finite number."""
        self.counts[round(value, self.digits)] += 1
        self.total += value

    @property
    def count(self) -> int:
        """How many values there are."""
        return self.counts.total()

    @property
    def mean(self) -> float | None:
        """The mean; ``None`` of nothing."""
        return self.total / self.count if self.counts else None

    def at(self, share: float) -> float | None:
        """Return the quantile of a share, 0 to 1, interpolated between the two values around it; ``None`` of nothing."""
        place = share * (self.count - 1)
        below, seen = None, 0
        for value, times in sorted(self.counts.items()):
            if below is not None:  # the place is between the last value and this one
                return below + (value - below) * (place - (seen - 1))
            seen += times
            if place <= seen - 1:
                return value
            if place < seen:
                below = value
        return below


@dataclass
class TableSummary:
    """What is known of a table.

    Parameters
    ----------
    rank
        The column that the faces are ordered by.
    spreads
        Column of numbers → how they are spread over the ``ok`` rows.
    statuses
        Status → rows.
    failed
        Status → its first rows.
    low
        Region → rows whose column ``low`` names it.
    lowest, highest
        Rows with the lowest and with the highest values of `rank`, from the outermost inwards; of equal ones the first.
    """

    rank: str
    spreads: dict[str, Spread]
    statuses: Counter[str] = field(default_factory=Counter)
    failed: dict[str, list[Row]] = field(default_factory=dict)
    low: Counter[str] = field(default_factory=Counter)
    lowest: list[Row] = field(default_factory=list)
    highest: list[Row] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return self.statuses.total()

    @property
    def faces(self) -> int:
        """Rows that are ``ok``."""
        return self.statuses["ok"]

    def add(self, row: Row) -> None:
        """Take the next row, which is no candidate for `lowest` and `highest` (`choose`)."""
        status = str(row["status"])
        self.statuses[status] += 1
        if status != "ok":
            first = self.failed.setdefault(status, [])
            if len(first) < REASONS:
                first.append(row)
            return
        for name, spread in self.spreads.items():
            if isinstance(value := row.get(name), int | float):
                spread.add(value)
        self.low.update(str(row.get("low") or "").split())

    def choose(self, rows: Sequence[Row]) -> None:
        """Let the next rows, in the order of the table, compete for `lowest` and `highest`."""
        ranked = [row for row in rows if isinstance(row.get(self.rank), int | float)]
        self.lowest = heapq.nsmallest(FACES, [*self.lowest, *ranked], key=self._value)
        self.highest = heapq.nlargest(FACES, [*self.highest, *ranked], key=self._value)

    def _value(self, row: Row) -> float:
        return float(row[self.rank] or 0.0)


def summarise_rows(rows: Iterable[Row], rank: str, columns: Mapping[str, int]) -> TableSummary:
    """Return what is known of a table.

    Parameters
    ----------
    rows
        The table, row after row.
    rank
        The column that orders the faces.
    columns
        Columns of numbers to tell the spread of → decimals they are shown with.
    """
    found = TableSummary(rank, {name: Spread(digits) for name, digits in columns.items()})
    waiting: list[Row] = []
    for row in rows:
        found.add(row)
        waiting.append(row)
        if len(waiting) >= WAITING:
            found.choose(waiting)
            waiting.clear()
    found.choose(waiting)
    return found
