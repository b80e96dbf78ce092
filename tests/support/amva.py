"""Sixty random maps of attribution, the scores of three methods, and their analysis, for tests of `fiqx_trt.amva`."""

from __future__ import annotations

import numpy as np

from fiqx_trt.amva import Amva, analyse, quality_groups
from fiqx_trt.statistics import CompactMaps
from fiqx_trt.statistics.upsampling import upsample

__all__ = ["COUNT", "DIRECTIONS", "PATHS", "SIZE", "make_maps", "make_result", "make_scores"]

COUNT, SIZE = 60, (24, 20)
PATHS = [f"set/{(i * 37) % COUNT:03d}.png" for i in range(COUNT)]
#: Whether higher is better, of every method.
DIRECTIONS = {"a": True, "b": False, "c": True}


def make_maps() -> CompactMaps:
    """Return one map per path, each from 0 to 1."""
    grids = np.random.default_rng(1).standard_normal((COUNT, 5, 4))
    pixels = upsample(grids, SIZE)
    low, high = pixels.min(axis=(1, 2), keepdims=True), pixels.max(axis=(1, 2), keepdims=True)
    return CompactMaps(((grids - low) / (high - low)).astype(np.float32), SIZE)


def make_scores() -> dict[str, np.ndarray]:
    """Return the scores of the methods: b mostly agrees with a, c does not."""
    rng = np.random.default_rng(2)
    quality = rng.random(COUNT)
    return {"a": quality, "b": 50.0 - quality - 0.5 * rng.random(COUNT), "c": rng.random(COUNT)}


def make_result(maps: CompactMaps, scores: dict[str, np.ndarray]) -> Amva:
    """Return the analysis of groups of twelve, with bands."""
    groups = quality_groups(PATHS, scores, higher_is_better=DIRECTIONS, fraction=0.2)
    return analyse(PATHS, groups, maps, replicates=40, examples=2)
