"""`pair_spread` beside NumPy, for 100 passes of a 512-dimensional embedding."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.kernels import pair_spread

EMBEDDINGS = np.random.default_rng(0).standard_normal((16, 100, 512), dtype=np.float32)
PAIRS = np.triu_indices(100, 1)


def by_difference(embeddings):
    """The definition, one row against all later ones: as accurate as the kernel."""
    means = []
    for rows in embeddings:
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        means.append(
            np.concatenate([np.linalg.norm(unit[i] - unit[i + 1 :], axis=1) for i in range(99)]).mean()
        )
    return np.array(means, np.float64)


def by_gram(embeddings):
    """The fastest that NumPy offers, in float64 because 2 - 2 a·b cancels."""
    unit = embeddings.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=-1, keepdims=True)
    gram = unit @ unit.transpose(0, 2, 1)
    return np.sqrt(np.maximum(2 - 2 * gram[:, PAIRS[0], PAIRS[1]], 0)).mean(axis=1)


@pytest.mark.parametrize("method", [pair_spread, by_difference, by_gram])
@pytest.mark.benchmark(group="pair_spread")
def bench_pair_spread(benchmark, method):
    result = benchmark(method, EMBEDDINGS)
    np.testing.assert_allclose(result, by_gram(EMBEDDINGS), rtol=1e-6)
