from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import cam_combine
from reference.cam_combine import cam_combine as reference

RULES = [
    {},
    {"align_corners": True},
    {"relu": False},
    {"upsample_first": True},
    {"relu_activations": True},
    {"minmax_twice": True, "align_corners": True},
]


def sample(seed, n, c, h, w):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, c, h, w), dtype=np.float32), rng.random((n, c), dtype=np.float32)


@pytest.mark.parametrize("rule", RULES)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(0, 3),
    c=st.integers(1, 20),
    h=st.integers(2, 8),
    w=st.integers(2, 8),
    size=st.tuples(st.integers(8, 40), st.integers(8, 40)),
)
def test_agrees_with_float64(rule, seed, n, c, h, w, size):
    activations, weights = sample(seed, n, c, h, w)
    got = cam_combine(activations, weights, size=size, **rule)
    assert got.maps.dtype == got.grid.dtype == got.limits.dtype == np.float32
    span = np.maximum(np.ptp(got.limits, axis=1), 1e-9)[:, None, None]
    wanted = reference(activations, weights, size=size, **rule)
    assert (np.abs(got.maps - wanted) <= 1e-5 + 1e-5 / span).all()


def test_the_size_of_use_beside_torch():
    activations, weights = sample(0, 4, 512, 7, 7)
    grid = torch.relu(
        torch.einsum("nc,nchw->nhw", torch.as_tensor(weights).double(), torch.as_tensor(activations).double())
    )
    up = torch.nn.functional.interpolate(grid[:, None], (112, 112), mode="bilinear")[:, 0].numpy()
    low, high = up.min((1, 2), keepdims=True), up.max((1, 2), keepdims=True)
    got = cam_combine(activations, weights, size=(112, 112))
    np.testing.assert_allclose(got.maps, (up - low) / (high - low), atol=2e-6)
    np.testing.assert_allclose(got.grid, grid, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(got.limits, np.stack([low, high], 1)[..., 0, 0], rtol=1e-6)


def test_a_map_is_its_grid_and_two_numbers():
    activations, weights = sample(1, 5, 30, 7, 7)
    first = cam_combine(activations, weights, size=(112, 112))
    again = cam_combine(first.grid[:, None], np.ones((5, 1), np.float32), size=(112, 112))
    np.testing.assert_array_equal(again.maps, first.maps)
    np.testing.assert_array_equal(again.limits, first.limits)


def test_the_published_map_follows_from_its_own_grid(shared_faces):
    path = shared_faces / "amva-example" / "example_image.npy"
    if not path.is_file():
        pytest.skip("the published map is not here")
    published = np.load(path).squeeze().astype(np.float64)
    from reference.upsample import axis_weights

    rows, columns = (np.linalg.pinv(axis_weights(7, n, False)) for n in published.shape)
    grid = (rows @ published @ columns.T).astype(np.float32)
    got = cam_combine(grid[None, None], np.ones((1, 1), np.float32), size=published.shape, relu=False)
    np.testing.assert_allclose(got.maps[0], published, atol=1e-5)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_channel_of_weight_zero_adds_nothing_whatever_it_holds(rule, bad, zero):
    activations, weights = sample(3, 2, 6, 5, 5)
    weights[1, 2] = zero
    wanted = cam_combine(activations, weights, size=(30, 30), **rule)
    activations[1, 2, 1:3] = bad
    got = cam_combine(activations, weights, size=(30, 30), **rule)
    for there, here in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(there, here)
    np.testing.assert_allclose(got.maps, reference(activations, weights, size=(30, 30), **rule), atol=1e-4)


def test_a_weight_that_is_not_finite_is_no_zero():
    activations, weights = sample(4, 1, 3, 4, 4)
    weights[0, 1] = np.nan
    assert np.isnan(cam_combine(activations, weights, size=(9, 9)).maps).all()


def test_a_flat_map_is_zero_and_flagged():
    activations = np.ones((3, 2, 4, 4), np.float32) * np.float32(0.1)
    activations[1, 0, 2, 2] = 5
    got = cam_combine(activations, np.ones((3, 2), np.float32), size=(20, 20))
    np.testing.assert_array_equal(got.flat, [True, False, True])
    assert (got.maps[[0, 2]] == 0).all()
    assert got.maps[1].max() == 1


def test_negative_everywhere_is_flat_under_relu():
    got = cam_combine(
        -np.random.default_rng(0).random((1, 3, 4, 4), np.float32), np.ones((1, 3), np.float32), size=(9, 9)
    )
    assert got.flat.all()
    assert (got.maps == 0).all()


@pytest.mark.parametrize("rule", RULES)
def test_what_is_not_finite_stays_so_and_touches_no_other(rule):
    activations, weights = sample(2, 3, 6, 5, 5)
    wanted = cam_combine(activations, weights, size=(30, 30), **rule)
    activations[1, 2, 0, 0] = np.nan
    got = cam_combine(activations, weights, size=(30, 30), **rule)
    assert np.isnan(got.maps[1]).all()
    assert np.isnan(got.limits[1]).all()
    assert not got.flat.any()
    np.testing.assert_array_equal(got.maps[[0, 2]], wanted.maps[[0, 2]])


@pytest.mark.parametrize(
    ("shapes", "size", "text"),
    [
        (
            ((2, 3, 4, 4), (2, 4)),
            (8, 8),
            r"weights has shape \(2, 4\), wanted \(2, 3\), the \(N, C\) of activations",
        ),
        (
            ((3, 4, 4), (3,)),
            (8, 8),
            r"activations has shape \(3, 4, 4\), wanted float32 \(N, C, h, w\); give a single",
        ),
        (((2, 3, 4, 4), (2, 3)), (0, 8), r"size is \(0, 8\), wanted a height and a width above 0"),
        (((2, 3, 0, 4), (2, 3)), (8, 8), r"activations has shape \(2, 3, 0, 4\), without cells"),
    ],
)
def test_wrong_arguments_are_named(shapes, size, text):
    activations, weights = (np.ones(shape, np.float32) for shape in shapes)
    with pytest.raises(InvalidInputError, match="cam_combine: " + text):
        cam_combine(activations, weights, size=size)
