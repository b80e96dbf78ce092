"""`pixel_moments` beside a copy of the maps, and beside NumPy's mean and std. FIQX_THREADS=1: one core."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.kernels import pixel_moments, pixel_range

MAPS = np.random.default_rng(0).random((512, 112, 112), dtype=np.float32)


def ours():
    mean, m2 = np.zeros((2, 112, 112))
    count = pixel_moments(MAPS, mean, m2, count=0)
    return mean, np.sqrt(m2 / count)


def with_numpy():
    return MAPS.mean(axis=0), MAPS.std(axis=0)


@pytest.mark.parametrize("method", [ours, with_numpy])
@pytest.mark.benchmark(group="pixel_moments")
def bench_pixel_moments(benchmark, method):
    mean, std = benchmark(method)
    np.testing.assert_allclose(mean, MAPS.mean(axis=0, dtype=np.float64), atol=1e-5)
    np.testing.assert_allclose(std, MAPS.std(axis=0, dtype=np.float64), atol=1e-5)


@pytest.mark.benchmark(group="pixel_moments")
def bench_memcpy(benchmark):
    target = np.zeros_like(MAPS)
    benchmark(np.copyto, target, MAPS)
    assert target.any()


def numpy_range(maps):
    return np.array([maps.min(), maps.max()])


@pytest.mark.parametrize("method", [pixel_range, numpy_range])
@pytest.mark.benchmark(group="pixel_range")
def bench_pixel_range(benchmark, method):
    np.testing.assert_array_equal(benchmark(method, MAPS), numpy_range(MAPS))
