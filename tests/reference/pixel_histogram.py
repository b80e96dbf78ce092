"""`pixel_histogram` by NumPy's own histogram, pixel by pixel."""

from __future__ import annotations

import numpy as np


def pixel_histogram(maps, bins):
    _, height, width = maps.shape
    counts = np.zeros((height, width, bins), np.uint32)
    for y in range(height):
        for x in range(width):
            values = np.clip(maps[:, y, x], 0, 1)
            counts[y, x] = np.histogram(values[~np.isnan(values)], bins=bins, range=(0, 1))[0]
    return counts


def pixel_histogram_quantile(counts, q):
    bins = counts.shape[-1]
    centres = (np.arange(bins) + 0.5) / bins
    return np.array(
        [
            [np.quantile(np.repeat(centres, pixel), q) if pixel.sum() else np.nan for pixel in row]
            for row in counts
        ]
    ).reshape(counts.shape[:2])
