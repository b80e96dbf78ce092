"""JPEG: the size its decoder will see, the EXIF segment, and a decoder that says what is wrong with the data.

OpenCV's decoder fills what is missing with grey and writes a line about it to the terminal. The decoder of
`simplejpeg` (libjpeg-turbo as well, with the same pixels) raises the line instead.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ImageError

__all__ = ["decode_jpeg", "exif_of_jpeg", "frame_size"]

_EOI = b"\xff\xd9"  # end of image; it cannot occur inside the coded picture
_SOS = b"\xff\xda"  # start of scan; neither can it
_MARKER = re.compile(
    rb"\xff([^\x00\xff])"
)  # as libjpeg: FF 00 and fill bytes are skipped, as is anything else
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of frame headers; the others are tables
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length: TEM, RST0..7
_SEQUENTIAL = (0xC0, 0xC1)
_MOST_SEGMENTS = 10_000  # before the frame header; files have a few dozen
_MOST_SCANS = 200  # of a progressive picture, which is gone through once for each; usual are 10
_HARMLESS = "extraneous bytes before marker 0xd9"


def frame_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a JPEG, and refuse one that cannot be whole.

    Raises
    ------
    ImageError
        ``decode_error``: no frame header, no end marker, or more scans than any picture has.
    IndexError
        It ends inside its header.
    """
    at = _frame_header(data)
    # The end marker is looked for here, for a clearer message. Junk after it is common and harmless.
    if not data.endswith(_EOI) and data.rfind(_EOI, at) < 0:
        raise ImageError("a truncated JPEG: its end-of-image marker is missing", status="decode_error")
    scans = data.count(_SOS, at)
    if scans > _MOST_SCANS:
        message = f"a JPEG of {scans:,} scans: more than the limit of {_MOST_SCANS}"
        raise ImageError(message, status="decode_error")
    return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")


def _frame_header(data: bytes) -> int:
    """Return where the frame header's marker is."""
    for at, marker, _ in _segments(data):
        if marker in _FRAMES:
            if at + 9 > len(data):
                raise IndexError(at)
            return at
        if marker in (0xD9, 0xDA):
            break
    raise ImageError("a JPEG without a frame header", status="decode_error")


def _segments(data: bytes) -> list[tuple[int, int, int]]:
    """Return ``(offset, marker, length)`` of every segment up to the first scan, as libjpeg walks through them."""
    found: list[tuple[int, int, int]] = []
    at = 2
    while len(found) < _MOST_SEGMENTS:
        match = _MARKER.search(data, at)
        if match is None:
            raise IndexError(at)
        marker = match[1][0]
        begin, at = match.start(), match.end()
        if marker in _STANDALONE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        found.append((begin, marker, length))
        if marker in (0xD9, 0xDA):
            return found
        if at + 2 > len(data):
            raise IndexError(at)
        at += max(2, length)
    raise ImageError(f"a JPEG of more than {_MOST_SEGMENTS:,} segments", status="decode_error")


def exif_of_jpeg(data: bytes) -> bytes:
    """Return the content of the first EXIF segment, a TIFF without its picture; empty where there is none."""
    for at, marker, length in _segments(data):
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            return data[at + 10 : at + 2 + length]
    return b""


def decode_jpeg(data: bytes, width: int, height: int) -> NDArray[np.uint8] | None:
    """Decode as stored, without regard to EXIF.

    Parameters
    ----------
    data
        A whole file.
    width, height
        What :func:`frame_size` says; the decoder must see the same.

    Returns
    -------
    ndarray or None
        ``(H, W, 3)`` uint8 RGB. ``None`` where another decoder has to say what it is: rare kinds of subsampling,
        a broken header, and on a machine without `simplejpeg`, such as one that only runs ``scripts/gpu_check``.

    Raises
    ------
    ImageError
        ``decode_error``: damaged, or cut off though the end marker is there.
    """
    try:
        import simplejpeg

        seen = simplejpeg.decode_jpeg_header(data, strict=False)
    except (
        ImportError,
        ValueError,
        KeyError,
    ):  # KeyError: a subsampling or colour space without a name there
        return None
    if seen[:2] != (height, width):
        raise ImageError(
            f"a JPEG whose header announces {width} x {height} px and whose decoder finds {seen[1]} x {seen[0]}",
            status="decode_error",
        )
    return _rgb(_decoded(data, "CMYK")) if seen[2] == "CMYK" else _decoded(data, "RGB")


def _rgb(cmyk: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what OpenCV makes of CMYK as Adobe writes it, inverted: ``k - ((255 - c) k >> 8)``."""
    black = cmyk[:, :, 3]
    image = np.empty((*cmyk.shape[:2], 3), np.uint8)
    for channel in range(3):
        image[:, :, channel] = black - (np.multiply(255 - cmyk[:, :, channel], black, dtype=np.uint16) >> 8)
    return image


def _decoded(data: bytes, colours: str) -> NDArray[np.uint8]:
    import simplejpeg

    try:
        return simplejpeg.decode_jpeg(data, colours)  # type: ignore[no-any-return]
    except ValueError as error:
        reason = str(error)
    if (repaired := _repaired(data)) != data:
        return _decoded(repaired, colours)
    if _HARMLESS in reason:
        return simplejpeg.decode_jpeg(data, colours, strict=False)  # type: ignore[no-any-return]
    raise ImageError(
        f"a JPEG whose data are damaged or cut off: {reason.removeprefix('Corrupt JPEG data: ')}",
        status="decode_error",
    )


def _repaired(data: bytes) -> bytes:
    """Return the same picture without what decoders complain of and do not need.

    libjpeg tells of its first complaint only, so a harmless one would hide a truncation.
    """
    segments = _segments(data)
    *_, (scans, _, _) = segments
    head = [bytearray(data[at : at + 2 + max(2, length)]) for at, _, length in segments[:-1]]
    frame = next(segment for segment in head if segment[1] in _FRAMES)
    usual = 2 if frame[9] == 4 else 1  # YCCK or YCbCr, which decoders take where the number is not known
    for segment in head:
        if segment[1] == 0xEE and segment[4:9] == b"Adobe" and len(segment) >= 16 and segment[15]:
            segment[15] = usual
    body = bytearray(data[scans:])
    if frame[1] in _SEQUENTIAL:
        _set_scan_parameters(body)
    return b"".join((data[:2], *head, body))


def _set_scan_parameters(body: bytearray) -> None:
    """Write into every scan of a sequential JPEG what decoders take for granted there."""
    at = 0
    while 0 <= at < len(body) - 5:
        components = body[at + 4]
        if int.from_bytes(body[at + 2 : at + 4], "big") == 6 + 2 * components:
            behind = at + 5 + 2 * components
            body[behind : behind + 3] = b"\0\x3f\0"
        at = body.find(_SOS, at + 2)
