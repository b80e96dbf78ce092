"""Bilinear upsampling by its definition, float64, pixel by pixel."""

from __future__ import annotations

import numpy as np


def coordinate(x, old, new, align_corners):
    at = x * (old - 1) / (new - 1) if align_corners and new > 1 else (x + 0.5) * old / new - 0.5
    return min(max(0.0 if align_corners and new == 1 else at, 0.0), old - 1.0)


def axis_weights(old, new, align_corners):
    """``(new, old)``: what each output takes of each input."""
    weights = np.zeros((new, old))
    for x in range(new):
        at = coordinate(x, old, new, align_corners)
        low = int(at)
        weights[x, low] += 1 - (at - low)
        weights[x, min(low + 1, old - 1)] += at - low
    return weights


def upsample(grid, size, align_corners=False):
    rows = axis_weights(grid.shape[-2], size[0], align_corners)
    columns = axis_weights(grid.shape[-1], size[1], align_corners)
    return rows @ grid.astype(np.float64) @ columns.T
