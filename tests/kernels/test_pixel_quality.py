from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import pixel_quality
from reference.pixel_quality import pixel_quality as reference


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(0, 3),
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    gamma=st.floats(-3, 12),
    clip=st.none() | st.floats(1e-3, 10),
    weighed=st.booleans(),
)
def test_agrees_with_float64(seed, n, size, gamma, clip, weighed):
    rng = np.random.default_rng(seed)
    gradient = rng.standard_normal((n, 3, *size), dtype=np.float32) * np.float32(1e-3)
    scale = rng.standard_normal(n)
    contrast = rng.random((n, *size), dtype=np.float32) * np.float32(50) if weighed else None
    got = pixel_quality(gradient, scale, contrast, gamma=gamma, clip=clip)
    maps, saliency, clipped = reference(gradient, scale, contrast, gamma=gamma, clip=clip)
    assert got.maps.dtype == got.saliency.dtype == np.float32
    np.testing.assert_allclose(got.maps, maps, rtol=3e-6, atol=1e-12)
    np.testing.assert_allclose(got.saliency, saliency, rtol=1e-6)
    np.testing.assert_array_equal(got.clipped, clipped)


def test_no_gradient_is_no_quality_not_nan():
    got = pixel_quality(np.zeros((2, 3, 8, 8), np.float32), np.ones(2), gamma=7.5, clip=1.0)
    assert (got.maps == 0).all()
    assert not got.clipped.any()


def test_no_contrast_is_no_quality_whatever_the_gradient():
    gradient = np.random.default_rng(0).standard_normal((2, 3, 8, 8), dtype=np.float32)
    contrast = np.zeros((2, 8, 8), np.float32)
    contrast[1] = 1
    got = pixel_quality(gradient, np.ones(2), contrast, gamma=7.5)
    assert (got.maps[0] == 0).all()
    np.testing.assert_array_equal(got.maps[1], pixel_quality(gradient, np.ones(2), gamma=7.5).maps[1])


def test_quality_lies_between_zero_and_one_and_grows_with_saliency():
    g = np.geomspace(1e-30, 1e30, 400).astype(np.float32)
    got = pixel_quality(np.stack([g, g, g])[None, :, None], np.ones(1), gamma=7.5)
    assert (np.diff(got.maps[0, 0]) >= 0).all()
    assert got.maps.min() == 0
    assert got.maps.max() == 1


def test_a_clipped_gradient_has_the_norm_of_the_clip():
    gradient = np.random.default_rng(0).standard_normal((2, 3, 30, 31), dtype=np.float32)
    scale = np.array([1.0, 1e-6])
    got = pixel_quality(gradient, scale, gamma=1.0, clip=2.0)
    np.testing.assert_array_equal(got.clipped, [True, False])
    ratio = got.saliency[0] / pixel_quality(gradient, scale, gamma=1.0).saliency[0]
    np.testing.assert_allclose(ratio * np.linalg.norm(gradient[0].astype(np.float64)), 2.0, rtol=1e-5)


def test_the_sign_of_the_scale_does_not_matter():
    gradient = np.random.default_rng(0).standard_normal((1, 3, 5, 5), dtype=np.float32)
    plus, minus = (pixel_quality(gradient, np.array([s]), gamma=2.0, clip=1.0) for s in (0.3, -0.3))
    np.testing.assert_array_equal(plus.maps, minus.maps)


def test_what_is_not_finite_touches_no_other():
    gradient = np.random.default_rng(0).standard_normal((3, 3, 9, 9), dtype=np.float32)
    wanted = pixel_quality(gradient, np.ones(3), gamma=1.0, clip=1.0)
    gradient[1, 0, 4, 4] = np.nan
    got = pixel_quality(gradient, np.ones(3), gamma=1.0, clip=1.0)
    assert np.isnan(got.maps[1, 4, 4])
    np.testing.assert_array_equal(got.maps[[0, 2]], wanted.maps[[0, 2]])
    assert np.isnan(pixel_quality(gradient[:1], np.array([np.nan]), gamma=1.0).maps).all()


G = np.ones((2, 3, 4, 4), np.float32)


@pytest.mark.parametrize(
    ("gradient", "scale", "options", "text"),
    [
        (G, np.ones(3), {"gamma": 1}, r"scale has shape \(3,\), wanted \(2,\), the \(N,\) of gradient"),
        (G, np.ones(2, np.float32), {"gamma": 1}, r"scale has dtype float32, wanted float64 \(N,\)"),
        (
            G[0],
            np.ones(2),
            {"gamma": 1},
            r"gradient has shape \(3, 4, 4\), wanted float32 \(N, 3, H, W\); give a",
        ),
        (
            G,
            np.ones(2),
            {"gamma": 1, "contrast": np.ones((2, 4, 5), np.float32)},
            r"contrast has shape \(2, 4, 5\), wanted \(2, 4, 4\), the \(N, H, W\) of gradient",
        ),
        (
            G,
            np.ones(2),
            {"gamma": 1, "contrast": np.ones((2, 4, 4))},
            r"contrast has dtype float64, wanted float32 \(N, H, W\)",
        ),
        (G, np.ones(2), {"gamma": 31}, r"gamma is 31\.0+, wanted a number in \[-30, 30\]; 7\.5 is ArcFace's"),
        (G, np.ones(2), {"gamma": float("nan")}, "gamma is nan"),
        (G, np.ones(2), {"gamma": 1, "clip": 0}, r"clip is 0\.0+, wanted a norm above 0, or None"),
    ],
)
def test_wrong_arguments_are_named(gradient, scale, options, text):
    with pytest.raises(InvalidInputError, match="pixel_quality: " + text):
        pixel_quality(gradient, scale, **options)
