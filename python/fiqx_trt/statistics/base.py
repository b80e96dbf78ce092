"""The common base of both kinds of map statistics."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.statistics.median import MedianStore

__all__ = ["DEFAULT_BINS", "DEFAULT_BUDGET", "Statistics"]

DEFAULT_BUDGET = 64 << 20
DEFAULT_BINS = 256

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]


class Statistics(ABC):
    """Mean, deviation and median per pixel of a stream of maps, as a value that merges.

    Empty statistics are the identity of :meth:`merge`; ``a + b`` changes neither operand. Instances pickle.
    """

    def __init__(
        self, size: tuple[int, int], row: tuple[int, ...], *, memory_budget: int, bins: int | None
    ) -> None:
        if len(size) != 2 or min(size) < 1:
            raise InvalidInputError(f"size is {size}; give the height and width of the maps, both at least 1")
        if memory_budget < 0:
            raise InvalidInputError(f"memory_budget is {memory_budget}; give a number of bytes, 0 or more")
        if bins is not None and not 2 <= bins <= 65536:
            raise InvalidInputError(f"bins is {bins}; give 2 to 65536, or None to keep no median")
        self.size = (int(size[0]), int(size[1]))
        self.memory_budget = int(memory_budget)
        self.bins = bins
        self._row = row
        self._count = 0
        capacity = self.memory_budget // (4 * int(np.prod(row)))
        self._store = None if bins is None else MedianStore(self.size, bins=bins, capacity=capacity)

    def __repr__(self) -> str:
        """Return kind, number and size of the maps, and bytes."""
        return f"<{type(self).__name__} of {self.count} maps, {self.size[0]}×{self.size[1]}, {self.nbytes} bytes>"

    @property
    def count(self) -> int:
        """Number of maps."""
        return self._count

    @property
    @abstractmethod
    def mean(self) -> Doubles:
        """Mean per pixel, ``(H, W)`` float64 (Fu & Damer, Eq. 1)."""

    @property
    @abstractmethod
    def std(self) -> Doubles:
        """Population standard deviation per pixel, 1/N, ``(H, W)`` float64 (Fu & Damer, Eq. 2)."""

    @property
    def nbytes(self) -> int:
        """Bytes of the state."""
        return self._moment_bytes() + (0 if self._store is None else self._store.nbytes)

    @property
    def median(self) -> Doubles:
        """Median per pixel, ``(H, W)`` float64 (Fu & Damer, Eq. 3); for an even count the mean of the two middle values.

        It is exact while the maps fit the memory budget, and from a histogram beyond it (:attr:`median_error`).

        Raises
        ------
        InvalidInputError
            No map was pushed, or no median is kept (``bins=None``).
        """
        store = self._median_store()
        self._require_maps("median")
        if store.exact:
            return self._exact_median()
        return store.histogram_median()

    @property
    def median_std(self) -> Doubles:
        """Root mean square deviation from the median, ``(H, W)`` float64 (Fu & Damer, Eq. 4).

        ``sqrt(1/N Σ (a - median)²) = sqrt(std² + (mean - median)²)``: no second pass over the maps.
        """
        return np.asarray(np.sqrt(np.square(self.std) + np.square(self.mean - self.median)))

    @property
    def median_error(self) -> float:
        """Largest error of the median at any pixel: 0 while it is exact, half a bin beyond the memory budget."""
        return self._median_store().error

    @property
    def median_exact(self) -> bool:
        """Whether the median is exact."""
        return self._median_store().exact

    def merge(self, other: Statistics) -> None:
        """Add the maps of other statistics; the result equals that of one state that saw all maps.

        Raises
        ------
        InvalidInputError
            The other statistics are of another kind, size, budget or number of bins.
        """
        if type(other) is not type(self) or other._settings() != self._settings():
            raise InvalidInputError(
                f"cannot merge {other!r} with settings {getattr(other, '_settings', tuple)()} into {self!r} with "
                f"{self._settings()}: make both with the same size, memory_budget and bins"
            )
        other = other._on_host()
        self._merge_moments(other)
        if self._store is not None and other._store is not None:
            self._store.merge(other._store, self._expand)

    def copy(self) -> Statistics:
        """Return an independent copy."""
        return copy.deepcopy(self)

    def __add__(self, other: Statistics) -> Statistics:
        if not isinstance(other, Statistics):
            return NotImplemented
        total = self.copy()
        total.merge(other)
        return total

    def _on_host(self) -> Statistics:
        """Return this state in host memory."""
        return self

    def _settings(self) -> tuple[object, ...]:
        return self.size, self._row, self.memory_budget, self.bins

    def _median_store(self) -> MedianStore:
        if self._store is None:
            raise InvalidInputError("this state keeps no median (bins=None); make it with a number of bins")
        return self._store

    def _require_maps(self, what: str) -> None:
        if self.count == 0:
            raise InvalidInputError(f"there is no {what} of 0 maps; push some first")

    @abstractmethod
    def _moment_bytes(self) -> int: ...

    @abstractmethod
    def _merge_moments(self, other: Statistics) -> None: ...

    @abstractmethod
    def _exact_median(self) -> Doubles: ...

    @abstractmethod
    def _expand(self, rows: Floats) -> Iterator[Floats]: ...
