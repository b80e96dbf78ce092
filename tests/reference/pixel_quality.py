"""`pixel_quality` in plain NumPy, float64: Eq. 5 and 6 as they are printed."""

from __future__ import annotations

import numpy as np


def pixel_quality(gradient, scale, contrast=None, *, gamma, clip=None):
    maps, saliencies, clipped = [], [], []
    if contrast is None:
        contrast = np.ones((len(gradient), *gradient.shape[2:]))
    for g, s, c in zip(gradient.astype(np.float64), scale, contrast, strict=True):
        g = g * s
        norm = np.sqrt((g**2).sum())
        cut = clip is not None and norm > clip
        if cut:
            g = g * clip / norm
        saliency = np.abs(g).mean(axis=0) * c
        saliencies.append(saliency)
        maps.append(1 - 1 / (1 + 10**gamma * saliency**2))
        clipped.append(cut)
    shape = (-1, *gradient.shape[2:])
    return np.array(maps).reshape(shape), np.array(saliencies).reshape(shape), np.array(clipped, bool)
