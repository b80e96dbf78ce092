"""`cam_combine` in plain NumPy, float64, image by image."""

from __future__ import annotations

import numpy as np

from reference.upsample import upsample


def min_max(x):
    return np.zeros_like(x) if x.max() == x.min() else (x - x.min()) / (x.max() - x.min())


def cam_combine(
    activations,
    weights,
    *,
    size,
    align_corners=False,
    relu_activations=False,
    relu=True,
    upsample_first=False,
    minmax_twice=False,
):
    maps = []
    for a, w in zip(activations.astype(np.float64), weights.astype(np.float64), strict=True):
        a = np.where(w[:, None, None] == 0, 0, a)
        a = np.maximum(a, 0) if relu_activations else a
        if upsample_first:
            total = sum(w_k * upsample(a_k, size, align_corners) for w_k, a_k in zip(w, a, strict=True))
            total = np.maximum(total, 0) if relu else total
        else:
            grid = sum(w_k * a_k for w_k, a_k in zip(w, a, strict=True))
            grid = np.maximum(grid, 0) if relu else grid
            total = upsample(min_max(grid) if minmax_twice else grid, size, align_corners)
        maps.append(min_max(total))
    return np.array(maps).reshape(-1, *size)
