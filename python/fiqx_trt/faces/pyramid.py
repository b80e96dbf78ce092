"""All sizes of a picture in tiles of one shape, for a network that slides over them.

A sliding network wants the picture in many sizes, and each picture brings other sizes; runtimes compile or
tune a graph for each shape. So all levels of the pyramid are laid side by side on one canvas, and the canvas
is cut into equal, overlapping tiles: one shape for ever, and hardly more pixels than the levels have. A
window inside a level sees the same pixels as it would alone; windows across two levels are left out when the
answers are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.opencv import cv2

__all__ = ["WINDOW", "Canvas", "lay_out", "level_sizes", "shrink"]

WINDOW = 12
"""Side of the sliding window."""
STRIDE = 2
"""Step of the sliding window."""


@dataclass(frozen=True)
class Canvas:
    """Where each level lies on the canvas, and how many tiles cover it.

    Attributes
    ----------
    sizes
        (height, width) of each level.
    corners
        (y, x) of each level's upper left pixel, even numbers.
    tile
        Side of a tile.
    grid
        Rows and columns of tiles.
    """

    sizes: tuple[tuple[int, int], ...]
    corners: tuple[tuple[int, int], ...]
    tile: int
    grid: tuple[int, int]

    @property
    def step(self) -> int:
        """Distance of neighbouring tiles; they overlap by a window less one stride."""
        return self.tile - WINDOW + STRIDE

    def tiles(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize the picture to every level and return the tiles, (rows * columns, tile, tile, 3)."""
        rows, columns = self.grid
        overlap = self.tile - self.step
        canvas = np.zeros((rows * self.step + overlap, columns * self.step + overlap, 3), np.uint8)
        for level, (y, x) in zip(shrink(image, self.sizes), self.corners, strict=True):
            canvas[y : y + level.shape[0], x : x + level.shape[1]] = level
        views = np.lib.stride_tricks.sliding_window_view(canvas, (self.tile, self.tile), axis=(0, 1))
        chosen = views[:: self.step, :: self.step].transpose(0, 1, 3, 4, 2)
        return np.ascontiguousarray(chosen).reshape(-1, self.tile, self.tile, 3)

    def levels(self, answers: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return the answers of each level, (C, h, w), from those of the tiles, (tiles, C, cells, cells)."""
        rows, columns = self.grid
        _, channels, cells, _ = answers.shape
        whole = answers.reshape(rows, columns, channels, cells, cells).transpose(2, 0, 3, 1, 4)
        whole = whole.reshape(channels, rows * cells, columns * cells)
        parts = []
        for (height, width), (y, x) in zip(self.sizes, self.corners, strict=True):
            down, right = y // STRIDE, x // STRIDE
            parts.append(whole[:, down : down + _cells(height), right : right + _cells(width)])
        return parts


def level_sizes(height: int, width: int, *, min_face: float, factor: float) -> tuple[tuple[int, int], ...]:
    """Return (height, width) of each level: the smallest face fills the window, and then ever larger ones.

    Parameters
    ----------
    height, width
        Of the picture.
    min_face
        Side of the smallest face in pixels.
    factor
        From one level to the next, below 1.

    Examples
    --------
    >>> level_sizes(60, 80, min_face=20, factor=0.5)
    ((36, 48), (18, 24))
    """
    sizes = []
    scale = WINDOW / min_face
    while min(height, width) * scale >= WINDOW:
        sizes.append((round(height * scale), round(width * scale)))
        scale *= factor
    return tuple(sizes)


def shrink(image: NDArray[np.uint8], sizes: Sequence[tuple[int, int]]) -> Iterator[NDArray[np.uint8]]:
    """Yield the picture in each (height, width), the largest first, by averaging over areas.

    A level at most half as large as an earlier one is made from that one: an average of averages, in a
    fraction of the time.
    """
    sources = [image]
    for height, width in sizes:
        fine = [one for one in sources if one.shape[0] >= 2 * height and one.shape[1] >= 2 * width]
        source = fine[-1] if fine else image
        level = np.asarray(cv2.resize(source, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        sources.append(level)
        yield level


def lay_out(sizes: Sequence[tuple[int, int]], *, tile: int) -> Canvas:
    """Lay the levels, the largest first, on the canvas that needs the fewest tiles among a few widths.

    Examples
    --------
    >>> lay_out([(100, 150), (70, 106), (50, 75)], tile=192).grid
    (1, 1)
    """
    step = tile - WINDOW + STRIDE
    widest = max(width for _, width in sizes)
    least = -(-(widest - WINDOW + STRIDE) // step)
    best: Canvas | None = None
    for columns in range(max(least, 1), max(2 * least, 1) + 1):
        corners, bottom = _shelves(sizes, columns * step + WINDOW - STRIDE)
        rows = max(-(-(bottom - WINDOW + STRIDE) // step), 1)
        if best is None or rows * columns < best.grid[0] * best.grid[1]:
            best = Canvas(tuple(sizes), corners, tile, (rows, columns))
    assert best is not None
    return best


def _shelves(sizes: Sequence[tuple[int, int]], room: int) -> tuple[tuple[tuple[int, int], ...], int]:
    """Put each level on the first shelf with room for it, else on a new one; return corners and height."""
    shelves: list[list[int]] = []  # top, next free column
    corners = []
    bottom = used = 0
    for height, width in sizes:
        shelf = next((shelf for shelf in shelves if shelf[1] + width <= room), None)
        if shelf is None:
            shelf = [bottom, 0]
            shelves.append(shelf)
            bottom += height + height % STRIDE
        corners.append((shelf[0], shelf[1]))
        used = max(used, shelf[0] + height)
        shelf[1] += width + width % STRIDE
    return tuple(corners), used


def _cells(extent: int) -> int:
    return (extent - WINDOW) // STRIDE + 1
