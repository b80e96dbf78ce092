"""Small files that announce little and unpack to gigabytes: a row each, in the memory of an ordinary picture."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from faces.pictures import encode, png, scene
from fiqx_trt.errors import ImageError
from fiqx_trt.faces.decode import decode
from fiqx_trt.faces.header import read_header

MARGIN_MB = 50

PEAK = """
import sys
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import Source
record = FacePreparer((112, 112), "arcface", aligned=True)(Source(sys.argv[1]))[0]
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
print(record.status, int(peak) // 1024, record.error)
"""


def peak(path: Path) -> tuple[str, int, str]:
    """Status, peak memory in MB and error of a picture's row, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True)
    assert done.stderr == ""  # no decoder's lines on the terminal
    status, megabytes, error = done.stdout.split(" ", 2)
    return status, int(megabytes), error.strip()


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def jpeg(width: int, height: int) -> bytes:
    """A grey JPEG without start and end whose blocks are all alike: one code word of one bit, which means 0."""
    table = bytes((1, *[0] * 15, 0))
    frame = struct.pack(">BHHB", 8, height, width, 1) + bytes((1, 0x11, 0))
    tables = segment(0xDB, b"\0" + bytes([1] * 64)) + segment(0xC4, b"\0" + table + b"\x10" + table)
    return tables + segment(0xC0, frame) + segment(0xDA, bytes((1, 1, 0, 0, 63, 0))) + b"\0"


def hidden_jpeg(width: int, height: int) -> bytes:
    """A JPEG whose frame header lies in what looks like a segment FF 00, which no decoder knows."""
    real = jpeg(width, height) + b"\xff\xd9"
    fake = segment(0xC0, struct.pack(">BHHB", 8, 4, 4, 1) + bytes((1, 0x11, 0)))
    return b"\xff\xd8\xff\0" + struct.pack(">H", len(real) + 2) + real + fake + b"\xff\xd9"


def hollow_png() -> bytes:
    """A PNG with a chunk of 2 GB that is not there."""
    whole = png(64, 64, bytes(10))
    at = whole.index(b"IDAT") - 4
    return whole[:at] + struct.pack(">I", 0x7FFFFFFF) + whole[at + 4 :] + bytes(8)


SIDE = 11_000  # squared more than the limit

Cell = tuple[int, int, bytes]


def tiff(sides: Cell, *, elsewhere: bytes = b"", big: bool = False, pixels: bytes = b"") -> bytes:
    """A grey TIFF in one strip of zlib, of as many rows as columns, whose sides are written in any way."""
    pixels = pixels or zlib.compress(bytes(400))
    word, head = ("<Q", b"II+\0\x08\0\0\0") if big else ("<I", b"II*\0")
    begin = len(head) + struct.calcsize(word)
    start = begin + len(elsewhere)

    def short(value: int) -> Cell:
        return 3, 1, struct.pack("<H", value)

    def long(value: int) -> Cell:
        return 4, 1, struct.pack("<I", value)

    tags = {256: sides, 257: sides, 258: short(8), 259: short(8), 262: short(1), 273: long(start)}
    tags |= {277: short(1), 278: long(SIDE), 279: long(len(pixels))}
    entries = b"".join(
        struct.pack("<HH", tag, kind) + struct.pack(word, count) + value.ljust(struct.calcsize(word), b"\0")
        for tag, (kind, count, value) in sorted(tags.items())
    )
    counter = struct.pack("<Q" if big else "<H", len(tags))
    offset = struct.pack(word, start + len(pixels))
    return head + offset + elsewhere + pixels + counter + entries + bytes(8)


def slong8_tiff() -> bytes:
    """A TIFF whose sides are SLONG8: in a classic file they lie elsewhere, and the cell holds their offset, 8."""
    return tiff((17, 1, struct.pack("<I", 8)), elsewhere=struct.pack("<q", SIDE), pixels=_packed(SIDE * SIDE))


def _packed(length: int) -> bytes:
    stream = zlib.compressobj(9)
    parts = [stream.compress(bytes(1 << 20)) for _ in range(length >> 20)]
    return b"".join((*parts, stream.compress(bytes(length & 0xFFFFF)), stream.flush()))


HOSTILE: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "jpeg": (lambda: hidden_jpeg(16000, 16000), "unsupported", "a JPEG of 16000 x 16000 px: more than"),
    "png": (hollow_png, "decode_error", "a truncated PNG: its end chunk is missing"),
    "pnm": (lambda: b"P6" + b" " * 3_000_000, "decode_error", "not a picture: 3000002 bytes that begin with"),
    "tiff": (slong8_tiff, "unsupported", f"a TIFF of {SIDE} x {SIDE} px: more than the limit of"),
}


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> int:
    path = tmp_path_factory.mktemp("ordinary") / "face.jpg"
    path.write_bytes(encode(scene(300, 300), ".jpg"))
    status, megabytes, _ = peak(path)
    assert status == "ok"
    return megabytes


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_a_hostile_file_takes_the_memory_of_an_ordinary_one(kind: str, ordinary: int, tmp_path: Path) -> None:
    make, status, text = HOSTILE[kind]
    path = tmp_path / f"x.{kind}"
    path.write_bytes(make())
    if kind in ("jpeg", "png"):
        assert path.stat().st_size < 200
    found, megabytes, error = peak(path)
    assert (found, error[: len(text)]) == (status, text)
    assert megabytes <= ordinary + MARGIN_MB


