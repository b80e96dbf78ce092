"""`pixel_moments` in two passes over the whole sample, float64; the range of all values."""

from __future__ import annotations

import numpy as np


def pixel_moments(maps):
    maps = maps.astype(np.float64)
    mean = maps.mean(axis=0)
    return mean, ((maps - mean) ** 2).sum(axis=0)


def pixel_range(maps):
    return np.array([maps.min(initial=np.inf), maps.max(initial=-np.inf)])
