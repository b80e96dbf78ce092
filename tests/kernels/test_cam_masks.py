from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import cam_constant, cam_masks
from reference.cam_masks import cam_masks as reference

quarters = st.integers(-40, 40).map(lambda v: v / 4)
side = st.integers(1, 9)
RULES = [
    {},
    {"align_corners": True},
    {"minmax": "before"},
    {"relu": True, "subtract_min": False},
    {"minmax": "before", "subtract_min": False, "align_corners": True},
]


@pytest.mark.parametrize("rule", RULES)
@given(data=st.data())
def test_agrees_with_float64(rule, data):
    activations = data.draw(
        hnp.arrays(np.float32, st.tuples(st.integers(1, 4), side, side), elements=quarters), "activations"
    )
    size = data.draw(st.tuples(st.integers(1, 23), st.integers(1, 23)), "size")
    face = np.random.default_rng(0).standard_normal((3, *size), dtype=np.float32)
    channels = data.draw(st.lists(st.integers(0, len(activations) - 1), max_size=6), "channels")
    wanted = reference(activations, face, channels, **rule)
    # Where upsampled values differ by rounding alone, min-max blows rounding up: such grids prove nothing.
    if rule.get("minmax") != "before" and (np.abs(wanted) > 0).any():
        shown = np.ptp(wanted / np.where(face == 0, 1, face), axis=(2, 3))
        wanted = np.where(shown[..., None, None] > 0, wanted, 0)
    got = cam_masks(activations, face, channels, **rule)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-4 if size[0] < 4 or size[1] < 4 else 2e-5)


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_sizes_of_use_beside_torch(align_corners):
    rng = np.random.default_rng(0)
    activations = rng.standard_normal((20, 7, 7), dtype=np.float32)
    face = rng.standard_normal((3, 112, 112), dtype=np.float32)
    up = torch.nn.functional.interpolate(
        torch.as_tensor(activations)[None], (112, 112), mode="bilinear", align_corners=align_corners
    )[0].numpy()
    low, high = up.min((1, 2), keepdims=True), up.max((1, 2), keepdims=True)
    wanted = ((up - low) / (high - low))[:, None] * face
    np.testing.assert_allclose(cam_masks(activations, face, align_corners=align_corners), wanted, atol=1e-5)


def test_masks_reach_from_zero_to_one():
    activations = np.random.default_rng(0).standard_normal((16, 7, 7), dtype=np.float32)
    masks = cam_masks(activations, np.ones((3, 112, 112), np.float32))
    assert (masks.min((1, 2, 3)) == 0).all()
    assert (masks.max((1, 2, 3)) == 1).all()


def test_a_half_is_the_float_rounded():
    rng = np.random.default_rng(0)
    activations = rng.standard_normal((5, 7, 5), dtype=np.float32)
    face = rng.standard_normal((3, 33, 41), dtype=np.float32)
    half = cam_masks(activations, face, dtype="float16")
    np.testing.assert_array_equal(half, cam_masks(activations, face).astype(np.float16))


def test_masked_faces_of_two_images_share_a_batch():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 4, 5, 5), dtype=np.float32)
    face, other = rng.standard_normal((2, 3, 20, 20), dtype=np.float32)
    batch = np.full((6, 3, 20, 20), -7, np.float32)
    cam_masks(first, face, [1, 3], out=batch[:2])
    cam_masks(second, other, [0, 2, 3], out=batch[2:5])
    np.testing.assert_array_equal(batch[:2], cam_masks(first, face)[[1, 3]])
    np.testing.assert_array_equal(batch[2:5], cam_masks(second, other)[[0, 2, 3]])
    assert (batch[5] == -7).all()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("value", [0.1, -3.3, np.nan, np.inf, -np.inf])
def test_a_channel_without_contrast_gives_zeros_never_nan(rule, value):
    activations = np.full((1, 7, 7), 0.1, np.float32)
    activations[0, 3, 3] = value if not np.isfinite(value) else 0.1
    activations = (
        activations * np.float32(1) if not np.isfinite(value) else np.full((1, 7, 7), value, np.float32)
    )
    assert cam_constant(activations[None], relu=rule.get("relu", False)).all()
    assert (cam_masks(activations, np.ones((3, 112, 112), np.float32), **rule) == 0).all()


def test_which_channels_are_constant():
    activations = np.zeros((2, 3, 4, 4), np.float32)
    activations[0, 1, 2, 2] = 1
    activations[1, 2, 0, 0] = -1
    np.testing.assert_array_equal(cam_constant(activations), [[True, False, True], [True, True, False]])
    np.testing.assert_array_equal(
        cam_constant(activations, relu=True), [[True, False, True], [True, True, True]]
    )
    assert cam_constant(activations[:0]).shape == (0, 3)


A, FACE = np.ones((2, 3, 3), np.float32), np.ones((3, 8, 8), np.float32)


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((A, FACE, [2]), {}, "channels has 2, wanted 0 … 1, the channels of activations"),
        ((A, FACE, [-1]), {}, "channels has -1"),
        ((A, FACE, [0.5]), {}, "channels has dtype float64, wanted whole numbers"),
        ((A, FACE, [[0]]), {}, r"channels has shape \(1, 1\), wanted int64 \(K,\)"),
        ((A, FACE[:2]), {}, r"face has shape \(2, 8, 8\), wanted float32 \(3, H, W\)"),
        (
            (A[0], FACE, [0]),
            {},
            r"activations has shape \(3, 3\), wanted float32 \(C, h, w\); give a single one",
        ),
        ((A[:, :0], FACE), {}, r"activations \(2, 0, 3\) or face \(3, 8, 8\) is empty"),
        ((A, FACE), {"minmax": "never"}, 'minmax is "never", wanted one of "after", "before"'),
        ((A, FACE), {"dtype": "bfloat16"}, 'dtype is "bfloat16", wanted one of "float16", "float32"'),
    ],
)
def test_wrong_arguments_are_named(arguments, options, text):
    with pytest.raises(InvalidInputError, match="cam_masks: " + text):
        cam_masks(*arguments, **options)


def test_no_channels():
    assert cam_masks(A, FACE, []).shape == (0, 3, 8, 8)
