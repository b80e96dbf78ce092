"""`cam_combine` beside NumPy and torch, for 16 faces of a ResNet-100."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.kernels import cam_combine

RNG = np.random.default_rng(0)
ACTIVATIONS = RNG.standard_normal((16, 512, 7, 7), dtype=np.float32)
WEIGHTS = RNG.random((16, 512), dtype=np.float32)


def ours():
    return cam_combine(ACTIVATIONS, WEIGHTS, size=(112, 112)).maps


def with_torch():
    torch = pytest.importorskip("torch")
    grids = np.maximum(np.einsum("nc,nchw->nhw", WEIGHTS.astype(np.float64), ACTIVATIONS), 0)
    up = torch.nn.functional.interpolate(torch.as_tensor(grids)[:, None], (112, 112), mode="bilinear")[
        :, 0
    ].numpy()
    low, high = up.min((1, 2), keepdims=True), up.max((1, 2), keepdims=True)
    return (up - low) / (high - low)


@pytest.mark.parametrize("method", [ours, with_torch])
@pytest.mark.benchmark(group="cam_combine")
def bench_cam_combine(benchmark, method):
    np.testing.assert_allclose(benchmark(method), ours(), atol=2e-6)
