"""Maps at random, states of statistics over them, and the definitions that these are held against."""

from __future__ import annotations

import numpy as np

from fiqx_trt.statistics import GridStatistics, MapStatistics

SIZE = (3, 5)


def some_maps(count: int, size: tuple[int, int] = SIZE, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    maps = rng.random((count, *size)).astype(np.float32)
    maps[rng.random(maps.shape) < 0.1] = 0.0
    maps[rng.random(maps.shape) < 0.1] = 1.0
    return maps


def pushed(parts: list[np.ndarray], **options: object) -> MapStatistics:
    stats = MapStatistics(parts[0].shape[1:], **options)  # type: ignore[arg-type]
    for part in parts:
        stats.push(part)
    return stats


def check(stats: MapStatistics | GridStatistics, maps: np.ndarray, tolerance: float = 1e-12) -> None:
    """Against the definitions, in float64."""
    maps = maps.astype(np.float64)
    median = np.median(maps, axis=0)
    assert stats.count == len(maps)
    np.testing.assert_allclose(stats.mean, maps.mean(axis=0), rtol=0, atol=tolerance)
    np.testing.assert_allclose(stats.std, maps.std(axis=0), rtol=0, atol=tolerance)
    error = stats.median_error + max(tolerance, 1e-7)  # the middle values are float32
    np.testing.assert_allclose(stats.median, median, rtol=0, atol=error)
    around = np.sqrt(np.square(maps - stats.median).mean(axis=0))
    np.testing.assert_allclose(stats.median_std, around, rtol=0, atol=max(tolerance, 1e-9))
