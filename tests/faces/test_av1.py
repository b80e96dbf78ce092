"""The sizes in the AV1 streams of AVIF files: what a decoder takes memory for, whatever the boxes say."""

from __future__ import annotations

import io
import re
import struct
import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.errors import ImageError
from fiqx_trt.faces.av1 import coded_sizes
from fiqx_trt.faces.decode import decode
from fiqx_trt.faces.header import read_header

PIL = pytest.importorskip("PIL.Image")
pytest.importorskip("PIL.AvifImagePlugin")


def avif(width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    PIL.new(mode, (width, height)).save(stream, "AVIF", **options)
    return stream.getvalue()


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def unit(kind: int, content: bytes) -> bytes:
    """A unit of a stream, with its size in one byte."""
    return bytes([kind << 3 | 2, len(content)]) + content


def file_of(stream: bytes, *, inside: bool = False) -> bytes:
    """An AVIF file of one item, whose pieces are the two halves of the stream."""
    head = box(b"ftyp", b"avif\0\0\0\0avif")
    entry = box(b"infe", b"\2\0\0\0\0\7\0\0av01\0")
    half = len(stream) // 2

    def meta(start: int) -> bytes:
        places = [(start, half), (start + half, len(stream) - half)]
        where = b"".join(struct.pack(">II", *place) for place in places)
        location = struct.pack(">4sHHHHHH", b"\1\0\0\0", 0x4400, 1, 7, int(inside), 0, 2) + where
        extent = box(b"ispe", b"\0\0\0\0" + struct.pack(">II", 8, 8))
        parts = box(b"iinf", b"\0\0\0\0\0\1" + entry) + box(b"iloc", location) + box(b"iprp", extent)
        return box(b"meta", b"\0\0\0\0" + parts + (box(b"idat", stream) if inside else b""))

    start = 0 if inside else len(head) + len(meta(0)) + 8
    return head + meta(start) + (b"" if inside else box(b"mdat", stream))


def sequence_header(width: int, height: int, *, rich: bool) -> bytes:
    """A header with everything that may stand before the size, or with nothing of it."""
    bits = "000" + "0"  # profile, still_picture
    if rich:
        timing = "1" + "0" * 64 + "1" + "00101" + "1" + "00011" + "0" * 42  # delays of 4 bits each
        point = "0" * 12 + "01000" + "1" + "1" + "0000" + "0000" + "0" + "1" + "0000"
        bits += "0" + timing + "1" + "00001" + point + ("0" * 12 + "00000" + "0" + "0")
    else:
        bits += "1" + "00000"
    bits += f"{15:04b}{15:04b}{width - 1:016b}{height - 1:016b}"
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize("options", [{}, {"subsampling": "4:4:4"}, {"speed": 10}], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (33, 57), (1500, 700)], ids=str)
def test_the_size_is_that_of_the_picture_that_was_written(size: tuple[int, int], options: dict) -> None:
    assert list(coded_sizes(avif(*size, **options))) == [size]


def test_transparency_is_a_stream_and_an_animation_a_track() -> None:
    assert list(coded_sizes(avif(64, 48, "RGBA"))) == [(64, 48)] * 2
    moving = avif(64, 48, save_all=True, append_images=[PIL.new("RGB", (64, 48), (200, 0, 0))])
    assert moving[8:12] == b"avis"
    assert list(coded_sizes(moving)) == [(64, 48)] * 2  # as an item and as a track
    assert list(coded_sizes(moving.replace(b"iloc", b"free"))) == [(64, 48)]


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("rich", [False, True])
def test_every_form_of_the_header_and_of_the_place_is_read(rich: bool, inside: bool) -> None:
    delimiter = unit(2, b"")
    stream = delimiter + unit(5, bytes(9)) + unit(1, sequence_header(40000, 9, rich=rich)) + b"\x32\3abc"
    data = file_of(stream, inside=inside)
    assert list(coded_sizes(data)) == [(40000, 9)]
    assert (read_header(data).width, read_header(data).height) == (40000, 9)


def test_a_file_that_announces_less_than_it_holds_is_refused() -> None:
    data = bytearray(avif(2000, 1000))
    for match in re.finditer(b"ispe", bytes(data)):
        data[match.end() + 4 : match.end() + 12] = struct.pack(">II", 20, 20)
    with pytest.raises(
        ImageError, match="an AVIF of 2000 x 1000 px: more than the limit of 1,000,000"
    ) as caught:
        decode(bytes(data), max_pixels=1_000_000)
    assert caught.value.status == "unsupported"


@given(st.data())
def test_damage_is_left_to_the_decoder(data: st.DataObject) -> None:
    whole = file_of(unit(2, b"") + unit(1, sequence_header(64, 48, rich=True)) + b"\x32\3abc")
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ImageError):
        assert all(1 <= side <= 1 << 16 for size in coded_sizes(bytes(damaged)) for side in size)


MANY = {
    "units": lambda: file_of(unit(2, b"") * 200_000),
    "boxes": lambda: box(b"ftyp", b"avif\0\0\0\0avif") + box(b"free", b"") * 200_000,
    "tables": lambda: box(b"ftyp", b"avif\0\0\0\0avif") + box(b"stbl", box(b"free", b"") * 70_000),
    "pieces": lambda: box(
        b"meta",
        bytes(4) + box(b"iloc", struct.pack(">4sHH", bytes(4), 0, 9) + struct.pack(">HHH", 1, 0, 0xFFFF) * 9),
    ),
}


@pytest.mark.parametrize("kind", sorted(MANY))
def test_more_parts_than_any_picture_has_take_no_time(kind: str) -> None:
    data = MANY[kind]()
    start = time.process_time()
    with pytest.raises(ImageError, match="a file of AVIF with more than 65,536 parts") as caught:
        list(coded_sizes(data))
    assert caught.value.status == "unsupported"
    assert time.process_time() - start < 2.0


def test_items_that_claim_the_whole_file_are_read_once_or_twice() -> None:
    """A location of length 0 is everything up to the end."""
    entries = b"".join(box(b"infe", b"\2\0\0\0" + struct.pack(">H", n) + b"\0\0av01\0") for n in range(4000))
    location = struct.pack(">4sHH", bytes(4), 0, 4000) + b"".join(
        struct.pack(">HHH", n, 0, 1) for n in range(4000)
    )
    parts = box(b"iinf", b"\0\0\0\0" + struct.pack(">H", 4000) + entries) + box(b"iloc", location)
    data = box(b"meta", bytes(4) + parts) + np.random.default_rng(0).bytes(1 << 20)
    start = time.process_time()
    list(coded_sizes(data))
    assert time.process_time() - start < 2.0
