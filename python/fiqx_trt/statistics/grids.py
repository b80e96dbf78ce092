"""Statistics of maps that are upsampled from small grids, computed from the moments of the grids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.statistics.base import DEFAULT_BINS, DEFAULT_BUDGET, Statistics
from fiqx_trt.statistics.upsampling import BLOCK_BYTES, CompactMaps, axis_weights, pixel_tiles, upsample

__all__ = ["GridStatistics"]


class GridStatistics(Statistics):
    """Streaming, mergeable statistics of :class:`CompactMaps`.

    A map is ``U g`` with one bilinear operator U for all maps, so its mean is ``U ḡ`` and its variance at pixel p is
    ``u_p Σ u_pᵀ`` with the covariance Σ of the h·w grid values: 49 numbers and their covariance determine the mean and the
    deviation of 112×112 pixels. The exact median takes h·w numbers per map, 256 times less than the pixels.

    Parameters
    ----------
    size
        Height H and width W of the maps.
    grid
        Height h and width w of the grids.
    memory_budget
        Bytes of grids that may be kept for an exact median: 64 MiB are 342,000 grids of 7×7. Beyond it the maps are counted
        in a histogram per pixel.
    bins
        Bins of that histogram over [0, 1]; ``None`` keeps no median, and the state has a constant size.

    Raises
    ------
    InvalidInputError
        A parameter is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> stats = GridStatistics((1, 4), (1, 2))
    >>> stats.push(CompactMaps(np.array([[[0.0, 1.0]], [[1.0, 0.0]]], dtype=np.float32), (1, 4)))
    >>> stats.mean.tolist(), stats.std.tolist()
    ([[0.5, 0.5, 0.5, 0.5]], [[0.5, 0.25, 0.25, 0.5]])
    """

    def __init__(
        self,
        size: tuple[int, int],
        grid: tuple[int, int],
        *,
        memory_budget: int = DEFAULT_BUDGET,
        bins: int | None = DEFAULT_BINS,
    ) -> None:
        if len(grid) != 2 or min(grid) < 1:
            raise InvalidInputError(
                f"grid is {grid}; give the height and width of the grids, both at least 1"
            )
        super().__init__(size, (int(grid[0]), int(grid[1])), memory_budget=memory_budget, bins=bins)
        self.grid = (int(grid[0]), int(grid[1]))
        cells = self.grid[0] * self.grid[1]
        self._mean = np.zeros(cells)
        self._products = np.zeros((cells, cells))

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean per pixel, ``(H, W)`` float64 (Fu & Damer, Eq. 1)."""
        self._require_maps("mean")
        return upsample(self._mean.reshape(self.grid), self.size)

    @property
    def std(self) -> NDArray[np.float64]:
        """Population standard deviation per pixel, 1/N, ``(H, W)`` float64 (Fu & Damer, Eq. 2)."""
        self._require_maps("standard deviation")
        rows, columns = (axis_weights(*axis) for axis in zip(self.grid, self.size, strict=True))
        covariance = (self._products / self._count).reshape(*self.grid, *self.grid)
        # Var = Σ r_yi c_xj Σ_ijkl r_yk c_xl, one axis at a time.
        over_rows = np.einsum("yi,ijkl,yk->yjl", rows, covariance, rows, optimize=True)
        variance = np.einsum("xj,yjl,xl->yx", columns, over_rows, columns, optimize=True)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))

    def push(self, maps: CompactMaps) -> None:
        """Add maps.

        Raises
        ------
        InvalidInputError
            The maps or their grids have another size, or a value is not finite. Then nothing is added.
        """
        if maps.size != self.size or maps.grids.shape[1:] != self.grid:
            raise InvalidInputError(
                f"the maps have size {maps.size} from grids {maps.grids.shape[1:]}; this state expects {self.size} "
                f"from {self.grid}"
            )
        if not np.isfinite(maps.grids).all():
            raise InvalidInputError("a grid holds a value that is not finite; drop it first")
        if len(maps) == 0:
            return
        values = maps.grids.reshape(len(maps), -1).astype(np.float64)
        mean = values.mean(axis=0)
        deviations = values - mean
        self._combine(len(maps), mean, deviations.T @ deviations)
        if self._store is not None:
            self._store.push(maps.grids, self._expand)

    def _moment_bytes(self) -> int:
        return self._mean.nbytes + self._products.nbytes

    def _merge_moments(self, other: Statistics) -> None:
        assert isinstance(other, GridStatistics)  # merge() has checked it
        self._combine(other._count, other._mean, other._products)

    def _combine(self, count: int, mean: NDArray[np.float64], products: NDArray[np.float64]) -> None:
        """Add another sample's moments (Chan, Golub & LeVeque, 1983); an empty one changes nothing."""
        if count == 0:
            return
        total = self._count + count
        delta = mean - self._mean
        self._products = self._products + products + np.outer(delta, delta) * (self._count * count / total)
        self._mean = self._mean + delta * (count / total)
        self._count = total

    def _exact_median(self) -> NDArray[np.float64]:
        grids = self._median_store().rows()
        assert grids is not None  # median() has checked the count
        maps = CompactMaps(np.asarray(grids), self.size)
        median = np.empty(self.size)
        for tile in pixel_tiles(self.size, BLOCK_BYTES // (4 * len(maps))):
            median[tile] = kernels.pixel_median(maps.pixels(tile))
        return median

    def _expand(self, rows: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        return CompactMaps(rows, self.size).blocks()
