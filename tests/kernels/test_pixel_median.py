from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import pixel_median
from reference.pixel_median import pixel_median as reference

any_float = st.floats(width=32, allow_nan=False) | st.sampled_from([0.0, -0.0, 1.0, -1.0])
shapes = st.tuples(st.integers(1, 12), st.integers(1, 5), st.integers(1, 9))


@given(hnp.arrays(np.float32, shapes, elements=any_float))
def test_is_exact(maps):
    with np.errstate(invalid="ignore"):
        wanted = reference(maps)
    got = pixel_median(maps)
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, wanted)


@given(hnp.arrays(np.float32, shapes, elements=st.sampled_from([0.0, 0.5, np.nan, -np.nan, np.inf])))
def test_nan_is_contagious_for_its_pixel_alone(maps):
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(pixel_median(maps), reference(maps))


@given(hnp.arrays(np.float32, shapes, elements=st.floats(0, 1, width=32)), st.randoms())
def test_the_order_of_maps_does_not_matter(maps, random):
    order = list(range(len(maps)))
    random.shuffle(order)
    np.testing.assert_array_equal(pixel_median(maps[order]), pixel_median(maps))


@pytest.mark.parametrize("n", [1, 2, 301, 1500])
@pytest.mark.parametrize("size", [(1, 1), (7, 7), (20, 17)])
def test_sizes(n, size):
    maps = np.random.default_rng(n).random((n, *size), dtype=np.float32)
    np.testing.assert_array_equal(pixel_median(maps), reference(maps))
    np.testing.assert_allclose(pixel_median(maps), np.median(maps, axis=0), rtol=1e-7)


def test_ties():
    maps = np.array([1, 1, 1, 2, 2, 2, 2, 3], np.float32)[:, None, None]
    for n in range(1, 9):
        assert pixel_median(maps[:n])[0, 0] == np.median(maps[:n])


def test_nothing_has_no_median():
    with pytest.raises(
        InvalidInputError, match=r"pixel_median: maps has shape \(0, 3, 3\), wanted N of 1 or more"
    ):
        pixel_median(np.ones((0, 3, 3), np.float32))


def test_more_maps_than_a_short_counter_holds():
    maps = np.random.default_rng(0).random((70001, 1, 3), dtype=np.float32)
    np.testing.assert_array_equal(pixel_median(maps), reference(maps))
