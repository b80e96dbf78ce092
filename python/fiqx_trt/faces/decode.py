"""Picture files to RGB arrays.

The format is told from the bytes, never from the suffix. Every outcome that is not a whole picture is an
:class:`~fiqx_trt.errors.ImageError` with the status its row gets.

========  =======================================================================================
format    notes
========  =======================================================================================
JPEG      baseline and progressive, grey, colour and CMYK (read the way Adobe writes it, inverted)
PNG       grey, palette, RGB, with or without alpha, 1 to 16 bit
WebP      lossy and lossless; the first frame of an animation, with OpenCV 4.11 or newer
TIFF      8 and 16 bit, first page
BMP, PNM  all that OpenCV reads
GIF       first frame, with OpenCV 4.11 or newer
========  =======================================================================================

An EXIF orientation is applied (that of a WebP file only by recent versions of OpenCV). Alpha is dropped, as
``cv2.imread`` and Pillow's ``convert("RGB")`` do, so that a picture has the same score here as elsewhere.
16-bit samples are scaled to 8 bit, grey is repeated.
"""

from __future__ import annotations

import os

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ImageError
from fiqx_trt.faces.header import Header, read_header

__all__ = ["MAX_PIXELS", "decode"]

MAX_PIXELS = 100_000_000
"""Largest picture that is decoded, in pixels: 300 MB as an array. Larger ones are ``unsupported``."""

_ANIMATIONS_SINCE = (4, 11)

if "OPENCV_LOG_LEVEL" not in os.environ:
    # What OpenCV would print about a broken file is in that file's row already.
    (cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2).setLogLevel(0)  # 4.8 has the latter only


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS, header: Header | None = None) -> NDArray[np.uint8]:
    """Decode one picture to RGB.

    Parameters
    ----------
    data
        The whole file.
    max_pixels
        A picture whose header announces more is refused before anything is allocated for it.
    header
        The result of :func:`~fiqx_trt.faces.header.read_header`, when it is known already.

    Returns
    -------
    ndarray
        ``(H, W, 3)`` uint8, RGB, C-contiguous, upright.

    Raises
    ------
    ImageError
        ``decode_error``: empty, truncated, corrupt or not a picture. ``unsupported``: too many pixels, or a
        format that is not read.

    Notes
    -----
    A file whose middle is damaged but whose end is there decodes to whatever the decoder makes of it.

    Examples
    --------
    >>> decode(b"P6 2 1 255 " + bytes([255, 0, 0, 0, 0, 255])).tolist()
    [[[255, 0, 0], [0, 0, 255]]]
    """
    if header is None:
        header = read_header(data)
    if header.pixels > max_pixels:
        raise ImageError(
            f"a {header.format} of {header.width} x {header.height} px: more than the limit of "
            f"{max_pixels:,} pixels; scale it down",
            status="unsupported",
        )
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise _failure(header, f": {error.err}") from error
    if picture is None:
        raise _failure(header)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)  # type: ignore[no-any-return]


def _failure(header: Header, reason: str = "") -> ImageError:
    version = tuple(int(part) for part in cv2.__version__.split(".")[:2])
    if header.format in ("GIF", "animated WebP") and version < _ANIMATIONS_SINCE:
        return ImageError(
            f"this is {header.format}, a format that OpenCV {cv2.__version__} does not read; install OpenCV "
            "4.11 or newer, or convert the picture to JPEG or PNG",
            status="unsupported",
        )
    return ImageError(
        f"a {header.format} of {header.width} x {header.height} px that cannot be decoded: truncated, "
        f"corrupt or of a kind OpenCV does not read{reason}",
        status="decode_error",
    )
