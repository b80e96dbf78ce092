"""Searching a picture for faces. These kernels run on the CPU alone, each call on one thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import _core

__all__ = ["crop_net", "pnet", "resize_boxes"]


def crop_net(
    crops: NDArray[np.uint8],
    layers: NDArray[np.int64],
    parameters: NDArray[np.float32],
    *,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Run a small convolutional network on many small pictures, such as the second and the third network of MTCNN.

    A layer is a convolution without padding, its PReLU, and a maximum over squares at every second pixel; a dense layer is
    a convolution over its whole input. All in float32.

    Parameters
    ----------
    crops
        ``(K, S, S, 3)`` uint8 RGB; the network sees ``(x - 127.5) / 128``.
    layers
        ``(L, 5)`` int64, a row for each layer: side of its kernel; channels that it reads, the first of those that the
        layer before makes; channels that it makes, a multiple of 16; side of the squares, 0 for none; pixels of padding
        at the right and the lower end before them, 0 or 1. The last layer leaves one pixel.
    parameters
        ``(P,)`` float32: of each layer the kernel as ``(out / 16, rows, columns, in, 16)``, the bias ``(out,)``, and the
        slope for negative values ``(out,)``.
    out
        ``(K, channels of the last layer)`` float32.

    Examples
    --------
    >>> mean = np.concatenate([np.full(4 * 3 * 16, 0.25), np.zeros(16), np.ones(16)]).astype(np.float32)
    >>> crop_net(np.full((1, 2, 2, 3), 255, np.uint8), np.array([[2, 3, 16, 0, 0]]), mean)[0, 0]
    np.float32(2.9882812)
    """
    return _core.crop_net(crops, layers, parameters, out=out)


def pnet(
    picture: NDArray[np.uint8], parameters: NDArray[np.float32], *, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Slide the proposal network of MTCNN over a picture.

    Three convolutions 3×3 with 10, 16 and 32 channels, each with a PReLU, and the largest of 2×2 after the first, in
    float32; the network that :func:`fiqx_trt.onnx_export.architectures.mtcnn.build_mtcnn` writes as ONNX.

    Parameters
    ----------
    picture
        ``(H, W, 3)`` uint8 RGB, at least 12 pixels high and wide.
    parameters
        ``(6632,)`` float32: kernels, biases and slopes of the three convolutions, then kernels and biases of the
        regression and of both logits, each kernel as rows, columns, channels in, channels out.
    out
        ``(H // 2 - 5, W // 2 - 5, 5)`` float32.

    Returns
    -------
    ndarray
        For the 12×12 window whose upper left pixel is (x, y) = (2 j, 2 i), at [i, j]: the logit of a face, and the
        regression of its box.

    Examples
    --------
    >>> pnet(np.zeros((20, 13, 3), np.uint8), np.zeros(6632, np.float32)).shape
    (5, 1, 5)
    """
    return _core.pnet(picture, parameters, out=out)


def resize_boxes(
    picture: NDArray[np.uint8],
    boxes: NDArray[np.int64],
    *,
    height: int,
    width: int,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Cut boxes out of a picture and resize each to ``height`` × ``width``.

    Along an axis on which a box is longer than the result, a pixel of the result is the mean over the area that it
    covers, exact before it is rounded (within 1e-4); along another one, what linear interpolation between the centres
    of pixels gives. A box is black where it leaves the picture.

    Parameters
    ----------
    picture
        ``(H, W, 3)`` uint8.
    boxes
        ``(K, 4)`` int64: x0, y0, x1, y1 in pixels, the right and lower edge excluded.
    height, width
        Of each result.
    out
        ``(K, height, width, 3)`` uint8.

    Examples
    --------
    >>> picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    >>> resize_boxes(picture, np.array([[0, 0, 2, 2]]), height=1, width=1)
    array([[[[5, 6, 7]]]], dtype=uint8)
    """
    return _core.resize_boxes(picture, boxes, height=height, width=width, out=out)
