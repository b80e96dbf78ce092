"""Bilinear upsampling as a linear operator, and maps stored as the small grids they are upsampled from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError

__all__ = ["CompactMaps", "axis_weights", "pixel_tiles", "upsample"]

#: Rows and columns of a map, each a slice.
Tile = tuple[slice, slice]
WHOLE: Tile = (slice(None), slice(None))
#: Bytes of full-size maps that exist at one time while compact maps are read block by block.
BLOCK_BYTES = 32 << 20
#: Bytes that are upsampled at one time, so that they stay in the processor's cache between the steps.
CACHED_BYTES = 512 << 10


@lru_cache(maxsize=32)
def _taps(
    cells: int, pixels: int, align_corners: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return the two neighbouring cells of each pixel, and its relative distance from the first."""
    if align_corners:
        at = np.arange(pixels) * ((cells - 1) / (pixels - 1) if pixels > 1 else 0.0)
    else:
        at = np.clip((np.arange(pixels) + 0.5) * (cells / pixels) - 0.5, 0.0, cells - 1.0)
    below = np.minimum(np.floor(at).astype(np.intp), cells - 1)
    return below, np.minimum(below + 1, cells - 1), at - below


@lru_cache(maxsize=32)
def axis_weights(cells: int, pixels: int, align_corners: bool = False) -> NDArray[np.float64]:
    """Return the operator ``(pixels, cells)`` float64 of linear interpolation along one axis, read-only.

    With ``align_corners`` the centres of the first and last cell and pixel coincide, otherwise their outer edges, so that
    pixel i is at ``(i + 1/2) cells/pixels - 1/2``. Every row is a weighted mean: constants are preserved.

    Examples
    --------
    >>> axis_weights(2, 4)
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]])
    """
    below, above, part = _taps(cells, pixels, align_corners)
    weights = np.zeros((pixels, cells))
    np.add.at(weights, (np.arange(pixels), below), 1.0 - part)
    np.add.at(weights, (np.arange(pixels), above), part)
    weights.setflags(write=False)
    return weights


def upsample(
    grids: NDArray[np.floating], size: tuple[int, int], *, align_corners: bool = False
) -> NDArray[np.float64]:
    """Upsample grids ``(..., h, w)`` bilinearly to ``(..., H, W)`` float64; see :func:`axis_weights` for ``align_corners``.

    Examples
    --------
    >>> upsample(np.array([[0.0, 1.0]]), (1, 4))
    array([[0.  , 0.25, 0.75, 1.  ]])
    """
    return _upsampled(np.asarray(grids), size, align_corners, WHOLE)


def _upsampled(
    grids: NDArray[np.floating], size: tuple[int, int], align_corners: bool, tile: Tile
) -> NDArray[np.float64]:
    """Upsample grids ``(..., h, w)`` to the rows and columns of a tile of the ``size``."""
    # Two products and a sum per value, never a matrix product: a grid's result must not depend, not even in its last bit,
    # on how many others are upsampled with it, nor on which pixels are.
    upper, lower, down = _taps(grids.shape[-2], size[0], align_corners)
    left, right, along = _taps(grids.shape[-1], size[1], align_corners)
    upper, lower, down = upper[tile[0]], lower[tile[0]], down[tile[0], np.newaxis]
    left, right, along = left[tile[1]], right[tile[1]], along[tile[1]]
    first = int(upper[0])
    part = np.asarray(grids[..., first : int(lower[-1]) + 1, :], np.float64)
    wide = np.take(part, left, -1) * (1.0 - along) + np.take(part, right, -1) * along
    above, below = np.take(wide, upper - first, -2), np.take(wide, lower - first, -2)
    above *= 1.0 - down
    below *= down
    above += below
    return np.asarray(above)


def pixel_tiles(size: tuple[int, int], pixels: int) -> Iterator[Tile]:
    """Yield slices of rows and columns that cover maps of a size in the order of their pixels.

    A tile holds at most ``pixels`` pixels: whole rows, or a piece of one row where a row has more.

    Examples
    --------
    >>> [(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in pixel_tiles((3, 4), 8)]
    [(0, 2, 0, 4), (2, 3, 0, 4)]
    """
    height, width = size
    rows, columns = max(1, pixels // width), max(1, min(pixels, width))
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield slice(top, min(top + rows, height)), slice(left, min(left + columns, width))


@dataclass(frozen=True)
class CompactMaps:
    """N maps that are bilinear upsamplings of small grids: lossless, and hundreds of times smaller.

    Upsampling is a weighted mean, so scaling a map by two numbers, ``(U g - low) / (high - low)``, is the upsampling of the
    scaled grid, which is what is stored. Grid values may be slightly outside [0, 1] where no pixel centre meets the grid's
    extremes; the pixels are not.

    Parameters
    ----------
    grids
        ``(N, h, w)`` float32.
    size
        Height H and width W of the maps.

    Raises
    ------
    InvalidInputError
        The grids have another rank or dtype.

    Examples
    --------
    >>> maps = CompactMaps(np.array([[[0.0, 1.0]]], dtype=np.float32), (1, 4))
    >>> maps.pixels()
    array([[[0.  , 0.25, 0.75, 1.  ]]], dtype=float32)
    """

    grids: NDArray[np.float32]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        """Check the grids once."""
        if self.grids.ndim != 3 or self.grids.dtype != np.float32:
            raise InvalidInputError(
                f"the grids are {self.grids.dtype} of shape {self.grids.shape}; give float32 of shape (N, h, w)"
            )

    def __len__(self) -> int:
        return len(self.grids)

    def take(self, rows: NDArray[np.integer] | slice) -> CompactMaps:
        """Return some of the maps, in the order of ``rows``."""
        return CompactMaps(self.grids[rows], self.size)

    def pixels(self, tile: Tile = WHOLE) -> NDArray[np.float32]:
        """Return the maps pixel by pixel, ``(N, H, W)`` float32 in [0, 1], or a tile's rows and columns of them."""
        shape = [len(range(*part.indices(length))) for part, length in zip(tile, self.size, strict=True)]
        pixels = np.empty((len(self), *shape), np.float32)
        step = max(1, CACHED_BYTES // max(1, 8 * shape[0] * shape[1]))
        for start in range(0, len(self), step):
            some = slice(start, start + step)
            values = _upsampled(self.grids[some], self.size, False, tile)
            np.clip(values, 0.0, 1.0, out=pixels[some], casting="same_kind")
        return pixels

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the maps in order as ``(n, H, W)`` float32 blocks of bounded size."""
        step = max(1, BLOCK_BYTES // (8 * self.size[0] * self.size[1]))
        for start in range(0, len(self), step):
            yield self.take(slice(start, start + step)).pixels()
