"""`pixel_quality` beside NumPy, for 64 gradients of a 112 x 112 network."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.kernels import pixel_quality

RNG = np.random.default_rng(0)
GRADIENT = RNG.standard_normal((64, 3, 112, 112), dtype=np.float32)
SCALE = np.full(64, 1e-3)
GAMMA, CLIP = 5.5, 0.5


def ours():
    return pixel_quality(GRADIENT, SCALE, gamma=GAMMA, clip=CLIP).maps


def with_numpy():
    norms = np.sqrt(np.square(GRADIENT, dtype=np.float64).sum((1, 2, 3))) * SCALE
    factors = (SCALE * np.minimum(1, CLIP / norms)).astype(np.float32)
    saliency = np.abs(GRADIENT).mean(axis=1) * factors[:, None, None]
    return 1 - 1 / (1 + np.float32(10**GAMMA) * np.square(saliency))


@pytest.mark.parametrize("method", [ours, with_numpy])
@pytest.mark.benchmark(group="pixel_quality")
def bench_pixel_quality(benchmark, method):
    np.testing.assert_allclose(benchmark(method), with_numpy(), atol=1e-6)
