"""All sizes of a picture, for a network that slides a window of one size over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.kernels import resize_boxes

__all__ = ["STRIDE", "WINDOW", "level_sizes", "reduced", "shrink"]

WINDOW = 12
"""Side of the sliding window."""
STRIDE = 2
"""Step of the sliding window."""


def reduced(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Reduce a picture (H, W, 3) to a smaller (height, width) by means over areas."""
    whole = np.array([[0, 0, image.shape[1], image.shape[0]]], np.int64)
    resized = resize_boxes(image, whole, height=height, width=width)
    return resized.reshape(height, width, 3)


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
        level = reduced(source, height, width)
        sources.append(level)
        yield level
