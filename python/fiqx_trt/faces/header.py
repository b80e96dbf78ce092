"""Format and size of a picture, read from its first bytes without decoding it.

The suffix of a file is never believed, and nothing of the picture's size is allocated: a header
that announces a gigantic picture is refused before a decoder sees it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fiqx_trt.errors import ImageError
from fiqx_trt.faces import heif, jpeg, png, tiff

__all__ = ["Header", "read_header"]

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_RAW = "a camera's raw file"
_UNREAD = {
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"\x76\x2f\x31\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"#?RGBE": "Radiance HDR",
    b"\0\0\1\0": "ICO",
    b"II\xbc\1": "JPEG XR",
    b"FUJIFILMCCD-RAW": _RAW,
    b"IIU\0": _RAW,  # Panasonic
    b"IIRO": _RAW,  # Olympus
    b"IIRS": _RAW,
    b"MMOR": _RAW,
    b"FOVb": _RAW,  # Sigma
    b"\0MRM": _RAW,  # Minolta
}
"""Kinds that are known by their first bytes and not read."""

_LONGEST_PNM = 1 << 12  # bytes of a PNM header with its comments; the pattern takes memory for each
_PNM = re.compile(rb"P([1-6])(?:\s|#[^\r\n]*[\r\n])+(\d{1,10})(?:\s|#[^\r\n]*[\r\n])+(\d{1,10})\s")


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes of a picture say.

    Parameters
    ----------
    format
        ``"JPEG"``, ``"PNG"``, ``"WebP"``, ``"animated WebP"``, ``"BMP"``, ``"TIFF"``, ``"GIF"``, ``"PNM"``,
        ``"HEIC"`` or ``"AVIF"``.
    width, height
        Pixels as stored, before any EXIF rotation; of HEIC and AVIF those of the largest picture in the file.
    tile
        Pixels of a TIFF's largest tile, which a decoder holds even where the picture is smaller.
    """

    format: str
    width: int
    height: int
    tile: int = 0

    @property
    def pixels(self) -> int:
        """What a decoder holds: ``width * height``, or a tile that is larger."""
        return max(self.width * self.height, self.tile)

    @property
    def kind(self) -> str:
        """The format with its article: ``"a JPEG"``, ``"an AVIF"``."""
        return f"{'an' if self.format[0] in 'Aa' else 'a'} {self.format}"


def read_header(data: bytes) -> Header:
    """Tell format and size of a picture, and refuse one whose end is missing where the format marks its end.

    Parameters
    ----------
    data
        The whole file.

    Raises
    ------
    ImageError
        ``decode_error``: no bytes, not a picture, a truncated or broken file.
        ``unsupported``: a picture in a format that is not read (HEIC, AVIF, JPEG 2000, PDF …).

    Examples
    --------
    >>> read_header(b"P5 3 2 255 " + bytes(6))
    Header(format='PNM', width=3, height=2)
    """
    if not data:
        raise ImageError("the file is empty (0 bytes)", status="decode_error")
    try:
        header = _read(data)
    except IndexError:
        header = None
    if header is None:
        raise _refusal(data)
    if header.width <= 0 or header.height <= 0:
        raise ImageError(
            f"the {header.format} header announces {header.width} x {header.height} px", status="decode_error"
        )
    return header


def _read(data: bytes) -> Header | None:
    if data.startswith(b"\xff\xd8\xff"):
        return Header("JPEG", *jpeg.frame_size(data))
    if data.startswith(png.SIGNATURE):
        return Header("PNG", *png.picture_size(data))
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    if data.startswith(_TIFF):
        return _tiff(data)
    if data.startswith(b"BM"):
        return _bmp(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return Header("GIF", _little(data, 6, 2), _little(data, 8, 2))
    if (kind := heif.kind_of(data)) in ("HEIC", "AVIF"):
        return Header(kind, *heif.picture_size(data))
    if match := _PNM.match(data, 0, _LONGEST_PNM):
        return Header("PNM", int(match[2]), int(match[3]))
    return None


def _refusal(data: bytes) -> ImageError:
    kind = _known_format(data)
    if kind:
        return _unread(kind)
    if data.startswith((b"\xff\xd8", png.SIGNATURE[:4], b"RIFF", b"GIF8", *_TIFF)):
        return ImageError(f"the picture ends inside its header ({len(data)} bytes)", status="decode_error")
    return ImageError(
        f"not a picture: {len(data)} bytes that begin with {data[:8]!r}; JPEG, PNG, WebP, BMP, TIFF, GIF, PNM, "
        "HEIC and AVIF are read",
        status="decode_error",
    )


def _unread(kind: str) -> ImageError:
    message = f"this is {kind}, a format that is not read; convert the picture to JPEG or PNG"
    return ImageError(message, status="unsupported")


def _known_format(data: bytes) -> str:
    for start, kind in _UNREAD.items():
        if data.startswith(start):
            return kind
    return heif.kind_of(data) or ("SVG" if b"<svg" in data[:512] else "")


def _little(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "little")


def _webp(data: bytes) -> Header:
    announced = _little(data, 4, 4) + 8
    if announced > len(data):
        raise ImageError(
            f"a truncated WebP: {len(data)} bytes of the {announced} it announces", status="decode_error"
        )
    kind = data[12:16]
    if kind == b"VP8X":
        name = "animated WebP" if data[20] & 2 else "WebP"
        return Header(name, _little(data, 24, 3) + 1, _little(data, 27, 3) + 1)
    if kind == b"VP8L":
        bits = _little(data, 21, 4)
        return Header("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind != b"VP8 ":  # what the decoder would make of it is not known
        raise ImageError(f"a WebP whose first chunk is {kind!r}", status="decode_error")
    return Header("WebP", _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF)


def _tiff(data: bytes) -> Header:
    directory = tiff.Directory(data)
    if data[8:10] == b"CR" or directory.is_raw():
        raise _unread(_RAW)
    return Header("TIFF", *directory.picture_size())


def _bmp(data: bytes) -> Header | None:
    size = _little(data, 14, 4)
    if size == 12:
        return Header("BMP", _little(data, 18, 2), _little(data, 20, 2))
    if size < 16 or size > 256:
        return None  # "BM" also begins many a text
    height = _little(data, 22, 4)
    return Header(
        "BMP", _little(data, 18, 4), min(height, 2**32 - height)
    )  # a negative height: top row first
