"""Deletion and insertion curves: whether the order of a map's cells tells what a recogniser rests on.

Petsiuk et al., "RISE", BMVC 2018, with the cosine to the untouched face, to other pictures of the same person, or a quality in
the place of a class score. Cells, not pixels, are removed: single pixels at random are a noise that ruins a network's answer by
itself, so that any map of connected areas would seem better than chance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.opencv import cv2

__all__ = ["FILLS", "area_under", "cell_means", "cell_order", "filling", "removal_counts", "removed"]

Face = NDArray[np.uint8]

#: What a removed cell shows: the face's mean colour, the face blurred, or another face.
FILLS = ("mean", "blur", "other")
#: Standard deviation of the blur, as a share of the face's height: the eyes melt into the cheeks.
BLUR = 0.1


def area_under(share: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the areas under curves over [0, 1], by trapezia.

    Parameters
    ----------
    share
        ``(S,)`` rising shares.
    values
        ``(..., S)`` curves.

    Returns
    -------
    ndarray
        ``(...)`` float64.

    Examples
    --------
    >>> float(area_under(np.array([0.0, 1.0]), np.array([1.0, 0.0])))
    0.5
    """
    return np.asarray((np.diff(share) * (values[..., 1:] + values[..., :-1]) / 2).sum(axis=-1))


def cell_means(values: NDArray[np.floating], cells: int) -> NDArray[np.float64]:
    """Return the mean of a map ``(H, W)`` over a grid of cells, ``(cells, cells)`` float64."""
    rows, columns = _cell_of(values.shape[:2], cells)
    total = np.zeros((cells, cells))
    np.add.at(total, (rows[:, np.newaxis], columns[np.newaxis]), values)
    return total / np.outer(np.bincount(rows, minlength=cells), np.bincount(columns, minlength=cells))


def cell_order(means: NDArray[np.floating]) -> NDArray[np.intp]:
    """Return the cells of a map's means ``(cells, cells)``, the highest first; equal ones in reading order."""
    return np.argsort(-means.ravel(), kind="stable")


def filling(face: Face, fill: str, other: Face | None = None) -> Face:
    """Return the picture whose cells replace a face's, ``(H, W, 3)`` uint8.

    Parameters
    ----------
    face
        ``(H, W, 3)`` uint8 RGB.
    fill
        One of :data:`FILLS`.
    other
        Another face, for ``"other"``.

    Raises
    ------
    InvalidInputError
        The fill does not exist, or there is no other face.
    """
    if fill == "mean":
        return np.broadcast_to(np.rint(face.mean(axis=(0, 1))).astype(np.uint8), face.shape)
    if fill == "blur":
        return np.asarray(cv2.GaussianBlur(face, (0, 0), BLUR * face.shape[0]), np.uint8)
    if fill != "other":
        raise InvalidInputError(f"fill (--fill) is {fill!r}; choose from {', '.join(FILLS)}")
    if other is None:
        raise InvalidInputError(
            "the fill 'other' (--fill) needs a face of another person; give more faces, or --fill mean --fill blur"
        )
    return other


def removal_counts(cells: int, steps: int) -> NDArray[np.int64]:
    """Return how many of ``cells × cells`` cells are removed at each step, from none to all, ``(steps + 1,)``.

    Raises
    ------
    InvalidInputError
        A number is below 1.
    """
    if cells < 1 or steps < 1:
        raise InvalidInputError(f"cells is {cells} and steps {steps}; give at least 1 of each")
    return np.rint(np.linspace(0, cells**2, steps + 1)).astype(np.int64)


def removed(
    face: Face, filled: Face, order: NDArray[np.integer], counts: NDArray[np.integer], cells: int
) -> Face:
    """Return a face with the first cells of an order replaced, one picture for each count.

    Parameters
    ----------
    face, filled
        ``(H, W, 3)`` uint8: the face, and what its cells are replaced with.
    order
        Positions of all ``cells × cells`` cells in reading order.
    counts
        ``(n,)`` cells replaced.
    cells
        Cells per side.

    Returns
    -------
    ndarray
        ``(n, H, W, 3)`` uint8.

    Raises
    ------
    InvalidInputError
        The numbers do not fit.
    """
    height, width = face.shape[:2]
    if not 1 <= cells <= min(height, width) or sorted(order.tolist()) != list(range(cells**2)):
        raise InvalidInputError(
            f"cells (--cells) is {cells} for a face of {height} × {width} px and an order of {len(order)}; give at most a cell "
            "for each pixel, and an order that names each of cells × cells cells once"
        )
    rank = np.empty(cells**2, np.int64)
    rank[order] = np.arange(cells**2)
    rows, columns = _cell_of((height, width), cells)
    ranks = rank.reshape(cells, cells)[rows[:, np.newaxis], columns[np.newaxis]]
    hidden = ranks[np.newaxis] < counts[:, np.newaxis, np.newaxis]
    return np.where(hidden[..., np.newaxis], filled, face)


def _cell_of(size: tuple[int, ...], cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows, columns = (np.arange(n) * cells // n for n in size)
    return rows, columns
