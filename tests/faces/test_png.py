"""PNG: chunks that do not belong to the picture, damage, and silence on the terminal."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from faces.pictures import encode, scene
from fiqx_trt.errors import ImageError
from fiqx_trt.faces.decode import decode

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SCENE = scene(61, 83)


@pytest.fixture(autouse=True, params=["pixels kept", "pixels unpacked twice"])
def _kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways give the same picture and refuse the same damage: small pictures are unpacked once, large ones twice."""
    if request.param != "pixels kept":
        monkeypatch.setattr("fiqx_trt.faces.png._KEPT", 0)


def chunk(kind: bytes, content: bytes, damage: int = 0) -> bytes:
    check = zlib.crc32(kind + content) ^ damage
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def head(width: int = 83, height: int = 61, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


ROWS = b"".join(b"\0" + row.tobytes() for row in SCENE)
PACKED = zlib.compress(ROWS)
PIXELS, END = chunk(b"IDAT", PACKED), chunk(b"IEND", b"")
WHOLE = SIGNATURE + head() + PIXELS + END

HARMLESS = {
    "whole": WHOLE,
    "bad colour profile": SIGNATURE + head() + chunk(b"iCCP", b"sRGB\0\0junk") + PIXELS + END,
    "two colour spaces": SIGNATURE + head() + chunk(b"sRGB", b"\0") * 2 + PIXELS + END,
    "text that unpacks to much": SIGNATURE
    + head()
    + chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 24)))
    + PIXELS
    + END,
    "bad transparency": SIGNATURE + head() + chunk(b"tRNS", b"x") + PIXELS + END,
    "bad palette of a true-colour picture": SIGNATURE + head() + chunk(b"PLTE", b"ab") + PIXELS + END,
    "damaged ancillary chunk": SIGNATURE + head() + chunk(b"tEXt", b"a\0b", 1) + PIXELS + END,
    "more pixels than rows": SIGNATURE + head() + chunk(b"IDAT", zlib.compress(ROWS + bytes(999))) + END,
    "bytes behind the pixels": SIGNATURE + head() + chunk(b"IDAT", PACKED + b"junk") + END,
    "pixels in pieces": SIGNATURE
    + head()
    + b"".join(chunk(b"IDAT", PACKED[at : at + 7]) for at in range(0, len(PACKED), 7))
    + END,
    "an empty piece": SIGNATURE + head() + chunk(b"IDAT", b"") + PIXELS + END,
    "bytes behind the end": WHOLE + b"junk",
    "an animation without frames": SIGNATURE
    + head()
    + chunk(b"acTL", bytes((0, 0, 9, 9, 0, 0, 0, 0)))
    + PIXELS
    + END,
}


@pytest.mark.parametrize("kind", sorted(HARMLESS))
def test_what_harms_no_pixel_is_forgiven_in_silence(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert np.array_equal(decode(HARMLESS[kind]), SCENE)
    assert capfd.readouterr() == ("", "")


DAMAGED = {
    "pixels end early": (
        SIGNATURE + head() + chunk(b"IDAT", zlib.compress(ROWS[: 250 * 20 + 3])) + END,
        "a truncated PNG: its pixels end after row 20, though its end chunk is there",
    ),
    "cut stream": (
        SIGNATURE + head() + chunk(b"IDAT", PACKED[:-900]) + END,
        "a truncated PNG: its pixels end",
    ),
    "checksum": (
        SIGNATURE + head() + chunk(b"IDAT", PACKED, 1) + END,
        "a damaged PNG: the checksum of a chunk IDAT is wrong",
    ),
    "stream checksum": (
        SIGNATURE + head() + chunk(b"IDAT", PACKED[:-1] + b"?") + END,
        "a damaged PNG: Error -3 .* incorrect data check",
    ),
    "filter": (SIGNATURE + head() + chunk(b"IDAT", zlib.compress(b"\7" + ROWS[1:])) + END, "unknown filter"),
    "chunk that must be known": (SIGNATURE + head() + chunk(b"ABCD", b"") + PIXELS + END, "a chunk b'ABCD'"),
    "two headers": (SIGNATURE + head() + head(9999, 9999) + PIXELS + END, "a PNG with two headers"),
    "another first chunk": (
        SIGNATURE + chunk(b"CgBI", bytes(4)) + head() + PIXELS + END,
        "a header that is not",
    ),
    "no palette": (SIGNATURE + head(colour=3) + PIXELS + END, "whose palette is missing or is not one"),
    "no pixels": (SIGNATURE + head() + END, "a truncated PNG: its pixels end after row 0"),
    "depth": (SIGNATURE + head(depth=3) + PIXELS + END, "a PNG with a header that is not one"),
    "no end": (SIGNATURE + head() + PIXELS, "a truncated PNG: its end chunk is missing"),
}


@pytest.mark.parametrize("kind", sorted(DAMAGED))
def test_damage_is_a_decode_error_in_silence(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    data, text = DAMAGED[kind]
    with pytest.raises(ImageError, match=text) as caught:
        decode(data)
    assert caught.value.status == "decode_error"
    assert capfd.readouterr() == ("", "")


def test_a_side_that_libpng_refuses_is_refused_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImageError, match=r"a side of more than 1,000,000 px; scale it down") as caught:
        decode(SIGNATURE + head(1_000_001, 1) + PIXELS + END)
    assert caught.value.status == "unsupported"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 5), (8, 8), (61, 83)])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("interlaced", [False, True])
