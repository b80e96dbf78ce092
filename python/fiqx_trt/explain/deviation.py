"""The deviation of a face from the usual: the saliency of a pixel compared with the calibration faces at this pixel.

A low pixel quality does not show a fault: the border of every face is low. A pixel that is low *for its position* does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.models.gradients import WEIGHTS
from fiqx_trt.models.usual import MAPS, Usual
from fiqx_trt.statistics import GridStatistics
from fiqx_trt.statistics.upsampling import CompactMaps, upsample

if TYPE_CHECKING:
    from fiqx_trt.models.spec import ModelSpec

__all__ = [
    "GRID",
    "Comparison",
    "Deviation",
    "Relative",
    "UsualStatistics",
    "deviation",
    "deviation_grids",
    "missing_usual",
    "relative_maps",
    "smoothed",
    "usual_of",
]

#: Faces that are compared at one time.
BLOCK = 64
#: Cells per side of the grid that statistics are kept on.
GRID = 14
#: Standard deviation of the smoothing, in pixels of a face of 112.
SMOOTHING, SCALE = 3.0, 112
#: Lower bound of the saliency as a share of the face's median, because the logarithm of zero is not finite.
FLOOR = 1e-3
#: Smallest standard deviation that is divided by: equal calibration faces have none.
LEAST_STD = 0.05
#: The share of a face's pixels, the lowest ones, that tell which of the two maps deviates.
LOWEST = 0.03


@dataclass(frozen=True)
class Relative:
    """The relative, smoothed log saliency of N faces by both maps.

    Parameters
    ----------
    maps
        Name of :data:`fiqx_trt.models.usual.MAPS` → ``(N, H, W)`` float32: the logarithm of the saliency over its median in the
        face, smoothed. 0 where the face is dead.
    dead
        ``(N,)`` bool: at least half of the face has no saliency, or no contrast, so that the face has no deviation.
    """

    maps: Mapping[str, NDArray[np.float32]]
    dead: NDArray[np.bool_]

    def grids(self, grid: tuple[int, int] = (GRID, GRID)) -> dict[str, NDArray[np.float32]]:
        """Return the mean of every map over the cells of a grid, ``(N, h, w)`` float32."""
        return {name: _pooled(maps, grid) for name, maps in self.maps.items()}


def relative_maps(intensity: NDArray[np.floating], contrast: NDArray[np.floating]) -> Relative:
    """Return the part of a saliency that can be compared between faces.

    ``ℓ = G * log max(Ŝ / median Ŝ, 0.001)``

    of Ŝ per intensity and per contrast, ``(N, H, W)`` each; InvalidInputError where the shapes differ. The median removes what
    is common to a whole face: Q̂, which is a factor of its Ŝ, and the light.
    """
    if intensity.ndim != 3 or intensity.shape != contrast.shape:
        raise InvalidInputError(
            f"the saliency per intensity has shape {intensity.shape}, per contrast {contrast.shape}; give both as (N, H, W)"
        )
    # One face after the other, so that a face's numbers do not depend on how many there are.
    pairs = [_relative(*both) for both in zip(intensity, contrast, strict=True)]
    dead = np.array([pair is None for pair in pairs], np.bool_)
    zeros = np.zeros((len(MAPS), *intensity.shape[1:]), np.float32)
    stacked = np.stack([zeros, *(zeros if pair is None else pair for pair in pairs)])[1:]
    return Relative({name: stacked[:, i] for i, name in enumerate(MAPS)}, dead)


def _relative(*both: NDArray[np.floating]) -> NDArray[np.float32] | None:
    maps = []
    for saliency in both:
        values = saliency.astype(np.float64)
        middle = float(np.median(values))
        if not (np.isfinite(middle) and middle > 0.0):
            return None
        maps.append(smoothed(np.log(np.maximum(values / middle, FLOOR))))
    return np.stack(maps).astype(np.float32)


def smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a map ``(H, W)`` smoothed by a Gaussian of 3 pixels at a height of 112, in proportion at any other height."""
    from fiqx_trt.opencv import cv2

    sigma = SMOOTHING * values.shape[0] / SCALE
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101))


def _pooled(maps: NDArray[np.float32], grid: tuple[int, int]) -> NDArray[np.float32]:
    from fiqx_trt.opencv import cv2

    size = (grid[1], grid[0])
    cells = [np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_AREA)) for one in maps]
    return np.stack(cells) if cells else np.zeros((0, *grid), np.float32)


