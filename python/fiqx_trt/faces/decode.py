"""Picture files to RGB arrays.

The format is told from the bytes, never from the suffix. Every outcome that is not a whole picture is an
:class:`~fiqx_trt.errors.ImageError` with the status its row gets.

==========  =====================================================================================
format      notes
==========  =====================================================================================
JPEG        baseline and progressive, grey, colour and CMYK (read the way Adobe writes it, inverted);
            of an MPO the first picture
PNG         grey, palette, RGB, with or without alpha, 1 to 16 bit; of an animation the picture that
            programs show which do not know animations
WebP        lossy and lossless; the first frame of an animation, with OpenCV 4.11 or newer
TIFF        8 and 16 bit, first page
BMP, PNM    all that OpenCV reads
GIF         first frame, with OpenCV 4.11 or newer
HEIC, AVIF  8 to 12 bit, the primary picture, with the extra ``heif``
==========  =====================================================================================

An EXIF orientation is applied (that of a WebP file only by recent versions of OpenCV); HEIC and AVIF have a
rotation of their own, which is applied instead. Alpha is dropped, as ``cv2.imread`` and Pillow's
``convert("RGB")`` do, so that a picture has the same score here as elsewhere. 16-bit samples are scaled to 8 bit,
grey is repeated.

A JPEG or PNG whose data are damaged or end early is a ``decode_error``, also where its end mark is there. What
decoders forgive everywhere else (bytes behind the last block of a JPEG, a bad colour profile) is forgiven here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ImageError
from fiqx_trt.faces.header import Header, read_header
from fiqx_trt.faces.heif import decode_heif
from fiqx_trt.faces.jpeg import decode_jpeg, exif_of_jpeg
from fiqx_trt.faces.png import exif_of_png, reduced
from fiqx_trt.faces.tiff import read_orientation
from fiqx_trt.opencv import MAX_PIXELS, cv2

__all__ = ["MAX_PIXELS", "decode"]

_ANIMATIONS_SINCE = (4, 11)
_AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


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
    OpenCV refuses more than `MAX_PIXELS` itself, whatever the header says: to decode larger pictures, set
    ``OPENCV_IO_MAX_IMAGE_PIXELS`` before it is imported as well as ``max_pixels``.

    Examples
    --------
    >>> decode(b"P6 2 1 255 " + bytes([255, 0, 0, 0, 0, 255])).tolist()
    [[[255, 0, 0], [0, 0, 255]]]
    """
    if header is None:
        header = read_header(data)
    if header.pixels > max_pixels:
        raise ImageError(
            f"{header.kind} of {header.width} x {header.height} px: more than the limit of "
            f"{max_pixels:,} pixels; scale it down",
            status="unsupported",
        )
    image = _WAYS.get(header.format, _other)(data, header)
    if not _as_announced(image, header):
        raise ImageError(
            f"{header.kind} whose header announces {header.width} x {header.height} px and that decodes to "
            f"{image.shape[1]} x {image.shape[0]} px",
            status="decode_error",
        )
    return image


def _as_announced(image: NDArray[np.uint8], header: Header) -> bool:
    height, width = image.shape[:2]
    if header.format in ("HEIC", "AVIF"):  # they may be cropped, and hold more than one picture
        return bool(height * width <= header.pixels)
    return (width, height) in ((header.width, header.height), (header.height, header.width))


def _jpeg(data: bytes, header: Header) -> NDArray[np.uint8]:
    image = decode_jpeg(data, header.width, header.height)
    return _turned(_opencv(data, header, _AS_STORED) if image is None else image, exif_of_jpeg(data))


def _png(data: bytes, header: Header) -> NDArray[np.uint8]:
    return _turned(_opencv(reduced(data), header, _AS_STORED), exif_of_png(data))


def _heif(data: bytes, header: Header) -> NDArray[np.uint8]:
    return decode_heif(data, header.format)


def _other(data: bytes, header: Header) -> NDArray[np.uint8]:
    return _opencv(data, header, cv2.IMREAD_COLOR)


_WAYS: dict[str, Callable[[bytes, Header], NDArray[np.uint8]]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "HEIC": _heif,
    "AVIF": _heif,
}


def _opencv(data: bytes, header: Header, flags: int) -> NDArray[np.uint8]:
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise _failure(header, f": {error.err}") from error
    if picture is None:
        raise _failure(header)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)  # type: ignore[no-any-return]


def _turned(image: NDArray[np.uint8], exif: bytes) -> NDArray[np.uint8]:
    """Return the upright picture: an orientation of 5 to 8 exchanges the axes, then sides are exchanged."""
    orientation = read_orientation(exif)
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def _failure(header: Header, reason: str = "") -> ImageError:
    version = tuple(int(part) for part in cv2.__version__.split(".")[:2])
    if header.format in ("GIF", "animated WebP") and version < _ANIMATIONS_SINCE:
        return ImageError(
            f"this is {header.format}, a format that OpenCV {cv2.__version__} does not read; install OpenCV "
            "4.11 or newer, or convert the picture to JPEG or PNG",
            status="unsupported",
        )
    return ImageError(
        f"{header.kind} of {header.width} x {header.height} px that cannot be decoded: truncated, "
        f"corrupt or of a kind OpenCV does not read{reason}",
        status="decode_error",
    )
