"""The result of Score-CAM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.explain.recipe import Recipe
from fiqx_trt.kernels import Array
from fiqx_trt.statistics.upsampling import CompactMaps

__all__ = ["ScoreCam"]


@dataclass(frozen=True)
class ScoreCam:
    """Score-CAM maps of N faces with their scores, weights and grids.

    Parameters
    ----------
    maps
        ``(N, H, W)`` float32 in [0, 1], never NaN; all 0 where ``flat``. On the model's GPU with ``on_device``.
    grids
        ``(N, h, w)`` float32 at the layer's own resolution, before upsampling.
    low, high
        ``(N,)`` float64: ``map = (U grid - low) / (high - low)``.
    flat
        ``(N,)`` bool: the map has no contrast and is zero.
    scores
        ``(N, C)`` float64 score of every masked face; NaN where a channel is constant and was not run, or where the score
        is not finite.
    weights
        ``(N, C)`` float64 weight of every channel in the sum.
    effective_channels
        ``(N,)`` float64, ``(Σw)²/Σw²``: the number of equal weights with the same spread.
    uniform_correlation
        ``(N,)`` float64 correlation over the pixels with the map of equal weights; NaN where one of the two is flat.
    passes
        Number of masked faces that were run.
    recipe
        The definition of the maps.
    """

    maps: Array
    grids: NDArray[np.float32]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    flat: NDArray[np.bool_]
    scores: NDArray[np.float64]
    weights: NDArray[np.float64]
    effective_channels: NDArray[np.float64]
    uniform_correlation: NDArray[np.float64]
    passes: int
    recipe: Recipe

    def compact(self) -> CompactMaps:
        """Return the maps as scaled grids: the same pixels in a fraction of the memory.

        Raises
        ------
        InvalidInputError
            The recipe sets negative pixels to 0 after upsampling, and some face has them: such a map is no upsampled grid.
        """
        if self.recipe.relu == "pixels" and bool((self.grids < 0).any()):
            raise InvalidInputError(
                "these maps were cut off at 0 after upsampling, so they are not upsampled grids; use .maps, or a recipe "
                "with relu on the grid"
            )
        span = np.where(self.flat, 1.0, self.high - self.low)[:, np.newaxis, np.newaxis]
        scaled = np.where(
            self.flat[:, np.newaxis, np.newaxis], 0.0, (self.grids - self.low[:, None, None]) / span
        )
        return CompactMaps(scaled.astype(np.float32), (self.maps.shape[1], self.maps.shape[2]))

    @classmethod
    def joined(cls, parts: Sequence[ScoreCam], maps: Array) -> ScoreCam:
        """Join the results of several groups of faces, with their maps already joined."""
        if len(parts) == 1:
            return parts[0]
        arrays = [f.name for f in fields(cls) if f.name not in ("maps", "passes", "recipe")]
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
        return cls(maps=maps, **joined, passes=sum(part.passes for part in parts), recipe=parts[0].recipe)
