from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import face_input
from reference.face_input import face_input as reference

faces = hnp.arrays(np.uint8, st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 40), st.just(3)))
COLORS = ("rgb", "bgr", "gray")
MEAN, STD = (127.5, 104.0, 93.25), (128.0, 127.5, 58.395)


@pytest.mark.parametrize("color", COLORS)
@given(faces)
def test_agrees_with_float64(color, x):
    got = face_input(x, mean=MEAN, std=STD, color=color)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, reference(x, mean=MEAN, std=STD, color=color), rtol=0, atol=1e-6)


@pytest.mark.parametrize("color", COLORS)
@given(faces)
def test_a_half_is_the_float_rounded(color, x):
    single = face_input(x, mean=MEAN, std=STD, color=color)
    half = face_input(x, mean=MEAN, std=STD, color=color, dtype="float16")
    np.testing.assert_array_equal(half, single.astype(np.float16))


@given(faces)
def test_bgr_is_rgb_with_the_channels_turned(x):
    turned = face_input(x[..., ::-1], mean=MEAN, std=STD)
    np.testing.assert_array_equal(face_input(x, mean=MEAN, std=STD, color="bgr"), turned)


def test_every_byte_is_the_float32_formula():
    x = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    got = face_input(x, mean=127.5, std=128)
    wanted = (np.arange(256, dtype=np.float32) - np.float32(127.5)) / np.float32(128)
    np.testing.assert_array_equal(got[0].reshape(3, 256), np.stack([wanted] * 3))


def test_a_face_does_not_depend_on_its_batch():
    x = np.random.default_rng(0).integers(0, 256, (20, 112, 112, 3), dtype=np.uint8)
    batch = face_input(x, mean=127.5, std=127.5)
    for n in (0, 7, 19):
        np.testing.assert_array_equal(face_input(x[n : n + 1], mean=127.5, std=127.5)[0], batch[n])


def test_one_large_picture():
    x = np.random.default_rng(0).integers(0, 256, (1, 1009, 997, 3), dtype=np.uint8)
    np.testing.assert_allclose(
        face_input(x, mean=MEAN, std=STD), reference(x, mean=MEAN, std=STD), rtol=0, atol=1e-6
    )


def test_one_number_serves_all_channels():
    x = np.full((1, 2, 2, 3), 7, np.uint8)
    np.testing.assert_array_equal(face_input(x, mean=1, std=2), face_input(x, mean=[1, 1, 1], std=(2, 2, 2)))


X = np.zeros((1, 2, 2, 3), np.uint8)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"mean": (1, 2)}, r"face_input: mean has shape \(2,\), wanted one number or one for each"),
        ({"mean": float("nan")}, "face_input: mean must be finite"),
        ({"std": 0}, "face_input: std must be finite and above 0"),
        ({"std": (1, -1, 1)}, "std must be finite and above 0"),
        ({"color": "RGB"}, 'color is "RGB", wanted one of "bgr", "gray", "rgb"'),
        ({"dtype": "int8"}, 'dtype is "int8", wanted one of "float16", "float32"'),
    ],
)
def test_wrong_settings_are_named(options, text):
    with pytest.raises(InvalidInputError, match=text):
        face_input(X, **{"mean": 0, "std": 1, **options})


def test_a_picture_without_colours_is_refused():
    with pytest.raises(
        InvalidInputError, match=r"faces has shape \(1, 2, 2, 1\), wanted uint8 \(N, H, W, 3\)"
    ):
        face_input(X[..., :1], mean=0, std=1)
