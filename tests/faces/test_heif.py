"""HEIC and AVIF, written and read by the real packages; what is not read says what to do."""

from __future__ import annotations

import io
import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from faces.pictures import encode, scene
from fiqx_trt.errors import ImageError
from fiqx_trt.faces.decode import decode
from fiqx_trt.faces.header import read_header
from fiqx_trt.faces.sources import iter_sources
from fiqx_trt.faces.walk import PICTURE_SUFFIXES

PIL = pytest.importorskip("PIL.Image")
pillow_heif = pytest.importorskip("pillow_heif")
SCENE = scene(120, 160)
ROTATED = {1: SCENE, 3: SCENE[::-1, ::-1], 6: np.rot90(SCENE, -1), 8: np.rot90(SCENE, 1)}


def heic(image: np.ndarray = SCENE, orientation: int = 1, **options: object) -> bytes:
    """The encoder turns an EXIF orientation into the rotation that the format has of its own."""
    stream = io.BytesIO()
    exif = PIL.Exif()
    exif[0x0112] = orientation
    pillow_heif.from_pillow(PIL.fromarray(image)).save(stream, quality=95, exif=exif.tobytes(), **options)
    return stream.getvalue()


def avif(image: np.ndarray = SCENE, orientation: int = 1, **options: object) -> bytes:
    stream = io.BytesIO()
    exif = PIL.Exif()
    exif[0x0112] = orientation
    PIL.fromarray(image).save(stream, "AVIF", quality=95, exif=exif, **options)
    return stream.getvalue()


def check(data: bytes, wanted: np.ndarray, tolerance: float = 4.0) -> None:
    image = decode(data)
    assert image.shape == wanted.shape
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert np.abs(image.astype(int) - wanted).mean() <= tolerance


WRITERS = {"HEIC": heic, "AVIF": avif}


@pytest.mark.parametrize("orientation", sorted(ROTATED))
@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_a_picture_is_turned_once(kind: str, orientation: int) -> None:
    data = WRITERS[kind](orientation=orientation)
    assert (b"irot" in data) == (orientation != 1)
    assert read_header(data).format == kind
    check(data, ROTATED[orientation])


def test_a_heic_in_tiles_as_telephones_write_it() -> None:
    large = scene(700, 900)
    data = heic(large, tile_size=256)
    assert b"grid" in data
    assert read_header(data).pixels == 700 * 900
    check(data, large)


