from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import pair_spread
from reference.pair_spread import pair_spread as reference

components = st.floats(-1e3, 1e3, width=32).filter(lambda v: v == 0 or abs(v) > 1e-3)
rows = hnp.arrays(
    np.float32, st.tuples(st.integers(0, 3), st.integers(2, 12), st.integers(1, 40)), elements=components
).filter(lambda x: (np.abs(x).max(-1) > 0).all())


@given(rows)
def test_agrees_with_float64(x):
    got = pair_spread(x)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, reference(x), rtol=2e-6, atol=2e-7)


@given(rows, st.integers(-20, 20))
def test_the_norm_does_not_matter(x, exponent):
    np.testing.assert_array_equal(pair_spread(x), pair_spread(x * np.float32(2.0**exponent)))


@given(rows)
def test_images_are_independent(x):
    batch = pair_spread(x)
    for n in range(len(x)):
        assert pair_spread(x[n : n + 1])[0] == batch[n]


@given(rows, st.randoms())
def test_the_order_of_rows_matters_to_rounding_alone(x, random):
    order = list(range(x.shape[1]))
    random.shuffle(order)
    np.testing.assert_allclose(pair_spread(x[:, order]), pair_spread(x), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 100, 512), (5, 100, 512), (3, 33, 129), (2, 9, 128), (1, 2, 25088)])
def test_the_sizes_of_use(shape):
    x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    np.testing.assert_allclose(pair_spread(x), reference(x), rtol=1e-6)


def test_equal_rows_are_at_distance_zero_exactly():
    row = np.random.default_rng(0).standard_normal(511, dtype=np.float32)
    assert (pair_spread(np.tile(row, (2, 20, 1))) == 0).all()


@pytest.mark.parametrize("size", [1e-2, 1e-4, 1e-5])
def test_close_rows_keep_their_accuracy(size):
    """Where 2 - 2 a·b in float32 has nothing left."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 1, 512)) + size * rng.standard_normal((1, 30, 512))
    x = x.astype(np.float32)
    np.testing.assert_allclose(pair_spread(x), reference(x), rtol=0, atol=3e-8 + 1e-6 * size)


def test_known_spreads():
    simplex = np.eye(8, dtype=np.float32)[None]
    np.testing.assert_allclose(pair_spread(simplex), [np.sqrt(2)], rtol=1e-7)
    opposite = np.array([[[1, 2, 2], [-1, -2, -2]]], np.float32)
    np.testing.assert_allclose(pair_spread(opposite), [2], rtol=1e-7)


def test_huge_and_tiny_norms():
    x = np.random.default_rng(0).standard_normal((1, 6, 64)).astype(np.float32)
    for factor in (2.0**100, 2.0**-100):
        np.testing.assert_array_equal(pair_spread(x * np.float32(factor)), pair_spread(x))


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf, -np.inf])
def test_a_row_without_direction_is_nan_for_its_image_alone(bad):
    x = np.random.default_rng(0).standard_normal((4, 20, 32), dtype=np.float32)
    wanted = pair_spread(x)
    if bad == 0:
        x[2, 13] = 0
    else:
        x[2, 13, 5] = bad
    got = pair_spread(x)
    assert np.isnan(got[2])
    np.testing.assert_array_equal(got[[0, 1, 3]], wanted[[0, 1, 3]])


@pytest.mark.parametrize("m", [0, 1])
def test_a_spread_needs_pairs(m):
    with pytest.raises(
        InvalidInputError, match=rf"pair_spread: embeddings has shape \(2, {m}, 4\), wanted m of 2 or"
    ):
        pair_spread(np.ones((2, m, 4), np.float32))
