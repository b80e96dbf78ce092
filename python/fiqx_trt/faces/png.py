"""PNG: its chunks, checked and reduced to those that make the picture.

libpng allocates what a chunk announces, and writes a line to the terminal about everything it does not like, a
colour profile above all. It therefore gets the header, the palette and the pixels only, whose checksums and
length were checked here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fiqx_trt.errors import ImageError

__all__ = ["SIGNATURE", "exif_of_png", "picture_size", "reduced"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by colour type
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_LONGEST_SIDE = 1_000_000  # libpng's own limit
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_MOST_CHUNKS = 200_000
_PIECE = 1 << 20  # bytes of pixels that are unpacked at a time
_KEPT = 8 << 20  # a picture of no more bytes is unpacked once, and not a second time by the decoder


class _Chunk(NamedTuple):
    kind: bytes
    begin: int  # of the chunk, its length included
    end: int


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield the chunks up to the end chunk, none of them longer than the file.

    Raises
    ------
    ImageError
        The file ends before.
    """
    at, kind = len(SIGNATURE), b""
    for _ in range(_MOST_CHUNKS):
        if kind == b"IEND":
            return
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if end > len(data):
            raise ImageError("a truncated PNG: its end chunk is missing", status="decode_error")
        yield _Chunk(kind, at, end)
        at = end
    raise ImageError(f"a PNG of more than {_MOST_CHUNKS:,} chunks", status="decode_error")


def picture_size(data: bytes) -> tuple[int, int]:
    """Return width and height.

    Raises
    ------
    ImageError
        ``decode_error``: truncated, or a header that no decoder takes. ``unsupported``: a side that is too long.
    IndexError
        It ends inside its header.
    """
    if len(data) < 33:
        raise IndexError(len(data))
    width, height, depth, colour, *ways = _header(data)
    good = data[8:16] == b"\0\0\0\rIHDR" and depth in _DEPTHS.get(colour, ()) and ways[:2] == [0, 0]
    if not good or ways[2] > 1:
        raise ImageError("a PNG with a header that is not one", status="decode_error")
    if max(width, height) > _LONGEST_SIDE:
        raise ImageError(
            f"a PNG of {width} x {height} px: a side of more than {_LONGEST_SIDE:,} px; scale it down",
            status="unsupported",
        )
    for _ in _chunks(data):
        pass
    return width, height


def _header(data: bytes) -> tuple[int, ...]:
    """Return width, height, bit depth, colour type, and the ways of compressing, filtering and interlacing."""
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"), *data[24:29]


def exif_of_png(data: bytes) -> bytes:
    """Return the content of the EXIF chunk; empty where there is none."""
    found = (data[chunk.begin + 8 : chunk.end - 4] for chunk in _chunks(data) if chunk.kind == b"eXIf")
    return next(found, b"")


def reduced(data: bytes) -> bytes:
    """Return the same picture without what a decoder does not need, of an animation the picture that stands alone.

    Raises
    ------
    ImageError
        ``decode_error``: a checksum is wrong, a chunk that must be known is not, or pixels are missing.
    """
    kept = [chunk for chunk in _chunks(data) if not chunk.kind[:1].islower()]
    for chunk in kept:
        _check(data, chunk)
    colour = data[25]
    pixels = [chunk for chunk in kept if chunk.kind == b"IDAT"]
    palette = [chunk for chunk in kept if chunk.kind == b"PLTE"] if colour == _PALETTE else []
    if colour == _PALETTE and not _is_palette(palette):
        raise ImageError("a PNG whose palette is missing or is not one", status="decode_error")
    packed = [data[chunk.begin + 8 : chunk.end - 4] for chunk in pixels]
    repaired = _checked_pixels(packed, _header(data), most=_KEPT)
    body = [_chunk(b"IDAT", repaired)] if repaired else [data[chunk.begin : chunk.end] for chunk in pixels]
    head = [data[chunk.begin : chunk.end] for chunk in (kept[0], *palette)]
    return b"".join((SIGNATURE, *head, *body, _chunk(b"IEND", b"")))


