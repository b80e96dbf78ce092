"""The median of a stream: exact while the sample fits a memory budget, from a histogram per pixel beyond it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels

__all__ = ["MedianStore"]

Floats = NDArray[np.float32]
#: Expands stored rows, ``(n, ...)`` float32, into blocks of maps ``(m, H, W)`` float32 in [0, 1].
Expand = Callable[[Floats], Iterator[Floats]]


class MedianStore:
    """What is kept of a sample so that its median per pixel can be told.

    Which of the two forms a store has depends on the number of rows alone, never on how they arrived, so that any split and
    any order of merging give the same store.

    Parameters
    ----------
    size
        Height H and width W of the maps.
    bins
        Bins of the histogram over [0, 1].
    capacity
        Rows that may be kept as they are.
    """

    def __init__(self, size: tuple[int, int], *, bins: int, capacity: int) -> None:
        self.size = size
        self.bins = bins
        self.capacity = capacity
        self.count = 0
        self._rows: list[Floats] = []
        self._counts: NDArray[np.uint32] | None = None

    @property
    def exact(self) -> bool:
        """Whether the rows themselves are kept."""
        return self._counts is None

    @property
    def error(self) -> float:
        """Largest error of the median: 0 while exact, half a bin otherwise."""
        return 0.0 if self.exact else 0.5 / self.bins

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(rows.nbytes for rows in self._rows) + (0 if self._counts is None else self._counts.nbytes)

    def push(self, rows: Floats, expand: Expand) -> None:
        """Add rows; they are copied where they are kept."""
        self.count += len(rows)
        if self._counts is None and self.count <= self.capacity:
            self._rows.append(rows.copy())
            return
        self._spill(expand)
        self._tally(rows, expand)

    def merge(self, other: MedianStore, expand: Expand) -> None:
        """Add another store of the same size, bins and capacity."""
        self.count += other.count
        if other._counts is None and self._counts is None and self.count <= self.capacity:
            self._rows.extend(other._rows)  # rows are never written to, so two stores may share them
            return
        counts = self._spill(expand)
        if other._counts is not None:
            kernels.pixel_histogram_merge(counts, other._counts)
        for rows in other._rows:
            self._tally(rows, expand)

    def rows(self) -> Floats | None:
        """Return all rows kept, or None where there are none."""
        if len(self._rows) > 1:
            self._rows = [np.concatenate(self._rows)]
        return self._rows[0] if self._rows else None

    def histogram_median(self) -> NDArray[np.float64]:
        """Return the median per pixel ``(H, W)`` from the counts."""
        return np.asarray(kernels.pixel_histogram_quantile(self._counts, 0.5))

    def _spill(self, expand: Expand) -> NDArray[np.uint32]:
        """Turn kept rows into counts."""
        if self._counts is None:
            self._counts = np.zeros((*self.size, self.bins), np.uint32)
            kept, self._rows = self._rows, []
            for rows in kept:
                self._tally(rows, expand)
        return self._counts

    def _tally(self, rows: Floats, expand: Expand) -> None:
        for maps in expand(rows):
            kernels.pixel_histogram(maps, self._counts)
