"""The median of a stream: exact while the sample fits a memory budget, from a histogram per pixel beyond it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.kernels import Array
from fiqx_trt.runtime.device_context import HOST, DeviceContext

__all__ = ["MedianStore"]

#: Expands stored rows, ``(n, ...)`` float32, into blocks of maps ``(m, H, W)`` float32 in [0, 1].
Expand = Callable[[Array], Iterator[Array]]


class MedianStore:
    """The part of a sample that is kept for its median per pixel.

    The form of a store depends on the number of rows only, not on the order of arrival: any split and any order of merging
    give the same store.

    Parameters
    ----------
    size
        Height H and width W of the maps.
    bins
        Bins of the histogram over [0, 1].
    capacity
        Number of rows that may be kept unchanged.
    """

    def __init__(self, size: tuple[int, int], *, bins: int, capacity: int) -> None:
        self.size = size
        self.bins = bins
        self.capacity = capacity
        self.count = 0
        self._context: DeviceContext = HOST
        self._rows: list[Array] = []
        self._counts: Array | None = None

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
        """Bytes of the store."""
        counts = [] if self._counts is None else [self._counts]
        return sum(int(array.nbytes) for array in [*self._rows, *counts])

    def move(self, context: DeviceContext) -> None:
        """Copy the store to the context of the rows that will be pushed."""
        if context is not self._context:
            counts = [] if self._counts is None else [self._counts]
            moved = [context.upload(array) for array in self._context.fetch(*self._rows, *counts)]
            self._context, self._rows = context, moved[: len(self._rows)]
            self._counts = moved[-1] if counts else None

    def push(self, rows: Array, expand: Expand) -> None:
        """Add rows of the store's context; rows that are kept are copied."""
        self.count += len(rows)
        if self._counts is None and self.count <= self.capacity:
            kept = self._context.empty(rows.shape, np.float32)
            kernels.copy(rows, kept, stream=self._context.stream)
            self._rows.append(kept)
            return
        self._spill(expand)
        self._tally(rows, expand)

    def merge(self, other: MedianStore, expand: Expand) -> None:
        """Add another store of the same size, bins, capacity and context."""
        self.count += other.count
        if other._counts is None and self._counts is None and self.count <= self.capacity:
            self._rows.extend(other._rows)  # rows are never written to, so two stores may share them
            return
        counts = self._spill(expand)
        if other._counts is not None:
            kernels.pixel_histogram_merge(counts, other._counts, stream=self._context.stream)
        for rows in other._rows:
            self._tally(rows, expand)

    def rows(self) -> Array | None:
        """Return all kept rows in the store's context, or None where there are none."""
        if len(self._rows) > 1:
            self._rows = [self._context.concatenate(self._rows)]
        return self._rows[0] if self._rows else None

    def histogram_median(self) -> NDArray[np.float64]:
        """Return the median per pixel ``(H, W)`` from the counts."""
        median = kernels.pixel_histogram_quantile(self._counts, 0.5, stream=self._context.stream)
        return self._context.fetch(median)[0]

    def _spill(self, expand: Expand) -> Array:
        """Convert the kept rows to counts."""
        if self._counts is None:
            self._counts = self._context.zeros((*self.size, self.bins), np.uint32)
            kept, self._rows = self._rows, []
            for rows in kept:
                self._tally(rows, expand)
        return self._counts

    def _tally(self, rows: Array, expand: Expand) -> None:
        for maps in expand(rows):
            kernels.pixel_histogram(maps, self._counts, stream=self._context.stream)
