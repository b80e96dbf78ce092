"""Format and size of a picture, read from its first bytes without decoding it.

The suffix of a file is never believed, and nothing of the picture's size is allocated: a header
that announces a gigantic picture is refused before a decoder sees it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fiqx_trt.errors import ImageError

__all__ = ["Header", "read_header"]

_EOI = b"\xff\xd9"  # JPEG: end of image
_IEND = b"IEND\xaeB`\x82"  # PNG: last chunk with its checksum
_PNG = b"\x89PNG\r\n\x1a\n"
_NOT_FRAMES = frozenset((0xC4, 0xC8, 0xCC))  # JPEG markers C0..CF that are tables, not frame headers
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # JPEG markers without a length: TEM, RST0..7, SOI
_TIFF_WIDTHS, _TIFF_HEIGHTS = (256, 322), (257, 323)  # picture and tile
_PNM = re.compile(rb"P([1-6])(?:\s|#[^\r\n]*[\r\n])+(\d{1,10})(?:\s|#[^\r\n]*[\r\n])+(\d{1,10})\s")


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes of a picture say.

    Parameters
    ----------
    format
        ``"JPEG"``, ``"PNG"``, ``"WebP"``, ``"animated WebP"``, ``"BMP"``, ``"TIFF"``, ``"GIF"`` or ``"PNM"``.
    width, height
        Pixels as stored, before any EXIF rotation. For a tiled TIFF the larger of picture and tile.
    """

    format: str
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """``width * height``."""
        return self.width * self.height


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
        return _jpeg(data)
    if data.startswith(_PNG):
        return _png(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return _tiff(data)
    if data.startswith(b"BM"):
        return _bmp(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return Header("GIF", _little(data, 6, 2), _little(data, 8, 2))
    if match := _PNM.match(data):
        return Header("PNM", int(match[2]), int(match[3]))
    return None


def _refusal(data: bytes) -> ImageError:
    kind = _known_format(data)
    if kind:
        message = f"this is {kind}, a format that is not read; convert the picture to JPEG or PNG"
        return ImageError(message, status="unsupported")
    if data.startswith((b"\xff\xd8", _PNG[:4], b"RIFF", b"II*\0", b"MM\0*", b"GIF8")):
        return ImageError(f"the picture ends inside its header ({len(data)} bytes)", status="decode_error")
    return ImageError(
        f"not a picture: {len(data)} bytes that begin with {data[:8]!r}; JPEG, PNG, WebP, BMP, TIFF, GIF and "
        "PNM are read",
        status="decode_error",
    )


def _known_format(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return {b"avif": "AVIF", b"avis": "AVIF"}.get(data[8:12], "HEIC or MP4")
    for start, kind in (
        (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
        (b"\xff\x0a", "JPEG XL"),
        (b"8BPS", "Photoshop"),
        (b"%PDF", "PDF"),
        (b"\x76\x2f\x31\x01", "OpenEXR"),
    ):
        if data.startswith(start):
            return kind
    return "SVG" if b"<svg" in data[:512] else ""


def _big(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "big")


def _little(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError(at)
    return int.from_bytes(data[at : at + size], "little")


def _jpeg(data: bytes) -> Header:
    at = 2
    while True:
        if data[at] != 0xFF:  # stray bytes between segments; decoders skip them too
            at = data.find(0xFF, at)
            if at < 0:
                raise IndexError(at)
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:
            break
        if marker == 0xFF:
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker in (0xD9, 0xDA):
            raise ImageError("a JPEG without a frame header", status="decode_error")
        else:
            at += 2 + max(2, _big(data, at + 2, 2))
    height, width = _big(data, at + 5, 2), _big(data, at + 7, 2)
    # The decoder fills what is missing with grey and says nothing, so the end marker is looked for here; it
    # cannot occur inside the coded picture. Junk after it is common and harmless.
    if not data.endswith(_EOI) and data.rfind(_EOI, at) < 0:
        raise ImageError("a truncated JPEG: its end-of-image marker is missing", status="decode_error")
    return Header("JPEG", width, height)


def _png(data: bytes) -> Header:
    width, height = _big(data, 16, 4), _big(data, 20, 4)
    if not data.endswith(_IEND) and data.rfind(_IEND) < 0:
        raise ImageError("a truncated PNG: its end chunk is missing", status="decode_error")
    return Header("PNG", width, height)


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
    return Header("WebP", _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF)


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


def _tiff(data: bytes) -> Header:
    number = _little if data[:1] == b"I" else _big
    wide = data[2:4] in (b"+\0", b"\0+")
    word, entry = (8, 20) if wide else (4, 12)
    directory = number(data, 8 if wide else 4, word)
    count_size = 8 if wide else 2
    entries = min(number(data, directory, count_size), 4096)
    width = height = 0
    for index in range(entries):
        at = directory + count_size + index * entry
        tag = number(data, at, 2)
        if tag in _TIFF_WIDTHS or tag in _TIFF_HEIGHTS:
            size = {3: 2, 16: 8}.get(number(data, at + 2, 2), 4)
            value = number(data, at + 4 + word, size)
            if tag in _TIFF_WIDTHS:
                width = max(width, value)
            else:
                height = max(height, value)
    return Header("TIFF", width, height)
