"""JPEG data: what is cut, damaged or merely untidy, against libjpeg's own words."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest

from faces.pictures import encode, scene, with_exif
from fiqx_trt.errors import ImageError
from fiqx_trt.faces.decode import decode

pytest.importorskip("simplejpeg")

EOI = b"\xff\xd9"
WHOLE = encode(scene(200, 300), ".jpg")
PROGRESSIVE = encode(scene(200, 300), ".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
RESTARTS = encode(scene(200, 300), ".jpg", [cv2.IMWRITE_JPEG_RST_INTERVAL, 5])
GREY = encode(scene(200, 300)[:, :, 0].copy(), ".jpg")


def cmyk() -> bytes:
    pil = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    pil.fromarray(scene(200, 300)).convert("CMYK").save(stream, "JPEG")
    return stream.getvalue()


KINDS = {
    "baseline": lambda: WHOLE,
    "progressive": lambda: PROGRESSIVE,
    "restarts": lambda: RESTARTS,
    "grey": lambda: GREY,
    "CMYK": cmyk,
}


def by_opencv(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_pixels_are_those_of_opencv(kind: str) -> None:
    data = KINDS[kind]()
    assert np.array_equal(decode(data), by_opencv(data))


@pytest.mark.parametrize("sampling", [0x411111, 0x420000, 0x422111, 0x440000, 0x444111])
def test_every_usual_subsampling_has_the_pixels_of_opencv(sampling: int) -> None:
    codes = {
        0x411111: 0x411111,
        0x420000: 0x221111,
        0x422111: 0x211111,
        0x440000: 0x121111,
        0x444111: 0x111111,
    }
    data = encode(scene(203, 301), ".jpg", [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, codes[sampling]])
    assert np.array_equal(decode(data), by_opencv(data))


@pytest.mark.parametrize("luminance", [0x31, 0x13, 0x14])
def test_a_subsampling_without_a_name_is_left_to_opencv(luminance: int) -> None:
    data = bytearray(WHOLE)  # the wrong number of blocks, and the same ones for both
    data[WHOLE.index(b"\xff\xc0") + 11] = luminance
    assert np.array_equal(decode(bytes(data)), by_opencv(bytes(data)))


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_with_an_end_mark_is_a_decode_error_without_a_line(
    kind: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    data = KINDS[kind]()
    begin = data.index(b"\xff\xda")
    cut = data[: begin + 40 + int((len(data) - begin - 80) * share)].rstrip(b"\xff") + EOI
    with pytest.raises(ImageError, match="a JPEG whose data are damaged or cut off: ") as caught:
        decode(cut)
    assert caught.value.status == "decode_error"
    assert capfd.readouterr() == ("", "")


def test_a_hole_in_the_middle_is_a_decode_error() -> None:
    middle = len(WHOLE) // 2
    with pytest.raises(ImageError, match="damaged or cut off: premature end of data segment"):
        decode(WHOLE[:middle] + WHOLE[middle + 200 :])


def test_restart_marks_out_of_order_are_a_decode_error() -> None:
    with pytest.raises(ImageError, match="found marker 0xd5 instead of RST3"):
        decode(RESTARTS.replace(b"\xff\xd3", b"\xff\xd5", 1))


def _with_scan_parameters(data: bytes) -> bytes:
    at = data.index(b"\xff\xda")
    behind = at + 5 + 2 * data[at + 4]
    return data[:behind] + b"\1\2\3" + data[behind + 3 :]


def test_untidy_cmyk_is_decoded_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    data = cmyk()
    assert np.array_equal(decode(data[:-2] + bytes(300) + EOI), decode(data))
    assert capfd.readouterr() == ("", "")


UNTIDY = {
    "bytes before the end mark": WHOLE[:-2] + bytes(300) + EOI,
    "bytes between segments": WHOLE[:20] + b"junk" + WHOLE[20:],
    "scan parameters": _with_scan_parameters(WHOLE),
    "colour transform": WHOLE[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\x07" + WHOLE[20:],
}


@pytest.mark.parametrize("kind", sorted(UNTIDY))
def test_what_harms_no_pixel_is_forgiven_in_silence(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert np.array_equal(decode(UNTIDY[kind]), decode(WHOLE))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", sorted(set(UNTIDY) - {"bytes before the end mark"}))
def test_what_is_forgiven_hides_no_cut(kind: str) -> None:
    with pytest.raises(ImageError, match="damaged or cut off: premature end of data segment"):
        decode(UNTIDY[kind][: len(WHOLE) // 2] + EOI)


def test_two_exif_segments_turn_once_and_xmp_before_them_does_not_matter() -> None:
    turned = with_exif(WHOLE, 6)
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x/>"
    both = with_exif(turned, 3)
    assert np.array_equal(decode(both), decode(WHOLE)[::-1, ::-1])
    after = turned[:2] + b"\xff\xe1" + struct.pack(">H", len(xmp) + 2) + xmp + turned[2:]
    assert np.array_equal(decode(after), np.rot90(decode(WHOLE), -1))
