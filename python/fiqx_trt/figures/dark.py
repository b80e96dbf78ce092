"""A figure on a dark page: letters, lines and paper change places, maps and faces stay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["DARK_INK", "DARK_PAPER", "Box", "darkened"]

#: What white and black become: the paper and the ink of a dark page (:mod:`fiqx_trt.report.style`).
DARK_PAPER, DARK_INK = (0x15, 0x18, 0x1B), (0xE4, 0xE7, 0xEA)

Box = tuple[int, int, int, int]


def darkened(pixels: NDArray[np.uint8], kept: Sequence[Box] = ()) -> NDArray[np.uint8]:
    """Return a picture on white paper as one on dark paper.

    A grey gets the lightness of its negative (the mean of the largest and the smallest part of a colour). A colour keeps its hue
    and the difference of these parts, and gets the larger one of its own lightness and its negative's; what lies between a colour
    and white, such as the rim of a line, comes to lie between. So dark blue lines become light blue ones, and what words say of
    colours stays true.

    Parameters
    ----------
    pixels
        ``(H, W, 3)`` uint8 RGB.
    kept
        Left, top, right and bottom of the parts that stay as they are: maps, faces and colour bars.
    """
    red, green, blue = np.moveaxis(pixels.astype(np.float32) / 255, -1, 0)
    low, high = np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)
    lightness, colored = (low + high) / 2, np.minimum(2 * (high - low), 1)
    wanted = (1 - colored) * (1 - lightness) + colored * np.maximum(lightness, 1 - lightness)
    turned = pixels + (255 * (wanted - lightness))[..., np.newaxis]
    paper, ink = np.array(DARK_PAPER, np.float32), np.array(DARK_INK, np.float32)
    dark: NDArray[np.uint8] = np.rint(paper + turned * ((ink - paper) / 255)).astype(np.uint8)
    for left, top, right, bottom in kept:
        dark[top:bottom, left:right] = pixels[top:bottom, left:right]
    return dark
