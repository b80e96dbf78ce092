"""`dropout_expand` beside NumPy, at the size of a ResNet-100: 25088 units, 100 passes."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.kernels import dropout_expand, dropout_masks

PASSES, UNITS = 100, 25088


def with_numpy(h, out, seed=0):
    """Fresh masks from NumPy's own generator once per call, then one product: what a careful user writes."""
    random = np.random.Generator(np.random.Philox(seed)).random((PASSES, UNITS), dtype=np.float32)
    scaled = np.where(random >= np.float32(0.5), np.float32(2), np.float32(0))
    np.multiply(h[:, None], scaled, out=out.reshape(len(h), PASSES, UNITS))


def vectors(images):
    h = np.random.default_rng(0).standard_normal((images, UNITS), dtype=np.float32)
    return h, np.zeros((images * PASSES, UNITS), np.float32)


@pytest.mark.parametrize("images", [1, 8])
@pytest.mark.benchmark(group="dropout_expand")
def bench_dropout_expand(benchmark, images):
    h, out = vectors(images)
    benchmark(dropout_expand, h, passes=PASSES, out=out)
    masks = dropout_masks(UNITS, passes=PASSES)
    np.testing.assert_array_equal(out[-PASSES:], np.where(masks, 2 * h[-1], 0))


@pytest.mark.parametrize("images", [1, 8])
@pytest.mark.benchmark(group="dropout_expand")
def bench_numpy(benchmark, images):
    h, out = vectors(images)
    benchmark(with_numpy, h, out)
    kept = out[-PASSES:] != 0
    assert abs(kept.mean() - 0.5) < 0.01
    np.testing.assert_array_equal(out[-PASSES:], np.where(kept, 2 * h[-1], 0))
