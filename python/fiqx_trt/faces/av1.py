"""The sizes of the pictures that are really coded in an AVIF file: those in the headers of its AV1 streams.

A decoder takes memory for these, whatever the file's own boxes say. The boxes are those of ISO/IEC 14496-12; the header of a
stream is the ``sequence_header_obu`` of the AV1 specification, 5.5.1. What cannot be read is left to the decoder to refuse.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from fiqx_trt.errors import ImageError

__all__ = ["coded_sizes"]

_CONTAINERS = frozenset((b"meta", b"moov", b"trak", b"mdia", b"minf", b"stbl"))
_DEEPEST = 8
_MOST = 1 << 16
_SEQUENCE_HEADER = 1  # obu_type
T = TypeVar("T")


class _Reader:
    """Numbers of a piece of a file, one after the other.

    Raises
    ------
    IndexError
        From every method: the piece ends before.
    """

    def __init__(self, data: memoryview) -> None:
        self.data, self.at = data, 0

    def whole(self, size: int) -> int:
        """Return the next `size` bytes as a number."""
        end = self.at + size
        if end > len(self.data):
            raise IndexError
        value = int.from_bytes(self.data[self.at : end], "big")
        self.at = end
        return value


class _Bits:
    """Bits of a piece of a file, the highest of each byte first."""

    def __init__(self, data: memoryview) -> None:
        # The header up to the size has up to 32 operating points of at most 90 bits each.
        self._value, self._left = int.from_bytes(data[:512], "big"), 8 * min(len(data), 512)

    def take(self, count: int) -> int:
        """Return the next bits as a number."""
        if count > self._left:
            raise IndexError
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def skip_uvlc(self) -> None:
        """Skip a number of variable length."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        if zeros < 32:
            self.take(zeros)


def coded_sizes(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield width and height of every picture coded in an AVIF file, as far as the file can be read.

    Raises
    ------
    ImageError
        ``unsupported``: the file has so many parts that to go through them would take long.
    """
    for kind, content in _at_most(_units(memoryview(data))):
        if kind == _SEQUENCE_HEADER:
            with contextlib.suppress(IndexError):
                yield _sequence_size(_Bits(content))


def _at_most(parts: Iterable[T]) -> Iterator[T]:
    for number, part in enumerate(parts):
        if number == _MOST:
            raise ImageError(f"a file of AVIF with more than {_MOST:,} parts", status="unsupported")
        yield part


def _units(file: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield type and content of the units of all AV1 streams in a file."""
    boxes = list(_at_most(_boxes(file)))
    coded, inside = _coded_items(boxes), next((body for name, body in boxes if name == b"idat"), file[:0])
    for name, body in boxes:
        pieces: Iterable[memoryview] = ()
        if name == b"iloc":
            pieces = _items(body, coded, file, inside)
        elif name == b"stbl":
            pieces = _first_sample(dict(_at_most(_boxes(body))), file)
        with contextlib.suppress(IndexError):
            for piece in pieces:
                yield from _stream_units(piece)


def _boxes(data: memoryview, depth: int = 0) -> Iterator[tuple[bytes, memoryview]]:
    """Yield name and content of all boxes, those in containers too."""
    at = 0
    while at + 8 <= len(data):
        size, name, head = *struct.unpack(">I4s", data[at : at + 8]), 8
        if size == 1 and at + 16 <= len(data):
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = len(data) if size == 0 else at + size
        if size and size < head:
            return
        body = data[at + head : end]
        yield name, body
        if name in _CONTAINERS and depth < _DEEPEST:
            yield from _boxes(body[4:] if name == b"meta" else body, depth + 1)
        at = end


def _coded_items(boxes: list[tuple[bytes, memoryview]]) -> set[int]:
    """Return the numbers of the items that are AV1 streams."""
    coded = set()
    for name, body in boxes:
        if name == b"iinf":
            wide = 4 if body[:1].tolist() not in ([], [0]) else 2
            for kind, entry in _at_most(_boxes(body[4 + wide :])):
                size = 4 if entry[:1].tolist() == [3] else 2
                if kind == b"infe" and bytes(entry[6 + size : 10 + size]) == b"av01":
                    coded.add(int.from_bytes(entry[4 : 4 + size], "big"))
    return coded


def _items(body: memoryview, coded: set[int], file: memoryview, inside: memoryview) -> Iterator[memoryview]:
    """Yield the content of each coded item that an item location box names."""
    parts: dict[int, list[memoryview]] = {}
    for number, method, start, length in _at_most(_extents(body)):
        if number in coded and method < 2:
            source = inside if method else file
            parts.setdefault(number, []).append(source[start : start + length] if length else source[start:])
    left = 2 * len(file)  # many items may claim the same piece
    for pieces in parts.values():
        left -= sum(map(len, pieces))
        if left < 0:
            return
        yield pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))


def _extents(body: memoryview) -> Iterator[tuple[int, int, int, int]]:
    """Yield the item, the construction method, the place and the length of every piece in an item location box."""
    reader = _Reader(body)
    version = reader.whole(4) >> 24
    sizes = reader.whole(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version in (1, 2) else 0
    for _ in range(reader.whole(4 if version == 2 else 2)):
        number = reader.whole(4 if version == 2 else 2)
        method = reader.whole(2) & 15 if version in (1, 2) else 0
        reader.whole(2)  # which file: this one
        base = reader.whole(base_size)
        for _ in range(reader.whole(2)):
            reader.whole(index_size)
            start = base + reader.whole(offset_size)
            yield number, method, start, reader.whole(length_size)


def _first_sample(table: Mapping[bytes, memoryview], file: memoryview) -> Iterator[memoryview]:
    """Yield the first sample of an AV1 track, which is a sequence of pictures: the first one is decoded."""
    if bytes(table.get(b"stsd", file[:0])[12:16]) != b"av01" or b"stsz" not in table:
        return
    places, sizes = _Reader(table.get(b"stco", table.get(b"co64", file[:0]))), _Reader(table[b"stsz"])
    places.whole(8)
    start = places.whole(4 if b"stco" in table else 8)
    sizes.whole(4)
    size, count = sizes.whole(4), sizes.whole(4)
    if count:
        yield file[start : start + (size or sizes.whole(4))]


def _stream_units(stream: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield type and content of the units of a stream."""
    at = 0
    while at < len(stream):
        head = stream[at]
        at += 2 if head & 4 else 1
        length, at = _leb128(stream, at) if head & 2 else (len(stream) - at, at)
        yield head >> 3 & 15, stream[at : at + length]
        at += length


def _leb128(view: memoryview, at: int) -> tuple[int, int]:
    """Return a number of up to eight bytes, seven bits each, and the place behind it."""
    value = 0
    for index in range(8):
        byte = view[at + index]
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, at + index + 1
    raise IndexError


def _sequence_size(bits: _Bits) -> tuple[int, int]:
    """Return the largest width and height of a stream's pictures."""
    bits.take(4)  # seq_profile, still_picture
    if bits.take(1):  # reduced_still_picture_header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    """Skip the timing, and what the stream asks of a decoder."""
    delay_bits = 0
    if bits.take(1):  # timing_info_present_flag
        bits.take(64)
        if bits.take(1):  # equal_picture_interval
            bits.skip_uvlc()
        if bits.take(1):  # decoder_model_info_present_flag
            delay_bits = bits.take(5) + 1
            bits.take(42)
    display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:  # seq_level_idx
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if display_delay and bits.take(1):
            bits.take(4)
