"""`row_products` in plain NumPy, float64, row by row."""

from __future__ import annotations

import numpy as np


def row_power(x, weights=None):
    weights = np.ones(x.shape[1]) if weights is None else weights
    return np.array([np.sum(weights * row**2) for row in x.astype(np.float64)])


def row_cosine(x, references, index=None):
    cosines = []
    for k, row in enumerate(x.astype(np.float64)):
        reference = references[k if index is None else index[k]].astype(np.float64)
        finite = np.isfinite(row).all() and np.isfinite(reference).all()
        norms = np.linalg.norm(row) * np.linalg.norm(reference) if finite else 0
        cosines.append(np.dot(row, reference) / norms if norms > 0 else 0.0)
    return np.array(cosines, np.float64)
