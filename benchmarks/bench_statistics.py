"""Map statistics beside NumPy: push, median, and the compact form of upsampled maps.

`pixel_moments`, `pixel_histogram` and `pixel_median` have benchmarks of their own; here are the states built on them.
"""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.statistics import CompactMaps, GridStatistics, MapStatistics

SIZE, GRID = (112, 112), (7, 7)
COMPACT = CompactMaps(np.random.default_rng(0).random((1500, *GRID), dtype=np.float32), SIZE)
MAPS = COMPACT.pixels()


def pushed(**options):
    stats = MapStatistics(SIZE, **options)
    for block in np.array_split(MAPS, 30):
        stats.push(block)
    return stats


def moments_only():
    stats = pushed(bins=None)
    return stats.mean, stats.std


def exact():
    stats = pushed(memory_budget=128 << 20)
    return stats.mean, stats.std, stats.median


def histogram():
    stats = pushed(memory_budget=0)
    return stats.mean, stats.std, stats.median


def compact():
    stats = GridStatistics(SIZE, GRID)
    for start in range(0, len(COMPACT), 50):
        stats.push(COMPACT.take(slice(start, start + 50)))
    return stats.mean, stats.std, stats.median


def with_numpy():
    return MAPS.mean(axis=0), MAPS.std(axis=0), np.median(MAPS, axis=0)


@pytest.mark.parametrize("method", [moments_only, exact, histogram, compact, with_numpy])
@pytest.mark.benchmark(group="statistics of 1,500 maps 112 x 112")
def bench_statistics(benchmark, method):
    mean, std, *median = benchmark.pedantic(method, rounds=3)
    np.testing.assert_allclose(mean[:8], MAPS[:, :8].mean(axis=0, dtype=np.float64), atol=1e-5)
    np.testing.assert_allclose(std[:8], MAPS[:, :8].std(axis=0, dtype=np.float64), atol=1e-5)
    if median:
        tolerance = 0.5 / 256 + 1e-6 if method is histogram else 1e-6
        np.testing.assert_allclose(median[0][:8], np.median(MAPS[:, :8], axis=0), atol=tolerance)


@pytest.mark.benchmark(group="merge of two states")
@pytest.mark.parametrize("budget", [0, 128 << 20])
def bench_merge(benchmark, budget):
    halves = []
    for part in (MAPS[:750], MAPS[750:]):
        halves.append(MapStatistics(SIZE, memory_budget=budget))
        halves[-1].push(part)
    total = benchmark(lambda: halves[0] + halves[1])
    assert total.count == 1500
