"""HEIC and AVIF, what telephones write: recognised here, decoded with the packages of the extra ``heif``."""

from __future__ import annotations

import importlib
import io
import re
import struct
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ImageError
from fiqx_trt.faces.av1 import coded_sizes

__all__ = ["decode_heif", "kind_of", "picture_size"]

_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_AVIF = frozenset((b"avif", b"avis"))
_OTHERS = {b"crx ": "a camera's raw file", b"mif1": "HEIF", b"msf1": "HEIF", b"jpeg": "HEIF"}
_MOST_BRANDS = 64
_EXTENT = re.compile(
    rb"ispe\0\0\0\0(.{8})", re.DOTALL
)  # of every picture in the file, tiles and thumbnails too
_CURE = "pip install 'fiqx-trt[heif]', or convert the picture to JPEG or PNG"


def kind_of(data: bytes) -> str:
    """Return ``"HEIC"``, ``"AVIF"``, another name for what else has such a beginning, or an empty text."""
    if data[4:8] != b"ftyp":
        return ""
    end = min(int.from_bytes(data[:4], "big"), 16 + 4 * _MOST_BRANDS)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]
    if not _AVIF.isdisjoint(brands):
        return "AVIF"
    if not _HEIC.isdisjoint(brands):
        return "HEIC"
    return next((_OTHERS[brand] for brand in brands if brand in _OTHERS), "a video (MP4 or QuickTime)")


def picture_size(data: bytes) -> tuple[int, int]:
    """Return width and height of the largest picture in the file.

    libheif refuses a coded picture that is larger than announced. libavif decodes it and scales it down, so the size in the
    AV1 stream counts too.

    Raises
    ------
    ImageError
        ``decode_error``: there is none. ``unsupported``: an AVIF file has more parts than any picture.
    """
    kind = kind_of(data)
    sizes = [struct.unpack(">II", match[1]) for match in _EXTENT.finditer(data)]
    if not sizes:
        raise ImageError(
            f"a file of {kind} that announces no picture ({len(data)} bytes)", status="decode_error"
        )
    if kind == "AVIF":
        sizes += coded_sizes(data)
    return max(sizes, key=lambda size: size[0] * size[1])


def decode_heif(data: bytes, kind: str) -> NDArray[np.uint8]:
    """Decode to an upright RGB picture, as the file's own rotation says; 10 and 12 bit are scaled to 8.

    Parameters
    ----------
    data
        A whole file.
    kind
        ``"HEIC"`` or ``"AVIF"``.

    Returns
    -------
    ndarray
        ``(H, W, 3)`` uint8.

    Raises
    ------
    ImageError
        ``unsupported``: the packages are not installed. ``decode_error``: the file is damaged.
    """
    decode = _avif if kind == "AVIF" else _heic
    try:
        return decode(data)
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        message = f"a file of {kind} that cannot be decoded: truncated or corrupt: {reason}"
        raise ImageError(message, status="decode_error") from error


def _heic(data: bytes) -> NDArray[np.uint8]:
    for name in ("pillow_heif", "pi_heif"):  # the second has the same functions and no encoder
        if package := _module(name):
            picture = package.open_heif(data, convert_hdr_to_8bit=True)
            return np.asarray(picture.to_pillow().convert("RGB"))
    raise ImageError(f"this is HEIC, which is not read without the extra heif: {_CURE}", status="unsupported")


def _avif(data: bytes) -> NDArray[np.uint8]:
    pillow, plugin = _module("PIL.ImageOps"), _module("PIL.AvifImagePlugin")
    if pillow is None or plugin is None or not plugin.SUPPORTED:
        raise ImageError(
            f"this is AVIF, which is not read without the extra heif: {_CURE}", status="unsupported"
        )
    # Not Image.open: its own limit on pixels is a warning, and a process has one.
    with plugin.AvifImageFile(io.BytesIO(data)) as picture:
        return np.asarray(pillow.exif_transpose(picture).convert("RGB"))


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
