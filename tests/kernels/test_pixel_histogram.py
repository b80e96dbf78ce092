from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import pixel_histogram, pixel_histogram_merge, pixel_histogram_quantile
from reference.pixel_histogram import pixel_histogram as reference
from reference.pixel_histogram import pixel_histogram_quantile as reference_quantile

# Bins of a power of two: their edges are float32, so both sides must agree to the last value.
powers = st.integers(0, 6).map(lambda e: 2**e)
values = st.floats(-0.5, 1.5, width=32) | st.just(float("nan")) | st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
stacks = hnp.arrays(
    np.float32, st.tuples(st.integers(0, 9), st.integers(1, 4), st.integers(1, 5)), elements=values
)


def tally(maps, bins):
    counts = np.zeros((*maps.shape[1:], bins), np.uint32)
    pixel_histogram(maps, counts)
    return counts


@given(stacks, powers)
def test_counts_are_numpys(maps, bins):
    np.testing.assert_array_equal(tally(maps, bins), reference(maps, bins))


@given(stacks, st.integers(1, 300), st.data())
def test_pushes_and_merges_of_any_split_are_one_push(maps, bins, data):
    cut = data.draw(st.integers(0, len(maps)))
    counts = tally(maps[:cut], bins)
    pixel_histogram_merge(counts, tally(maps[cut:], bins))
    np.testing.assert_array_equal(counts, tally(maps, bins))
    counts = tally(maps[:cut], bins)
    pixel_histogram(maps[cut:], counts)
    np.testing.assert_array_equal(counts, tally(maps, bins))


@given(stacks, powers, st.floats(0, 1))
def test_quantiles_are_numpys_of_the_bins_centres(maps, bins, q):
    counts = tally(maps, bins)
    wanted = reference_quantile(counts, q)
    np.testing.assert_allclose(pixel_histogram_quantile(counts, q), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
@pytest.mark.parametrize("bins", [10, 256, 1000])
def test_the_median_is_off_by_half_a_bin_at_most(n, bins):
    maps = np.random.default_rng(0).random((n, 20, 21), dtype=np.float32)
    off = np.abs(pixel_histogram_quantile(tally(maps, bins)) - np.median(maps, axis=0))
    assert off.max() <= 0.5 / bins + 1e-7


def test_large_and_in_threads():
    maps = np.random.default_rng(0).random((40, 112, 112), dtype=np.float32)
    counts = tally(maps, 256)
    assert (counts.sum(-1) == 40).all()
    flat = np.minimum((maps * np.float32(256)).astype(int), 255) + 256 * np.arange(112 * 112).reshape(
        112, 112
    )
    np.testing.assert_array_equal(counts.ravel(), np.bincount(flat.ravel(), minlength=counts.size))


def test_no_values_have_no_quantile():
    assert np.isnan(pixel_histogram_quantile(np.zeros((2, 3, 8), np.uint32))).all()


MAPS, COUNTS = np.ones((2, 3, 4), np.float32), np.zeros((3, 4, 8), np.uint32)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: pixel_histogram(MAPS, COUNTS[:2].copy()),
            r"counts has shape \(2, 4, 8\), wanted \(3, 4, 8\), the \(H, W\)",
        ),
        (
            lambda: pixel_histogram(MAPS, COUNTS.astype(np.int64)),
            r"counts has dtype int64, wanted uint32 \(H, W, bins\)",
        ),
        (lambda: pixel_histogram(MAPS, COUNTS[..., :0].copy()), "counts has 0 bins, wanted 1"),
        (
            lambda: pixel_histogram_merge(COUNTS, COUNTS[:2]),
            r"other has shape \(2, 4, 8\), wanted \(3, 4, 8\), the shape",
        ),
        (lambda: pixel_histogram_quantile(COUNTS, 1.5), r"q is 1\.50*, wanted 0 … 1; 0\.5 is the median"),
        (lambda: pixel_histogram_quantile(COUNTS, float("nan")), "q is nan"),
    ],
)
def test_wrong_arguments_are_named(call, text):
    with pytest.raises(InvalidInputError, match=text):
        call()