def test_ten_bits_and_alpha_and_grey_become_eight_bit_rgb() -> None:
    deep = pillow_heif.from_bytes("RGB;16", (160, 120), (SCENE.astype("<u2") * 257).tobytes())
    stream = io.BytesIO()
    deep.save(stream, quality=95)
    check(stream.getvalue(), SCENE)
    alpha = np.dstack([SCENE, np.full(SCENE.shape[:2], 200, np.uint8)])
    grey = np.repeat(SCENE[:, :, :1], 3, axis=2)
    for write in WRITERS.values():
        check(write(alpha), SCENE)
        check(write(SCENE[:, :, 0].copy()), grey)


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_a_truncated_or_damaged_file_is_a_decode_error(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = WRITERS[kind]()
    for keep in (12, 40, len(data) // 2, len(data) - 40):
        with pytest.raises(ImageError, match=f"a file of {kind} that ") as caught:
            decode(data[:keep])
        assert caught.value.status == "decode_error"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_the_limit_on_pixels_holds(kind: str) -> None:
    data = WRITERS[kind]()
    with pytest.raises(
        ImageError, match=f"an? {kind} of 160 x 120 px: more than the limit of 19,199 pixels"
    ) as caught:
        decode(data, max_pixels=160 * 120 - 1)
    assert caught.value.status == "unsupported"
    assert decode(data, max_pixels=160 * 120).shape == (120, 160, 3)


def test_a_heic_that_announces_less_than_it_holds_is_refused() -> None:
    data = bytearray(heic(np.zeros((2000, 2000, 3), np.uint8)))
    for match in re.finditer(b"ispe", bytes(data)):
        data[match.end() + 4 : match.end() + 12] = struct.pack(">II", 20, 20)
    with pytest.raises(ImageError, match="a file of HEIC that cannot be decoded: ") as caught:
        decode(bytes(data))
    assert caught.value.status == "decode_error"


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_without_the_extra_the_row_names_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = WRITERS[kind]()
    for name in ("pillow_heif", "pi_heif", "PIL.AvifImagePlugin"):
        monkeypatch.setitem(sys.modules, name, None)  # what the import system takes for a missing package
    text = rf"this is {kind}, which is not read without the extra heif: pip install 'fiqx-trt\[heif\]'"
    with pytest.raises(ImageError, match=text) as caught:
        decode(data)
    assert caught.value.status == "unsupported"


def test_the_package_without_an_encoder_does_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic()
    wanted = decode(data)
    monkeypatch.setitem(sys.modules, "pi_heif", pillow_heif)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert np.array_equal(decode(data), wanted)


OTHERS = {
    "a.heif": (b"\0\0\0\x18ftypmif1\0\0\0\0mif1xxxx", "HEIF"),
    "a.cr3": (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a camera's raw file"),
    "a.cr2": (b"II*\0\x10\0\0\0CR\2\0" + bytes(4) + bytes(50), "a camera's raw file"),
    "a.raf": (b"FUJIFILMCCD-RAW 0201", "a camera's raw file"),
    "a.orf": (b"IIRO\x08\0\0\0", "a camera's raw file"),
    "a.rw2": (b"IIU\0\x18\0\0\0", "a camera's raw file"),
    "a.jxl": (b"\xff\x0a" + bytes(20), "JPEG XL"),
    "a.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    "a.j2k": (b"\xff\x4f\xff\x51", "JPEG 2000"),
    "a.psd": (b"8BPS\0\1", "Photoshop"),
}


def tiff(*tags: tuple[int, int]) -> bytes:
    """A TIFF of these tags, one LONG each."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


RAW_TIFFS = {
    "a.dng": tiff((254, 0), (256, 160), (257, 120), (50706, 1)),
    "a.nef": tiff((254, 1), (256, 160), (257, 120), (330, 9999)),
}


@pytest.mark.parametrize("name", sorted({*OTHERS, *RAW_TIFFS}))
def test_a_photograph_of_another_kind_is_a_row_with_a_cure(name: str, tmp_path: Path) -> None:
    data, kind = OTHERS[name] if name in OTHERS else (RAW_TIFFS[name], "a camera's raw file")
    for path in (tmp_path / name, tmp_path / name.upper()):
        path.write_bytes(data)
    skipped: list[str] = []
    found = list(iter_sources(tmp_path, on_skip=skipped.append))
    assert [Path(source.path).name for source in found] == [name.upper(), name]
    assert not skipped
    for source in found:
        with pytest.raises(
            ImageError, match=f"this is {kind}, a format that is not read; convert the pic"
        ) as caught:
            decode(source.read())
        assert caught.value.status == "unsupported"


def test_what_telephones_and_cameras_write_is_taken_from_folders(tmp_path: Path) -> None:
    data = {
        "a.heic": heic(),
        "b.AVIF": avif(),
        "c.mpo": encode(SCENE, ".jpg") * 2,
        "d.jpg": heic(),
        "e.heic": avif(),
    }
    for name, content in data.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "notes.txt").write_text("no picture")
    skipped: list[str] = []
    found = list(iter_sources(tmp_path, on_skip=skipped.append))
    assert [Path(source.path).name for source in found] == list(
        data
    )  # the bytes decide what it is, not the suffix
    assert [Path(path).name for path in skipped] == ["notes.txt"]
    for source in found:
        check(source.read(), SCENE)
    assert {".heic", ".heif", ".avif", ".jxl", ".jp2", ".mpo", ".dng", ".nef", ".psd"} <= PICTURE_SUFFIXES
