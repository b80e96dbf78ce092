"""All sizes of a picture in tiles of one shape, for a network that slides over them.

A sliding network wants the picture in many sizes, and each picture brings other sizes; runtimes compile or
tune a graph for each shape. So the levels of the pyramid are cut into bands as high as a tile, the bands are
laid one after the other on a ribbon, the lower ones side by side and above each other, and the ribbon is cut
into equal tiles: one shape for ever, and hardly more pixels than the levels have. Neighbouring bands and tiles
overlap by a window less one stride. Each window of each level so lies in one tile, where it sees the same
pixels as in its level; windows across two bands are left out when the answers are read.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.opencv import cv2

__all__ = [
    "STRIDE",
    "WINDOW",
    "Means",
    "Piece",
    "Ribbon",
    "Windows",
    "exact_means",
    "lay_out",
    "level_sizes",
    "quick_means",
    "shrink",
]

WINDOW = 12
"""Side of the sliding window."""
STRIDE = 2
"""Step of the sliding window."""

_OVERLAP = WINDOW - STRIDE

Means = Callable[[NDArray[np.uint8], int, int], NDArray[np.uint8]]
"""Reduces a picture to a smaller (height, width)."""


def exact_means(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Reduce a picture to a smaller (height, width) by means over areas."""
    return _resized(image, height, width, cv2.INTER_AREA)


def quick_means(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Reduce a picture to a smaller (height, width) by means over areas, within a few grey levels of the exact ones.

    Exact means over fractions of pixels take OpenCV four times as long. The picture is read between its pixels at twice
    the size wanted, after means over whole blocks where it is still more than twice as large, and each 2x2 of that is
    averaged. Of an incomplete last block nothing is seen.
    """
    block = min(image.shape[0] // (2 * height), image.shape[1] // (2 * width))
    if block > 1:
        rows, columns = image.shape[0] // block, image.shape[1] // block
        image = _resized(image[: rows * block, : columns * block], rows, columns, cv2.INTER_AREA)
    if image.shape[:2] != (2 * height, 2 * width):
        image = _resized(image, 2 * height, 2 * width, cv2.INTER_LINEAR)
    return _resized(image, height, width, cv2.INTER_AREA)


def _resized(image: NDArray[np.uint8], height: int, width: int, method: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)


class Piece(NamedTuple):
    """A band of a level: its first row there, its size, and its upper left pixel on the ribbon; whole strides."""

    level: int
    y: int
    height: int
    width: int
    top: int
    left: int


class Windows(NamedTuple):
    """K windows: their level (K,), their upper left pixel there as (x, y), (K, 2), and the answers for them (K,), (K, 4)."""

    level: NDArray[np.intp]
    corners: NDArray[np.intp]
    probability: NDArray[np.float32]
    regression: NDArray[np.float32]


@dataclass(frozen=True)
class Ribbon:
    """Where the levels lie on the ribbon, and how many tiles cover it.

    Attributes
    ----------
    sizes
        (height, width) of each level.
    pieces
        The bands.
    tile
        Side of a tile, even; the height of the ribbon.
    count
        Number of tiles.
    """

    sizes: tuple[tuple[int, int], ...]
    pieces: tuple[Piece, ...]
    tile: int
    count: int

    @property
    def step(self) -> int:
        """Distance of neighbouring tiles."""
        return self.tile - _OVERLAP

    def tiles(self, image: NDArray[np.uint8], means: Means = exact_means) -> NDArray[np.uint8]:
        """Resize the picture to every level and return the tiles, (count, tile, tile, 3)."""
        ribbon = np.zeros((self.tile, self.count * self.step + _OVERLAP, 3), np.uint8)
        levels = list(shrink(image, self.sizes, means))
        for level, y, height, width, top, left in self.pieces:
            ribbon[top : top + height, left : left + width] = levels[level][y : y + height]
        tiles = np.empty((self.count, self.tile, self.tile, 3), np.uint8)
        for index in range(self.count):
            tiles[index] = ribbon[:, index * self.step : index * self.step + self.tile]
        return tiles

    def windows(
        self, probability: NDArray[np.float32], regression: NDArray[np.float32], least: float
    ) -> Windows:
        """Return the windows more probable than `least` from the answers of the tiles.

        Parameters
        ----------
        probability, regression
            (count, 1, cells, cells) and (count, 4, cells, cells).
        least
            Least probability.
        """
        tile, row, column = np.nonzero(probability[:, 0] > least)
        y, x = STRIDE * row, tile * self.step + STRIDE * column
        level, first, height, width, top, left = np.array(self.pieces, np.intp).reshape(-1, 6).T
        down, right = y[:, None] - top, x[:, None] - left
        inside = (down >= 0) & (down <= height - WINDOW) & (right >= 0) & (right <= width - WINDOW)
        found, piece = np.nonzero(inside)  # at most one piece for each
        corners = np.stack([right[found, piece], first[piece] + down[found, piece]], axis=1)
        tile, row, column = tile[found], row[found], column[found]
        return Windows(
            level[piece],
            corners,
            probability[tile, 0, row, column],
            regression[tile, :, row, column],
        )


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


def shrink(
    image: NDArray[np.uint8], sizes: Sequence[tuple[int, int]], means: Means = exact_means
) -> Iterator[NDArray[np.uint8]]:
    """Yield the picture in each (height, width), the largest first, by averaging over areas.

    A level at most half as large as an earlier one is made from that one: an average of averages, in a
    fraction of the time.
    """
    sources = [image]
    for height, width in sizes:
        fine = [one for one in sources if one.shape[0] >= 2 * height and one.shape[1] >= 2 * width]
        source = fine[-1] if fine else image
        level = means(source, height, width)
        sources.append(level)
        yield level


@functools.lru_cache(maxsize=64)
def lay_out(sizes: tuple[tuple[int, int], ...], *, tile: int) -> Ribbon:
    """Lay the levels on a ribbon as high as a tile.

    Bands of the full height come first. Each of the others, the widest first, goes into the smallest free
    rectangle that holds it, else to the end.

    Examples
    --------
    >>> lay_out(((100, 150), (70, 106), (50, 75)), tile=128).count
    3
    """
    step = tile - _OVERLAP
    bands = [
        (level, y, min(tile, height - y), width)
        for level, (height, width) in enumerate(sizes)
        for y in range(0, max(height - _OVERLAP - 1, 1), step)
    ]
    pieces: list[Piece] = []
    free: list[tuple[int, int, int, int]] = []  # height, width, top, left
    length = 0
    for level, y, height, width in sorted(bands, key=lambda band: (band[2] < tile, -band[3])):
        tall, wide = height + height % STRIDE, width + width % STRIDE
        room = [one for one in free if one[0] >= tall and one[1] >= wide]
        if room:
            best = min(room, key=lambda one: one[0] * one[1])
            free.remove(best)
        else:
            best = (tile, wide, 0, length)
            length += wide
        bottom, right, top, left = best
        pieces.append(Piece(level, y, height, width, top, left))
        free += [(bottom - tall, right, top + tall, left), (tall, right - wide, top, left + wide)]
    return Ribbon(tuple(sizes), tuple(pieces), tile, max(-(-(length - _OVERLAP) // step), 1))
