"""`row_products` beside NumPy: powers of 25,088 units, and cosines of the masked copies of eight faces."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.kernels import row_cosine, row_power

RNG = np.random.default_rng(0)
VECTORS, WEIGHTS = RNG.standard_normal((64, 25088), dtype=np.float32), RNG.random(25088)
EMBEDDINGS, OWN = RNG.standard_normal((8 * 512, 512), dtype=np.float32), RNG.standard_normal((8, 512))
FACE = np.repeat(np.arange(8), 512)


def numpy_power(x, weights):
    return (np.square(x, dtype=np.float64) * weights).sum(axis=1)


def numpy_cosine(x, references, index):
    a, b = x.astype(np.float64), references[index]
    return (a * b).sum(axis=1) / (np.sqrt((a * a).sum(axis=1)) * np.sqrt((b * b).sum(axis=1)))


@pytest.mark.parametrize("method", [row_power, numpy_power])
@pytest.mark.benchmark(group="row_power")
def bench_row_power(benchmark, method):
    result = benchmark(method, VECTORS, WEIGHTS)
    np.testing.assert_allclose(result, VECTORS.astype(np.float64) ** 2 @ WEIGHTS, rtol=1e-12)


@pytest.mark.parametrize("method", [row_cosine, numpy_cosine])
@pytest.mark.benchmark(group="row_cosine")
def bench_row_cosine(benchmark, method):
    result = benchmark(method, EMBEDDINGS, OWN, FACE)
    np.testing.assert_allclose(result, numpy_cosine(EMBEDDINGS, OWN, FACE), atol=1e-13)