def test_every_kind_is_decoded_as_opencv_decodes_the_untouched_file(
    shape: tuple[int, int], mode: str, interlaced: bool
) -> None:
    data = _of(mode, shape, interlaced)
    wanted = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decode(data), wanted[:, :, ::-1])


def _of(mode: str, shape: tuple[int, int], interlaced: bool) -> bytes:
    pil = pytest.importorskip("PIL.Image")
    rgb = np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)
    if not interlaced:
        if mode == "I;16":
            return encode(rgb[:, :, 0].astype(np.uint16) * 131, ".png")
        stream = io.BytesIO()
        pil.fromarray(rgb).convert(mode).save(stream, "PNG")
        return stream.getvalue()
    # Nobody's encoder at hand writes interlaced pictures: random rows of the right lengths do.
    depth, colour, samples = {
        "1": (1, 0, 1),
        "L": (8, 0, 1),
        "LA": (8, 4, 2),
        "P": (4, 3, 1),
        "RGB": (8, 2, 3),
        "RGBA": (8, 6, 4),
        "I;16": (16, 0, 1),
    }[mode]
    rows = b"".join(_passes(shape, depth * samples))
    palette = chunk(b"PLTE", bytes(range(48))) if mode == "P" else b""
    return (
        SIGNATURE
        + head(shape[1], shape[0], depth, colour, 1)
        + palette
        + chunk(b"IDAT", zlib.compress(rows))
        + END
    )


def _passes(shape: tuple[int, int], bits: int) -> list[bytes]:
    """Adam7, straight from the standard's picture: which pixels belong to which pass."""
    grid = ["16462646", "77777777", "56565656", "77777777", "36463646", "77777777", "56565656", "77777777"]
    number = np.array([[int(digit) for digit in row] for row in grid])
    tiled = np.tile(number, (shape[0] // 8 + 1, shape[1] // 8 + 1))[: shape[0], : shape[1]]
    random = np.random.default_rng(4)
    rows = []
    for step in range(1, 8):
        for line in tiled == step:
            if count := int(line.sum()):
                rows.append(bytes((random.integers(0, 5),)) + random.bytes((count * bits + 7) // 8))
    return rows


def test_an_exif_chunk_turns_the_picture() -> None:
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
    data = SIGNATURE + head() + chunk(b"eXIf", exif) + PIXELS + END
    assert np.array_equal(decode(data), np.rot90(SCENE, -1))


def test_the_largest_pieces_are_unpacked_a_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from fiqx_trt.faces import png

    asked: list[int] = []
    real: Callable[[object, int], bytes] = png._Inflated.read
    monkeypatch.setattr(png._Inflated, "read", lambda self, size: asked.append(size) or real(self, size))
    data = encode(np.zeros((3000, 2000, 3), np.uint8), ".png")
    assert decode(data).shape == (3000, 2000, 3)
    assert max(asked) <= 1 << 20
