"""Boxes of a cascade detector: overlap, suppression, calibration, squares.

A box is (x0, y0, x1, y1), float64, in pixels, the right and lower edge excluded.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["calibrated", "order", "squares", "suppress"]

Boxes = NDArray[np.float64]

_BLOCK = 128  # boxes that are compared with each other at a time: bounds the memory


def order(boxes: Boxes, scores: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the order by falling score, then from the top down, then left to right.

    Examples
    --------
    >>> order(np.array([[5.0, 0, 9, 9], [1, 0, 9, 9], [0, 0, 9, 9]]), np.array([0.5, 0.5, 0.9])).tolist()
    [2, 1, 0]
    """
    return np.asarray(np.lexsort((boxes[:, 0], boxes[:, 1], -scores)), np.intp)


def suppress(
    boxes: Boxes,
    scores: NDArray[np.floating],
    limit: float,
    *,
    over: Literal["union", "min"] = "union",
    groups: NDArray[np.intp] | None = None,
) -> NDArray[np.intp]:
    """Non-maximum suppression: keep the best box, drop those that overlap it too much, go on with the rest.

    Parameters
    ----------
    boxes
        (K, 4).
    scores
        (K,).
    limit
        A box is dropped when its overlap with a better one exceeds this.
    over
        The overlap is the common area divided by the area of the union, or by that of the smaller box.
    groups
        (K,); boxes of different groups do not overlap. By default all are of one.

    Returns
    -------
    ndarray
        Indices of the boxes kept, in the order of `order`.

    Examples
    --------
    >>> boxes = np.array([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]])
    >>> suppress(boxes, np.array([0.8, 0.9, 0.7]), 0.5).tolist()
    [1, 2]
    """
    left = order(boxes, scores)
    kept = [left[:0]]
    while left.size:
        block, left = left[:_BLOCK], left[_BLOCK:]
        block = block[_undropped(_dropped(boxes, block, block, limit, over, groups))]
        left = left[~_dropped(boxes, block, left, limit, over, groups).any(axis=0)]
        kept.append(block)
    return np.concatenate(kept)


def _dropped(
    boxes: Boxes,
    one: NDArray[np.intp],
    other: NDArray[np.intp],
    limit: float,
    over: str,
    groups: NDArray[np.intp] | None,
) -> NDArray[np.bool_]:
    """Tell for each of `one` which of `other` it would drop."""
    (x0, y0, x1, y1), (u0, v0, u1, v1) = boxes[one].T[:, :, None], boxes[other].T
    wide = np.minimum(x1, u1) - np.maximum(x0, u0)
    high = np.minimum(y1, v1) - np.maximum(y0, v0)
    common = wide.clip(0) * high.clip(0)
    areas = (x1 - x0) * (y1 - y0), (u1 - u0) * (v1 - v0)
    whole = areas[0] + areas[1] - common if over == "union" else np.minimum(*areas)
    dropped = np.asarray(~(common <= limit * whole), np.bool_)
    return dropped if groups is None else dropped & (groups[one][:, None] == groups[other])


def _undropped(dropped: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which of boxes in their order stay, given what each would drop."""
    stays = np.ones(len(dropped), np.bool_)
    for at in range(len(dropped)):
        if stays[at]:
            stays[at + 1 :] &= ~dropped[at, at + 1 :]
    return stays


def calibrated(boxes: Boxes, regression: NDArray[np.floating]) -> Boxes:
    """Move each edge by its regression times the side of the box it belongs to.

    Examples
    --------
    >>> calibrated(np.array([[0.0, 0, 10, 20]]), np.array([[0.1, 0.1, -0.1, 0.0]])).tolist()
    [[1.0, 2.0, 9.0, 20.0]]
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    moved: Boxes = boxes + regression * np.concatenate([sides, sides], axis=1)
    return moved


def squares(boxes: Boxes) -> NDArray[np.int64]:
    """Return the square around each box's centre with its longer side, on whole pixels.

    Examples
    --------
    >>> squares(np.array([[0.0, 0, 10, 20]])).tolist()
    [[-5, 0, 15, 20]]
    """
    side = np.rint(np.max(boxes[:, 2:] - boxes[:, :2], axis=1)).clip(0)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    corner = np.rint(centre - side[:, None] / 2)
    return np.asarray(np.concatenate([corner, corner + side[:, None]], axis=1), np.int64)
