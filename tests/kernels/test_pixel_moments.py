from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import pixel_moments, pixel_moments_merge, pixel_range
from reference.pixel_moments import pixel_moments as reference
from reference.pixel_moments import pixel_range as reference_range

stacks = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 12), st.integers(1, 5), st.integers(1, 7)),
    elements=st.floats(-1e3, 1e3, width=32),
)


def state(maps):
    mean, m2 = np.zeros((2, *maps.shape[1:]))
    return mean, m2, pixel_moments(maps, mean, m2, count=0)


def assert_close(got, maps):
    mean, m2 = reference(maps) if len(maps) else (np.zeros(maps.shape[1:]),) * 2
    size = max(1.0, float(np.abs(maps).max(initial=0)))
    assert got[2] == len(maps)
    np.testing.assert_allclose(got[0], mean, rtol=0, atol=1e-13 * size)
    np.testing.assert_allclose(got[1], m2, rtol=1e-11, atol=1e-12 * size**2)


@given(stacks)
def test_one_pass_is_two_passes(maps):
    assert_close(state(maps), maps)


@given(stacks, st.data())
def test_any_split_into_pushes_gives_the_same_bits(maps, data):
    cut = data.draw(st.integers(0, len(maps)))
    mean, m2, count = state(maps[:cut])
    count = pixel_moments(maps[cut:], mean, m2, count=count)
    whole = state(maps)
    np.testing.assert_array_equal(mean, whole[0])
    np.testing.assert_array_equal(m2, whole[1])
    assert count == whole[2]


@given(stacks, st.data())
def test_merging_is_one_pass(maps, data):
    cut = data.draw(st.integers(0, len(maps)))
    mean, m2, count = state(maps[:cut])
    count = pixel_moments_merge(mean, m2, count, *state(maps[cut:]))
    assert_close((mean, m2, count), maps)


@given(stacks)
def test_the_empty_state_is_the_identity_and_is_not_read(maps):
    wanted = state(maps)
    rubbish = np.full((2, *maps.shape[1:]), np.nan)
    mean, m2, count = state(maps)
    assert pixel_moments_merge(mean, m2, count, *rubbish, 0) == count
    np.testing.assert_array_equal((mean, m2), wanted[:2])
    if count:
        assert pixel_moments_merge(*rubbish, 0, mean, m2, count) == count
        np.testing.assert_array_equal(rubbish, wanted[:2])


def test_one_map_has_no_deviation():
    maps = np.random.default_rng(0).random((1, 40, 50), dtype=np.float32)
    mean, m2, _ = state(maps)
    np.testing.assert_array_equal(mean, maps[0])
    assert (m2 == 0).all()


def test_a_small_deviation_on_a_large_mean_survives():
    rng = np.random.default_rng(0)
    maps = (1e4 + rng.standard_normal((2000, 3, 3))).astype(np.float32)
    assert_close(state(maps), maps)
    np.testing.assert_allclose(np.sqrt(state(maps)[1] / 2000), maps.astype(np.float64).std(0), rtol=1e-10)


@pytest.mark.parametrize("size", [(112, 112), (1, 1), (33, 65), (3, 4099)])
def test_sizes(size):
    maps = np.random.default_rng(0).random((37, *size), dtype=np.float32)
    assert_close(state(maps), maps)


everything = st.floats(width=32, allow_nan=False) | st.sampled_from([0.0, -0.0, np.inf, -np.inf])


@given(hnp.arrays(np.float32, st.tuples(*[st.integers(0, 7)] * 3), elements=everything))
def test_the_range_is_exact_and_needs_no_values(maps):
    got = pixel_range(maps)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, reference_range(maps))


@given(stacks, st.randoms())
def test_the_range_has_the_same_bits_in_any_order(maps, random):
    values = [*maps.ravel().tolist(), 0.0, -0.0]
    random.shuffle(values)
    first = pixel_range(np.array(values, np.float32)[None, None])
    random.shuffle(values)
    again = pixel_range(np.array(values, np.float32)[None, None])
    assert first.tobytes() == again.tobytes()


@given(stacks.filter(np.size), st.data(), st.sampled_from([np.nan, -np.nan]))
def test_one_nan_makes_the_range_nan(maps, data, nan):
    maps.flat[data.draw(st.integers(0, maps.size - 1))] = nan
    assert np.isnan(pixel_range(maps)).all()


@pytest.mark.parametrize("at", [0, 65535, 65536, 199_999])
def test_the_range_of_many_values(at):
    maps = np.random.default_rng(0).random((5, 200, 200), dtype=np.float32)
    maps.flat[at], maps.flat[(at + 100_000) % maps.size] = -3, 7
    np.testing.assert_array_equal(pixel_range(maps), [-3, 7])


def test_the_range_of_no_stack_is_refused():
    with pytest.raises(
        InvalidInputError, match=r"pixel_range: maps has shape \(3, 4\), wanted float32 \(N, H, W\)"
    ):
        pixel_range(np.ones((3, 4), np.float32))


MAPS, STATE = np.ones((2, 3, 4), np.float32), np.zeros((3, 4))


@pytest.mark.parametrize(
    ("arguments", "count", "text"),
    [
        ((MAPS, STATE, STATE), -1, "count is -1, wanted 0 or more"),
        (
            (MAPS, STATE.T.copy(), STATE.T.copy()),
            0,
            r"mean has shape \(4, 3\), wanted \(3, 4\), the \(H, W\) of maps",
        ),
        ((MAPS, STATE, STATE[:2]), 0, r"m2 has shape \(2, 4\), wanted \(3, 4\), the \(H, W\) of mean"),
        ((MAPS, STATE.astype(np.float32), STATE), 0, r"mean has dtype float32, wanted float64 \(H, W\)"),
        ((MAPS, np.zeros((3, 8))[:, ::2], STATE), 0, "mean is not C-contiguous"),
        (
            (MAPS[0], STATE, STATE),
            0,
            r"maps has shape \(3, 4\), wanted float32 \(B, H, W\); give a single one as maps",
        ),
    ],
)
def test_wrong_arguments_are_named(arguments, count, text):
    with pytest.raises(InvalidInputError, match="pixel_moments: " + text):
        pixel_moments(*arguments, count=count)


def test_a_state_of_another_size_is_not_merged():
    other = np.zeros((4, 4))
    with pytest.raises(
        InvalidInputError, match=r"pixel_moments_merge: other_mean has shape \(4, 4\), wanted \(3, 4\)"
    ):
        pixel_moments_merge(STATE, STATE.copy(), 1, other, other, 1)