class UsualStatistics:
    """Streaming, mergeable statistics of the usual saliency: a :class:`fiqx_trt.GridStatistics` of size `grid` per map."""

    def __init__(self, grid: tuple[int, int] = (GRID, GRID)) -> None:
        self.grid = grid
        self._moments = {name: GridStatistics(grid, grid, bins=None) for name in MAPS}

    @property
    def count(self) -> int:
        """Number of faces, without dead ones."""
        return self._moments[MAPS[0]].count

    def push(self, relative: Relative) -> None:
        """Add faces; dead ones are left out."""
        for name, grids in relative.grids(self.grid).items():
            self._moments[name].push(CompactMaps(np.ascontiguousarray(grids[~relative.dead]), self.grid))

    def merge(self, other: UsualStatistics) -> None:
        """Add the faces of other statistics; raise InvalidInputError where the grids differ."""
        for name, one in self._moments.items():
            one.merge(other._moments[name])

    def usual(self, weights: str) -> Usual:
        """Return the statistics for a sidecar, to four digits; raise InvalidInputError where there is no face."""
        mean = {name: _four_digits(one.mean) for name, one in self._moments.items()}
        std = {name: _four_digits(one.std) for name, one in self._moments.items()}
        return Usual(self.grid, self.count, weights, mean, std, {})


def _four_digits(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.4g}") for value in values.ravel())


@dataclass(frozen=True)
class Deviation:
    """The deviation of N faces from the usual.

    Parameters
    ----------
    maps
        ``(N, H, W)`` float32, in standard deviations over the calibration faces; below 0: less than is usual at this pixel.
        All 0 for a dead face.
    deviates
        ``"intensity"`` or ``"contrast"``, by face: which map gave most of the lowest 3 % of its pixels. ``""`` for a dead face.
    grids
        ``(N, h, w)`` float32: the same on the grid of the statistics.
    """

    maps: NDArray[np.float32]
    deviates: tuple[str, ...]
    grids: NDArray[np.float32]


def deviation(relative: Relative, usual: Usual) -> Deviation:
    """Compare faces with the usual.

    ``z = (ℓ - μ) / σ`` by both maps, and at every pixel the lower of the two: a fault of a face makes one
    of them low, and hardly ever makes one high. Noise and foreign patches lower the saliency per intensity, black and blurred
    areas that per contrast.
    """
    z = {name: _standardised(maps, usual, name) for name, maps in relative.maps.items()}
    alive = ~relative.dead[:, np.newaxis, np.newaxis]
    both = np.minimum(*z.values()), deviation_grids(relative.grids(usual.grid), usual)
    lower, grids = (np.where(alive, one, np.float32(0)) for one in both)
    deviates = tuple(
        "" if dead else _source(one, low)
        for dead, one, low in zip(relative.dead, z["contrast"], lower, strict=True)
    )
    return Deviation(lower, deviates, grids)


def deviation_grids(grids: Mapping[str, NDArray[np.float32]], usual: Usual) -> NDArray[np.float32]:
    """Return the deviation ``(N, h, w)`` float32 on the grid of the statistics, of :meth:`Relative.grids`."""
    return np.minimum(*(_standardised(values, usual, name) for name, values in grids.items()))


def _standardised(values: NDArray[np.float32], usual: Usual, name: str) -> NDArray[np.float32]:
    size = (int(values.shape[-2]), int(values.shape[-1]))
    mean, std = (
        upsample(np.reshape(kept[name], usual.grid), size)
        if size != usual.grid
        else np.reshape(kept[name], size)
        for kept in (usual.mean, usual.std)
    )
    return ((values - mean) / np.maximum(std, LEAST_STD)).astype(np.float32)


def _source(contrast: NDArray[np.float32], lower: NDArray[np.float32]) -> str:
    lowest = lower <= np.quantile(lower, LOWEST)
    return (
        "contrast"
        if 2 * np.count_nonzero((contrast <= lower) & lowest) > np.count_nonzero(lowest)
        else "intensity"
    )


@dataclass(frozen=True)
class Comparison:
    """Ŝ of N faces by both definitions, ``(N, H, W)`` float32 on the host, and the model's usual statistics."""

    intensity: NDArray[np.float32]
    contrast: NDArray[np.float32]
    usual: Usual

    def deviation(self) -> Deviation:
        """Return the deviation of the faces, computed a few at a time."""
        starts = range(0, max(1, len(self.intensity)), BLOCK)
        parts = [
            deviation(
                relative_maps(*(one[i : i + BLOCK] for one in (self.intensity, self.contrast))), self.usual
            )
            for i in starts
        ]
        return Deviation(
            np.concatenate([part.maps for part in parts]),
            tuple(name for part in parts for name in part.deviates),
            np.concatenate([part.grids for part in parts]),
        )


def usual_of(spec: ModelSpec, weights: str) -> Usual | None:
    """Return a model's statistics if they are valid for a weighting: weightings of one gradient differ by a factor per face."""
    usual = spec.usual
    return usual if usual is not None and WEIGHTS[weights] == WEIGHTS.get(usual.weights) else None


def missing_usual(spec: ModelSpec, weights: str) -> str:
    """Return one line that a model has no statistics of a weighting, with the cure; empty where it has."""
    if usual_of(spec, weights) is not None:
        return ""
    return (
        f"the model {spec.name} does not know what is usual with the weighting {weights}, so that there is no deviation: run "
        f"`fiqx-trt calibrate --weights {weights}` on typical faces"
    )
