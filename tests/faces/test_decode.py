"""Decoding: every format people have, and every way a file can be broken."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from faces.pictures import encode, png, resized_jpeg, scene, with_exif
from fiqx_trt.errors import ImageError
from fiqx_trt.faces.decode import MAX_PIXELS, decode
from fiqx_trt.faces.header import Header, read_header

SCENE = scene()
ANIMATIONS = tuple(int(part) for part in cv2.__version__.split(".")[:2]) >= (4, 11)
WORST = {".jpg": 12, ".webp": 12}  # lossy: largest mean error of a channel


def _check(image: np.ndarray, wanted: np.ndarray, tolerance: float = 0.0) -> None:
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image.shape == wanted.shape
    assert np.abs(image.astype(int) - wanted).mean() <= tolerance


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".ppm"])
def test_colour_of_every_format_comes_out_as_rgb(suffix: str) -> None:
    data = encode(SCENE, suffix)
    tolerance = 3.0 if suffix in WORST else 0.0
    _check(decode(data), SCENE, tolerance)
    assert (read_header(data).width, read_header(data).height) == (80, 60)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".pgm"])
def test_grey_is_repeated(suffix: str) -> None:
    grey = SCENE[:, :, 0].copy()
    _check(
        decode(encode(grey, suffix)), np.repeat(grey[:, :, None], 3, axis=2), 3.0 if suffix in WORST else 0.0
    )


def test_progressive_jpeg() -> None:
    data = encode(SCENE, ".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert b"\xff\xc2" in data
    _check(decode(data), SCENE, 3.0)


def test_cmyk_jpeg_is_read_by_adobe_convention() -> None:
    pil = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    pil.fromarray(SCENE).convert("CMYK").save(stream, "JPEG", quality=95)
    assert b"Adobe" in stream.getvalue()
    _check(decode(stream.getvalue()), SCENE, 4.0)


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda image: image),
        (2, lambda image: image[:, ::-1]),
        (3, lambda image: image[::-1, ::-1]),
        (4, lambda image: image[::-1]),
        (5, lambda image: image.transpose(1, 0, 2)),
        (6, lambda image: np.rot90(image, -1)),
        (7, lambda image: image[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda image: np.rot90(image, 1)),
    ],
)
def test_exif_orientation_is_applied(orientation: int, upright: Callable[[np.ndarray], np.ndarray]) -> None:
    plain = encode(SCENE, ".jpg")
    stored = decode(plain)
    assert np.array_equal(decode(with_exif(plain, orientation)), upright(stored))


def test_orientations_that_do_not_exist_change_nothing() -> None:
    plain = encode(SCENE, ".jpg")
    for orientation in (0, 9, 65535):
        assert np.array_equal(decode(with_exif(plain, orientation)), decode(plain))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff", ".bmp"])
def test_alpha_is_dropped(suffix: str) -> None:
    alpha = np.linspace(0, 255, SCENE.shape[1]).astype(np.uint8)
    image = np.dstack([SCENE, np.broadcast_to(alpha, SCENE.shape[:2])])
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    decoded = decode(encode(image, suffix, lossless))
    seen = alpha > 0  # WebP may forget the colour of what is fully transparent
    _check(decoded[:, seen].copy(), SCENE[:, seen])


def test_grey_with_alpha_and_palette() -> None:
    rows = b"".join(b"\0" + bytes([value, 77] * 3) for value in (10, 200))
    assert decode(png(3, 2, rows, colour=4)).tolist() == [[[10] * 3] * 3, [[200] * 3] * 3]
    pil = pytest.importorskip("PIL.Image")
    image = pil.new("P", (2, 1))
    image.putpalette([1, 2, 3, 250, 251, 252])
    image.putpixel((1, 0), 1)
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=0)
    assert decode(stream.getvalue()).tolist() == [[[1, 2, 3], [250, 251, 252]]]


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_are_scaled_to_eight(suffix: str) -> None:
    wide = SCENE.astype(np.uint16) * 257
    _check(decode(encode(wide, suffix)), SCENE, 0.5)
    _check(decode(encode(wide[:, :, 0].copy(), suffix)), np.repeat(SCENE[:, :, :1], 3, axis=2), 0.5)


def test_animations_give_their_first_frame() -> None:
    pil = pytest.importorskip("PIL.Image")
    frames = [pil.fromarray(SCENE), pil.new("RGB", (80, 60))]
    for kind in ("WEBP", "PNG") if ANIMATIONS else ("PNG",):
        stream = io.BytesIO()
        frames[0].save(stream, kind, save_all=True, append_images=frames[1:], duration=10)
        _check(decode(stream.getvalue()), SCENE, 4.0)


@pytest.mark.parametrize(("kind", "name"), [("GIF", "GIF"), ("WEBP", "animated WebP")])
def test_animations_are_read_or_clearly_refused(
    kind: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pil = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    frames = [pil.new("RGB", (5, 4), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(stream, kind, save_all=True, append_images=frames[1:], lossless=True)
    if ANIMATIONS:
        assert decode(stream.getvalue())[0, 0].tolist() == [255, 0, 0]
    monkeypatch.setattr(cv2, "__version__", "4.8.1")
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    text = rf"this is {name}, a format that OpenCV 4\.8\.1 does not read; install OpenCV 4\.11 or newer"
    with pytest.raises(ImageError, match=text) as caught:
        decode(stream.getvalue())
    assert caught.value.status == "unsupported"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_a_truncated_file_is_never_half_a_picture(suffix: str) -> None:
    data = encode(scene(200, 200), suffix)
    for keep in sorted(
        {1, 2, 4, 8, 20, 30, len(data) // 10, len(data) // 2, len(data) * 9 // 10, len(data) - 3}
    ):
        with pytest.raises(ImageError) as caught:
            decode(data[:keep])
        assert caught.value.status == "decode_error"
        assert str(caught.value).startswith(("a truncated", "a ", "not a picture", "the picture ends"))


def test_a_truncated_progressive_jpeg_is_not_a_blurred_picture() -> None:
    data = encode(scene(200, 200), ".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    for keep in range(len(data) // 2, len(data) - 2, len(data) // 20):
        with pytest.raises(ImageError, match="truncated JPEG: its end-of-image marker is missing"):
            decode(data[:keep])


def test_the_end_of_an_embedded_thumbnail_is_not_the_end_of_the_picture() -> None:
    thumbnail = encode(scene(16, 16), ".jpg")
    data = encode(scene(200, 200), ".jpg")
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    whole = data[:2] + segment + data[2:]
    assert decode(whole).shape == (200, 200, 3)
    with pytest.raises(ImageError, match="end-of-image marker is missing"):
        decode(whole[:-500])


def test_junk_around_the_segments_of_a_jpeg_is_harmless() -> None:
    data = encode(SCENE, ".jpg")
    wanted = decode(data)
    assert np.array_equal(decode(data + b"trailing junk\0" * 50), wanted)
    assert np.array_equal(decode(data[:2] + b"\xff\xff" + data[2:]), wanted)


@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        (b"", "decode_error", r"the file is empty \(0 bytes\)"),
        (b"hello world", "decode_error", r"not a picture: 11 bytes that begin with b'hello wo'; JPEG, PNG"),
        (b"\0" * 100, "decode_error", "not a picture: 100 bytes"),
        (b"BM, said the text, is how I begin", "decode_error", "not a picture"),
        (b"\xff\xd8", "decode_error", r"the picture ends inside its header \(2 bytes\)"),
        (b"\xff\xd8\xff\xd9", "decode_error", "a JPEG without a frame header"),
        (b"\xff\xd8\xff\xe0\0\x10", "decode_error", "the picture ends inside its header"),
        (b"II*\0\xff\xff\xff\xff", "decode_error", "the picture ends inside its header"),
        (b"RIFF\xff\0\0\0WEBPVP8 ", "decode_error", "a truncated WebP: 16 bytes of the 263 it announces"),
        (
            b"\0\0\0\x18ftypheic" + bytes(20),
            "decode_error",
            r"a file of HEIC that announces no picture \(32 bytes\)",
        ),
        (
            b"\0\0\0\x18ftypmp42" + bytes(20),
            "unsupported",
            r"this is a video \(MP4 or QuickTime\), a format that is not read; convert the picture",
        ),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "unsupported", "this is JPEG 2000"),
        (b"%PDF-1.7", "unsupported", "this is PDF"),
        (b"<?xml version='1.0'?><svg xmlns=''/>", "unsupported", "this is SVG"),
        (png(0, 5), "decode_error", "the PNG header announces 0 x 5 px"),
        (
            png(8, 8, b"\0" * 60),
            "decode_error",
            "a truncated PNG: its pixels end after row 2, though its end",
        ),
        (png(8, 8, b"\5" * 200), "decode_error", "a damaged PNG: a row has an unknown filter"),
        (png(8, 8, colour=5), "decode_error", "a PNG with a header that is not one"),
    ],
)
def test_what_is_not_a_picture_says_so(data: bytes, status: str, text: str) -> None:
    with pytest.raises(ImageError, match=text) as caught:
        decode(data)
    assert caught.value.status == status


def _tiff(width: int, height: int) -> bytes:
    entries = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, 1),
    ]
    packed = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + packed + bytes(4)


def _bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


BOMBS = {
    "PNG": png(30_000, 30_000, bytes(1000)),
    "JPEG": resized_jpeg(encode(SCENE, ".jpg"), 60_000, 60_000),
    "TIFF": _tiff(1_000_000, 1_000_000),
    "BMP": _bmp(40_000, -40_000),
    "GIF": b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(10),
    "PNM": b"P6 # a comment\n 99999 99999\n255\n",
    "WebP": b"RIFF"
    + struct.pack("<I", 22)
    + b"WEBPVP8X"
    + struct.pack("<II", 10, 0)
    + b"\xff\x3f\0\xff\x3f\0",
}


@pytest.mark.parametrize("kind", sorted(BOMBS))
def test_a_bomb_is_refused_from_its_header(kind: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(
            ImageError, match=rf"a {kind} of \d+ x \d+ px: more than the limit of 100,000,000"
        ) as caught:
            decode(BOMBS[kind])
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert caught.value.status == "unsupported"
    assert "scale it down" in str(caught.value)


def test_a_tile_larger_than_its_tiff_counts() -> None:
    data = _tiff(10, 10).replace(
        struct.pack("<HHII", 278, 4, 1, 10), struct.pack("<HHII", 322, 4, 1, 1 << 30)
    )
    assert read_header(data) == Header("TIFF", 10, 10, 10 << 30)
    assert read_header(data).pixels == 10 << 30


def test_thirty_thousand_pixels_wide_is_fine_when_it_is_flat() -> None:
    assert decode(encode(np.zeros((100, 30_000), np.uint8), ".png")).shape == (100, 30_000, 3)


def test_the_limit_is_the_callers() -> None:
    data = encode(SCENE, ".png")
    assert decode(data, max_pixels=60 * 80).shape == (60, 80, 3)
    with pytest.raises(ImageError, match="a PNG of 80 x 60 px: more than the limit of 4,799 pixels"):
        decode(data, max_pixels=60 * 80 - 1)
    assert MAX_PIXELS >= 50_000_000  # what today's cameras make


def test_one_pixel_decodes() -> None:
    assert decode(encode(np.full((1, 1, 3), 7, np.uint8), ".png")).tolist() == [[[7, 7, 7]]]


def test_every_prefix_and_many_corruptions_are_image_errors_or_pictures(
    capfd: pytest.CaptureFixture[str],
) -> None:
    random = np.random.default_rng(1)
    progressive = encode(scene(24, 32), ".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    kinds = [".jpg", ".png", ".webp", ".bmp", ".tiff", ".ppm", *([".gif"] if ANIMATIONS else [])]
    for data in (progressive, *(encode(scene(24, 32), suffix) for suffix in kinds)):
        for _ in range(60):
            broken = bytearray(data[: random.integers(1, len(data) + 1)])
            for at in random.integers(0, len(broken), random.integers(0, 4)):
                broken[at] = random.integers(0, 256)
            try:
                image = decode(bytes(broken) + b"\xff\xd9", max_pixels=1_000_000)
            except ImageError:
                continue
            assert image.ndim == 3
            assert image.dtype == np.uint8
    assert capfd.readouterr() == ("", "")  # decoders have nothing to say on the terminal


def test_an_error_of_the_decoder_is_an_image_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        error = cv2.error("boom")
        error.err = "Insufficient memory"
        raise error

    monkeypatch.setattr(cv2, "imdecode", fail)
    with pytest.raises(ImageError, match=r"cannot be decoded: .* does not read: Insufficient memory"):
        decode(encode(SCENE, ".png"))
