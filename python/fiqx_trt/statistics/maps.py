"""Statistics of maps, pixel by pixel."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import Array
from fiqx_trt.runtime.device_context import HOST, DeviceContext, context_of
from fiqx_trt.statistics.base import DEFAULT_BINS, DEFAULT_BUDGET, Statistics

__all__ = ["MapStatistics"]


class MapStatistics(Statistics):
    """Streaming, mergeable statistics of maps in [0, 1].

    The state is on the device of the maps, and is copied when maps come from another device; its bits do not depend on the
    device. A pickle, a copy and a merged state are in host memory.

    Parameters
    ----------
    size
        Height H and width W of the maps.
    memory_budget
        Bytes of maps that may be kept for an exact median: 64 MiB are 1,337 maps of 112×112. Beyond it the maps are counted
        in a histogram per pixel and dropped; the state never holds more than the larger of the two.
    bins
        Bins of that histogram over [0, 1]: the error of its median is at most half a bin. ``None`` keeps no median.

    Raises
    ------
    InvalidInputError
        A parameter is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> stats = MapStatistics((1, 2))
    >>> stats.push(np.array([[[0.0, 0.25]], [[0.5, 0.75]], [[1.0, 0.25]]], dtype=np.float32))
    >>> stats.count, stats.mean.round(3).tolist(), stats.median.tolist()
    (3, [[0.5, 0.417]], [[0.5, 0.25]])
    """

    def __init__(
        self, size: tuple[int, int], *, memory_budget: int = DEFAULT_BUDGET, bins: int | None = DEFAULT_BINS
    ) -> None:
        super().__init__(size, tuple(size), memory_budget=memory_budget, bins=bins)
        self._context: DeviceContext = HOST
        self._mean: Array = np.zeros(self.size)
        self._m2: Array = np.zeros(self.size)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean per pixel, ``(H, W)`` float64 (Fu & Damer, Eq. 1)."""
        self._require_maps("mean")
        return self._context.fetch(self._mean)[0].copy()

    @property
    def std(self) -> NDArray[np.float64]:
        """Population standard deviation per pixel, 1/N, ``(H, W)`` float64 (Fu & Damer, Eq. 2)."""
        self._require_maps("standard deviation")
        return np.asarray(np.sqrt(self._context.fetch(self._m2)[0] / self._count))

    def push(self, maps: Array) -> None:
        """Add maps.

        Parameters
        ----------
        maps
            ``(N, H, W)`` or ``(H, W)`` float32 in [0, 1]; N may be 0. Maps on a GPU are counted there without a copy.

        Raises
        ------
        InvalidInputError
            Another shape or dtype, or a value that is not a number in [0, 1]. Then nothing is added.
        """
        context = context_of(maps)
        maps = _check_maps(np.asarray(maps) if context is HOST else kernels.borrow(maps), self.size, context)
        if len(maps) == 0:
            return
        self._move(context)
        self._count = kernels.pixel_moments(
            maps, self._mean, self._m2, count=self._count, stream=context.stream
        )
        if self._store is not None:
            self._store.push(maps, self._expand)

    def __getstate__(self) -> dict[str, object]:
        """Return the state in host memory, for pickles and copies."""
        store = copy.copy(self._store)  # its lists are replaced, never changed in place, by `move`
        if store is not None:
            store.move(HOST)
        mean, m2 = self._context.fetch(self._mean, self._m2)
        return {**self.__dict__, "_context": HOST, "_mean": mean, "_m2": m2, "_store": store}

    def _on_host(self) -> Statistics:
        return self if self._context is HOST else self.copy()

    def _move(self, context: DeviceContext) -> None:
        """Copy the state to a context."""
        if context is not self._context:
            self._mean, self._m2 = map(context.upload, self._context.fetch(self._mean, self._m2))
            if self._store is not None:
                self._store.move(context)
            self._context = context

    def _moment_bytes(self) -> int:
        return int(self._mean.nbytes + self._m2.nbytes)

    def _merge_moments(self, other: Statistics) -> None:
        assert isinstance(other, MapStatistics)  # merge() has checked it
        self._move(HOST)
        self._count = kernels.pixel_moments_merge(
            self._mean, self._m2, self._count, other._mean, other._m2, other._count
        )

    def _exact_median(self) -> NDArray[np.float64]:
        rows = self._median_store().rows()
        assert rows is not None  # median() has checked the count
        return self._context.fetch(kernels.pixel_median(rows, stream=self._context.stream))[0]

    def _expand(self, rows: Array) -> Iterator[Array]:
        yield rows


def _check_maps(maps: Array, size: tuple[int, int], context: DeviceContext) -> Array:
    if len(maps.shape) == 2:
        maps = kernels.reshape(maps, (1, *maps.shape))
    if len(maps.shape) != 3 or maps.shape[1:] != size or maps.dtype != np.float32:
        raise InvalidInputError(
            f"the maps are {maps.dtype} of shape {maps.shape}; this state expects float32 of shape "
            f"(N, {size[0]}, {size[1]})"
        )
    low, high = context.fetch(kernels.pixel_range(maps, stream=context.stream))[0]
    if len(maps) and not (low >= 0.0 and high <= 1.0):  # a NaN makes both comparisons false
        raise InvalidInputError(
            f"the maps reach from {low:g} to {high:g}; statistics are taken of numbers in [0, 1]: scale "
            "the maps and drop those that are not finite"
        )
    return maps