def _check(data: bytes, chunk: _Chunk) -> None:
    if chunk.kind not in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
        message = f"a PNG with a chunk {chunk.kind!r} that a decoder must know and none does"
    elif chunk.kind == b"IHDR" and chunk.begin != len(SIGNATURE):
        message = "a PNG with two headers"
    elif chunk.kind != b"IEND" and zlib.crc32(data[chunk.begin + 4 : chunk.end - 4]) != int.from_bytes(
        data[chunk.end - 4 : chunk.end], "big"
    ):
        message = f"a damaged PNG: the checksum of a chunk {chunk.kind.decode()} is wrong"
    else:
        return
    raise ImageError(message, status="decode_error")


def _is_palette(chunks: list[_Chunk]) -> bool:
    lengths = [chunk.end - chunk.begin - 12 for chunk in chunks]
    return len(lengths) == 1 and lengths[0] % 3 == 0 and 0 < lengths[0] <= 768


def _chunk(kind: bytes, content: bytes) -> bytes:
    return b"".join(
        (
            len(content).to_bytes(4, "big"),
            kind,
            content,
            zlib.crc32(content, zlib.crc32(kind)).to_bytes(4, "big"),
        )
    )


def _checked_pixels(packed: list[bytes], header: tuple[int, ...], *, most: int) -> bytes:
    """Unpack the pixels once, a piece at a time; keep up to `most` bytes, and forget more.

    Returns
    -------
    bytes
        The stream to put in its place: with the pixels as they are, where they were kept, or packed anew where the
        stream holds more than the picture. Empty when it may stay.
    """
    stream = _Inflated(packed)
    passes = _pass_rows(header)
    kept: list[bytes] | None = [] if sum(count * length for count, length in passes) <= most else None
    rows = 0
    for count, length in passes:
        while count:
            some = min(count, max(1, _PIECE // length))
            piece = stream.read(some * length)
            rows += len(piece) // length
            if len(piece) < some * length:
                raise ImageError(
                    f"a truncated PNG: its pixels end after row {rows:,}, though its end chunk is there",
                    status="decode_error",
                )
            if max(piece[::length]) > 4:
                raise ImageError("a damaged PNG: a row has an unknown filter", status="decode_error")
            count -= some
            if kept is not None:
                kept.append(piece)
    whole_stream = stream.ends()
    if kept is not None:
        return _packed(kept, level=0)
    if whole_stream:
        return b""
    again = _Inflated(packed)
    return _packed((again.read(count * length) for count, length in passes), level=1)


def _packed(pieces: Iterable[bytes], *, level: int) -> bytes:
    stream = zlib.compressobj(level)
    return b"".join((*[stream.compress(piece) for piece in pieces], stream.flush()))


def _pass_rows(header: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return rows and bytes per row, with its filter, of every pass of the picture."""
    width, height, depth, colour, interlaced = header[0], header[1], header[2], header[3], header[6]
    bits = depth * _SAMPLES[colour]
    if not interlaced:
        return [(height, 1 + (width * bits + 7) // 8)]
    sizes = [
        (max(0, height - top + down - 1) // down, max(0, width - left + right - 1) // right)
        for left, top, right, down in _PASSES
    ]
    return [(rows, 1 + (columns * bits + 7) // 8) for rows, columns in sizes if columns and rows]


class _Inflated:
    """The bytes that a zlib stream in several pieces unpacks to."""

    def __init__(self, packed: list[bytes]) -> None:
        self._packed = filter(None, packed)
        self._left = b""
        self._stream = zlib.decompressobj()

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes; fewer only at the end."""
        pieces: list[bytes] = []
        missing = size
        try:
            while missing and not self._stream.eof:
                if not self._left:
                    self._left = next(self._packed, b"")
                piece = self._stream.decompress(self._left, missing)
                if not (piece or self._left):
                    break
                self._left = self._stream.unconsumed_tail
                pieces.append(piece)
                missing -= len(piece)
        except zlib.error as error:
            raise ImageError(f"a damaged PNG: {error}", status="decode_error") from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def ends(self) -> bool:
        """Tell whether the stream ends here, complete and with nothing behind it."""
        rest = self.read(1)
        behind = self._stream.unused_data or next(self._packed, b"")
        return not rest and self._stream.eof and not behind
