"""`resize_boxes` in plain NumPy, float64, without the rounding at its end: a matrix for each axis."""

from __future__ import annotations

import numpy as np


def shares(from_, to):
    """Return (to, from_): what each pixel of a line contributes to each pixel of another."""
    found = np.zeros((to, from_))
    for x in range(to):
        if from_ > to:
            begin, end, i = x * from_ / to, (x + 1) * from_ / to, np.arange(from_)
            found[x] = (np.minimum(end, i + 1) - np.maximum(begin, i)).clip(0) / (end - begin)
        else:
            at = min(max((x + 0.5) * from_ / to - 0.5, 0.0), from_ - 1.0)
            low = int(at)
            found[x, low] += 1 - (at - low)
            found[x, min(low + 1, from_ - 1)] += at - low
    return found


def resize_boxes(picture, boxes, *, height, width):
    found = np.zeros((len(boxes), height, width, 3))
    for k, (x0, y0, x1, y1) in enumerate(boxes):
        picked = np.s_[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
        inside = picture[picked].astype(np.float64)
        part = np.zeros((y1 - y0, x1 - x0, 3))
        part[max(-y0, 0) : max(-y0, 0) + len(inside), max(-x0, 0) : max(-x0, 0) + inside.shape[1]] = inside
        rows, columns = shares(y1 - y0, height), shares(x1 - x0, width)
        found[k] = np.einsum("yjc,xj->yxc", np.einsum("yi,ijc->yjc", rows, part), columns)
    return found
