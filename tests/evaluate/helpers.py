"""Random comparisons with ties, for the tests of this folder."""

from __future__ import annotations

import numpy as np

from fiqx_trt.evaluate import Comparisons


def random_comparisons(seed, *, images=12, pairs=60, people=4, grid=0):
    """Comparisons of a few people; similarities on a coarse grid when ``grid`` is given, to force ties."""
    rng = np.random.default_rng(seed)
    identity = np.arange(images) % people
    first, second = np.triu_indices(images, 1)
    rows = rng.permutation(len(first))[:pairs]
    first, second = first[rows], second[rows]
    genuine = identity[first] == identity[second]
    similarity = rng.normal(genuine.astype(float), 1.0)
    if grid:
        similarity = np.round(similarity * grid) / grid
    return Comparisons(
        tuple(f"{identity[i]}/{i}.jpg" for i in range(images)),
        first,
        second,
        genuine,
        similarity.astype(np.float32),
        identity,
    )
