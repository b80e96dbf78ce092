"""One error text per mistake, and it says the call that would work."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest

from fiqx_trt.errors import ImageError, InvalidInputError
from fiqx_trt.faces.in_memory import GivenPicture, given_sources
from fiqx_trt.faces.prepare import FacePreparer
from fiqx_trt.faces.sources import MAX_BYTES, Source

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)
PICTURE = PIXELS[0]


def torch_cases() -> list[tuple[object, str]]:
    import torch

    unit = torch.from_numpy(PICTURE) / 255
    return [
        (
            unit,
            "inputs is float32, not uint8; its values are in 0..1: give (255 * inputs).round().to(torch.uint8)",
        ),
        (unit * 255, "give inputs.round().clamp(0, 255).to(torch.uint8)"),
        (
            unit.bfloat16(),
            "inputs is bfloat16, not uint8; its values are in 0..1: give (255 * inputs).round()",
        ),
        (unit.clone().requires_grad_(), "inputs is float32, not uint8; its values are in 0..1: give (255"),
        (torch.from_numpy(PICTURE).long(), "give inputs.to(torch.uint8) where its values are in 0..255"),
        (
            torch.empty(2, 40, 48, 3, device="meta"),
            "give uint8 pixels in host memory, such as inputs.cpu() for a torch tensor",
        ),
    ]


CASES = [
    (
        PICTURE / 255,
        "inputs is float64, not uint8; its values are in 0..1: give (255 * inputs).round().astype(np.uint8)",
    ),
    (
        [PICTURE, PICTURE.astype(np.float32)],
        "inputs[1] is float32, not uint8; give inputs[1].round().clip(0, 255)",
    ),
    (PICTURE / 127.5 - 1, "look normalised: give the picture from before the normalisation"),
    (
        PICTURE.astype(np.int64),
        "inputs is int64, not uint8; give inputs.astype(np.uint8) where its values are in 0..255",
    ),
    (PICTURE.astype(np.uint16) * 257, "give (inputs // 257).astype(np.uint8) of 16-bit samples"),
    (PICTURE > 9, "inputs is bool, not uint8; give a uint8 RGB array of shape"),
    (np.zeros((2, 40, 48, 4), np.uint8), "the shape (2, 40, 48, 4); drop the alpha channel: inputs[..., :3]"),
    (np.zeros((2, 4, 40, 48), np.uint8), "drop the alpha channel: inputs[..., :3, :, :]"),
    (np.zeros((40, 48), np.uint8), "a grey picture is given as np.repeat(inputs[:, :, None], 3, axis=2)"),
    (np.zeros((40, 48, 1), np.uint8), "np.repeat(inputs, 3, axis=-1)"),
    (np.zeros((2, 1, 40, 48), np.uint8), "np.repeat(inputs, 3, axis=-3)"),
    (
        np.zeros((1, 2, 40, 48, 3), np.uint8),
        "give uint8 RGB of shape (H, W, 3), (3, H, W), (N, H, W, 3) or (N, 3, H, W)",
    ),
    (
        3,
        "inputs is an int; give a path, the bytes of a picture file, a PIL image, or a uint8 RGB array, or a list of them",
    ),
    (["a.jpg", None], "inputs[1] is None; give a path"),
    ([["a.jpg"]], "inputs[0] is a list; give a path"),
    ([{"image": b""}], "inputs[0] is a dict; give a path"),
    (
        {"label": 1, "image": ["a.jpg", "b.jpg"]},
        "inputs is a dict; give the column of the pictures, such as inputs['image']",
    ),
    ({"image": PIXELS}, "such as inputs['image']"),
    (io.BytesIO(b"line\nline"), "inputs is a _io.BytesIO, an open file; give inputs.read()"),
    ([io.BytesIO(b"line\nline")], "inputs[0] is a _io.BytesIO, an open file; give inputs[0].read()"),
]


@pytest.mark.parametrize(
    ("given", "message"), CASES + torch_cases(), ids=[m for _, m in CASES + torch_cases()]
)
def test_a_mistake_is_said_at_once_with_its_cure(given: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        given_sources(given, expand=False)


@pytest.mark.parametrize(
    "cure",
    [
        lambda inputs: (255 * (inputs / 255)).round().astype(np.uint8),
        lambda inputs: (inputs.astype(np.float32) + 0.2).round().clip(0, 255).astype(np.uint8),
        lambda inputs: ((inputs.astype(np.uint16) * 257) // 257).astype(np.uint8),
        lambda inputs: np.dstack([inputs, inputs[:, :, 0]])[..., :3],
        lambda inputs: np.concatenate([inputs, inputs[:, :, :1]], 2).transpose(2, 0, 1)[..., :3, :, :],
    ],
)
def test_the_cures_work(cure) -> None:
    (source,) = given_sources(cure(PICTURE), expand=False)
    assert np.array_equal(source.read(), PICTURE)


def test_cures_for_grey_work() -> None:
    grey = PICTURE[:, :, 0]
    for given in (
        np.repeat(grey[:, :, None], 3, axis=2),
        np.repeat(grey[:, :, None], 3, axis=-1),
        np.repeat(grey[None], 3, axis=-3),
    ):
        (source,) = given_sources(given, expand=False)
        assert np.array_equal(source.read(), np.stack([grey] * 3, -1))


def test_a_pil_image_of_deep_samples_is_refused() -> None:
    from PIL import Image

    deep = Image.fromarray(np.full((40, 48), 40_000, np.uint16))
    with pytest.raises(InvalidInputError, match="give the path or the bytes of its file"):
        given_sources([deep], expand=False)


def test_where_both_readings_fit_the_last_axis_holds_the_colours() -> None:
    both = np.random.default_rng(1).integers(0, 256, (3, 40, 3), dtype=np.uint8)
    (source,) = given_sources(both, expand=False)
    assert np.array_equal(source.read(), both)


def test_pixels_are_held_to_the_limits_of_files() -> None:
    prepare = FacePreparer((32, 32), "arcface", aligned=True, max_pixels=1000)
    (row,) = prepare(GivenPicture("x", PICTURE))
    assert (row.status, row.error) == (
        "unsupported",
        "an array of 48 x 40 px: more than the limit of 1,000 pixels; scale it down",
    )
    (row,) = prepare(GivenPicture("x", PICTURE[:9, :9]))
    assert row.status == "too_small"


def test_bytes_are_held_to_the_limit_of_files() -> None:
    picture = GivenPicture("x", bytes(MAX_BYTES + 1))
    with pytest.raises(ImageError, match="more than the limit of 536,870,912"):
        picture.read()


def test_columns_stand_for_their_elements() -> None:
    import pandas as pd
    import pyarrow as pa

    given = ["a.jpg", "b.jpg"]
    for column in (
        np.array(given),
        np.array(given, object),
        pd.Series(given),
        pa.array(given),
        pa.chunked_array([given]),
    ):
        assert [source.path for source in given_sources(column, expand=False)] == given
    for column in (np.array([b"1", b"22"], object), pd.Series([b"1", b"22"]), pa.array([b"1", b"22"])):
        assert [source.read() for source in given_sources(column, expand=False)] == [b"1", b"22"]
    pictures = np.empty(2, object)
    pictures[:] = [PIXELS[0], PIXELS[1]]
    assert all(
        np.array_equal(a.read(), b)
        for a, b in zip(given_sources(pictures, expand=False), PIXELS, strict=True)
    )
    with pytest.raises(InvalidInputError, match=r'give the column of the pictures, such as inputs\["path"\]'):
        given_sources(pd.DataFrame({"path": given}), expand=False)


def test_a_picture_of_a_hugging_face_data_set() -> None:
    held = [{"bytes": b"1", "path": "x.jpg"}, {"bytes": b"2", "path": None}, {"bytes": None, "path": "y.jpg"}]
    named, unnamed, file = given_sources(held, expand=False)
    assert (named.path, named.read()) == ("x.jpg", b"1")
    assert (unnamed.path, unnamed.read()) == ("inputs[1]", b"2")
    assert file == Source("y.jpg")
