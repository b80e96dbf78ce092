"""`pixel_median` by sorting, pixel by pixel."""

from __future__ import annotations

import numpy as np


def pixel_median(maps):
    ordered = np.sort(maps.astype(np.float64), axis=0)
    n = len(maps)
    median = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return np.where(np.isnan(maps).any(axis=0), np.nan, median)
