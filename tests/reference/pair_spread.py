"""`pair_spread` in plain NumPy, float64, pair by pair."""

from __future__ import annotations

from itertools import combinations

import numpy as np


def pair_spread(embeddings):
    means = []
    for rows in embeddings.astype(np.float64):
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        means.append(np.mean([np.linalg.norm(a - b) for a, b in combinations(unit, 2)]))
    return np.array(means)