def test_the_hidden_frame_header_is_the_one_that_decoders_take() -> None:
    small = hidden_jpeg(8, 7)
    assert cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR).shape == (7, 8, 3)
    assert decode(small).shape == (7, 8, 3)


TWENTY = {
    "BYTE": (1, 1, b"\x14\1\1\1"),
    "SHORT": (3, 1, b"\x14\0\1\1"),
    "LONG": (4, 1, b"\x14\0\0\0"),
    "SBYTE": (6, 1, b"\x14\1\1\1"),
    "SSHORT": (8, 1, b"\x14\0\1\1"),
    "SLONG": (9, 1, b"\x14\0\0\0"),
}


@pytest.mark.parametrize("kind", sorted(TWENTY))
def test_sides_of_every_type_of_a_tiff_are_read_as_libtiff_reads_them(kind: str) -> None:
    data = tiff(TWENTY[kind])
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (20, 20, 3)
    assert decode(data).shape == (20, 20, 3)


@pytest.mark.parametrize(("kind", "code"), [("LONG8", 16), ("SLONG8", 17)])
@pytest.mark.parametrize("big", [False, True])
def test_sides_of_eight_bytes_lie_elsewhere_in_a_classic_tiff(kind: str, code: int, big: bool) -> None:
    twenty = struct.pack("<q", 20)
    cell = twenty if big else struct.pack("<I", 8)
    data = tiff((code, 1, cell), elsewhere=b"" if big else twenty, big=big)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (20, 20, 3)
    header = read_header(data)
    assert (header.width, header.height) == (20, 20)
    assert decode(data).shape == (20, 20, 3)


@pytest.mark.parametrize(
    "cell", [(5, 1, struct.pack("<I", 8)), (11, 1, struct.pack("<f", 20)), (4, 2, bytes(4))]
)
def test_sides_that_are_no_whole_number_are_no_picture(cell: Cell) -> None:
    with pytest.raises(ImageError, match="the TIFF header announces 0 x 0 px"):
        decode(tiff(cell))


def test_negative_sides_are_no_picture() -> None:
    with pytest.raises(ImageError, match=r"announces -20 x -20 px"):
        decode(tiff((9, 1, struct.pack("<i", -20))))


def test_a_webp_that_hides_its_kind_is_refused() -> None:
    bare = encode(scene(20, 20), ".webp")[20:]  # decoders take the stream without its chunk as well
    data = b"RIFF" + struct.pack("<I", 4 + len(bare)) + b"WEBP" + bare
    with pytest.raises(ImageError, match="a WebP whose first chunk is"):
        decode(data)


def test_a_jpeg_of_countless_scans_is_refused() -> None:
    whole = encode(scene(), ".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    at = whole.rindex(b"\xff\xda")
    last = whole[at:-2]
    with pytest.raises(ImageError, match=r"a JPEG of \d+ scans: more than the limit of 200") as caught:
        decode(whole[:-2] + last * 300 + b"\xff\xd9")
    assert caught.value.status == "decode_error"


def test_a_decoder_that_disagrees_with_the_header_gives_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    other = scene(30, 20)
    real = cv2.imdecode
    data = encode(scene(), ".bmp")
    assert real(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (60, 80, 3)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: other)
    with pytest.raises(ImageError, match="announces 80 x 60 px and that decodes to 20 x 30 px"):
        decode(data)


LIMITS = """
import os
from fiqx_trt.opencv import MAX_PIXELS, cv2
assert ("OPENCV_IO_MAX_IMAGE_PIXELS" in os.environ) == (os.environ["OWN"] != "")
import numpy, threading
tall = numpy.zeros((10_001, 10_000), numpy.uint8)
packed = cv2.imencode(".png", tall)[1]
def read():
    try:
        print(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE).shape)
    except cv2.error as error:
        print(error.err)
read()
thread = threading.Thread(target=read); thread.start(); thread.join()
"""


@pytest.mark.parametrize("own", ["", "200000000"])
def test_opencv_keeps_the_limit_itself_unless_the_user_set_another(own: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV_")}
    environment |= {"OPENCV_IO_MAX_IMAGE_PIXELS": own} if own else {}
    environment["OWN"] = own
    done = subprocess.run(
        [sys.executable, "-c", LIMITS], capture_output=True, text=True, check=True, env=environment
    )
    said = "(10001, 10000)" if own else "pixels <= CV_IO_MAX_IMAGE_PIXELS"
    assert done.stdout.splitlines() == [said, said]
