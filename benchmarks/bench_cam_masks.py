"""`cam_masks` beside torch's upsampling and NumPy: the 512 masks of a ResNet-100, in batches of 32."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.kernels import cam_masks

RNG = np.random.default_rng(0)
ACTIVATIONS = RNG.standard_normal((512, 7, 7), dtype=np.float32)
FACE = RNG.standard_normal((3, 112, 112), dtype=np.float32)
OUT = np.zeros((32, 3, 112, 112), np.float32)


def ours():
    for first in range(0, 512, 32):
        cam_masks(ACTIVATIONS, FACE, range(first, first + 32), out=OUT)


def with_torch():
    torch = pytest.importorskip("torch")
    for first in range(0, 512, 32):
        grids = torch.as_tensor(ACTIVATIONS[None, first : first + 32])
        up = torch.nn.functional.interpolate(grids, (112, 112), mode="bilinear")[0]
        low, high = up.amin((1, 2), keepdim=True), up.amax((1, 2), keepdim=True)
        torch.mul(((up - low) / (high - low))[:, None], torch.as_tensor(FACE), out=torch.as_tensor(OUT))


@pytest.mark.parametrize("method", [ours, with_torch])
@pytest.mark.benchmark(group="cam_masks")
def bench_cam_masks(benchmark, method):
    OUT[:] = 0
    benchmark(method)
    np.testing.assert_allclose(OUT, cam_masks(ACTIVATIONS, FACE, range(480, 512)), atol=1e-5)
