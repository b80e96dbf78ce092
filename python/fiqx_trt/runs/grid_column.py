"""The small grid of an activation map as the text of a column."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

__all__ = ["GRID", "grid_of", "grid_text"]

#: Name of the column.
GRID = "grid"


def grid_text(grid: NDArray[np.float32]) -> str:
    """Return a grid ``(h, w)`` as JSON: a list of rows, every digit kept."""
    return json.dumps(np.asarray(grid, np.float64).tolist(), separators=(",", ":"))


def grid_of(text: str) -> NDArray[np.float32]:
    """Return the grid of `grid_text`.

    Examples
    --------
    >>> grid_of(grid_text(np.float32([[0.1, 1.0]]))).tolist() == np.float32([[0.1, 1.0]]).tolist()
    True
    """
    return np.array(json.loads(text), np.float32)
