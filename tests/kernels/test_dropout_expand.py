from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import dropout_expand, dropout_masks
from reference.dropout_expand import dropout_expand as reference
from reference.dropout_expand import dropout_masks as reference_masks
from reference.dropout_expand import philox4x32

settings = {
    "passes": st.integers(1, 6),
    "dropout": st.floats(0, 0.99),
    "seed": st.integers(0, 2**64 - 1),
}


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_the_reference_generator_gives_the_published_answers(counter, key, answer):
    assert philox4x32(counter, key) == answer


@given(features=st.integers(0, 70), **settings)
def test_masks_are_the_references(features, passes, dropout, seed):
    got = dropout_masks(features, passes=passes, dropout=dropout, seed=seed)
    np.testing.assert_array_equal(
        got, reference_masks(features, passes=passes, dropout=dropout, seed=seed).reshape(got.shape)
    )


@given(
    h=hnp.arrays(
        np.float32,
        st.tuples(st.integers(0, 3), st.integers(0, 40)),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    **settings,
)
def test_copies_are_the_references_bit_for_bit(h, passes, dropout, seed):
    got = dropout_expand(h, passes=passes, dropout=dropout, seed=seed)
    wanted = reference(h, passes=passes, dropout=dropout, seed=seed)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, wanted.reshape(got.shape))


def test_large_and_past_the_cache():
    """Several blocks of units, an odd number of them, and a result too large for the cache."""
    h = np.random.default_rng(1).standard_normal((13, 25091), dtype=np.float32)
    masks = dropout_masks(25091, passes=20, dropout=0.3, seed=5)
    wanted = np.where(masks, (h * np.float32(1 / 0.7))[:, None], np.float32(0)).reshape(260, 25091)
    np.testing.assert_array_equal(dropout_expand(h, passes=20, dropout=0.3, seed=5), wanted)


def test_a_row_depends_on_vector_seed_and_pass_alone():
    h = np.random.default_rng(2).standard_normal((7, 501), dtype=np.float32)
    all_rows = dropout_expand(h, passes=9, seed=3).reshape(7, 9, 501)
    np.testing.assert_array_equal(dropout_expand(h[4:5], passes=9, seed=3), all_rows[4])
    np.testing.assert_array_equal(
        dropout_expand(h[::-1], passes=9, seed=3).reshape(7, 9, 501), all_rows[::-1]
    )
    np.testing.assert_array_equal(dropout_expand(h, passes=4, seed=3).reshape(7, 4, 501), all_rows[:, :4])
    np.testing.assert_array_equal(
        dropout_masks(17, passes=9, seed=3), dropout_masks(501, passes=9, seed=3)[:, :17]
    )
    assert (dropout_expand(h, passes=9, seed=4).reshape(7, 9, 501) != all_rows).any()


@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.5, 0.9])
def test_share_and_expectation(dropout):
    masks = dropout_masks(4096, passes=400, dropout=dropout, seed=11)
    assert abs(masks.mean() - (1 - dropout)) < 4 * np.sqrt(0.25 / masks.size)
    # Between units and between passes: as independent coins would be.
    deviation = np.sqrt(dropout * (1 - dropout) / 400)
    np.testing.assert_allclose(masks.mean(0).std(), deviation, rtol=0.1, atol=1e-12)
    copies = dropout_expand(np.full((1, 4096), 3, np.float32), passes=400, dropout=dropout, seed=11)
    np.testing.assert_allclose(copies.mean(), 3, rtol=0.01)


def test_a_dropped_unit_is_zero_whatever_it_was():
    h = np.array([[np.nan, np.inf, -np.inf, -1]], np.float32)
    copies = dropout_expand(h, passes=64, seed=0)
    dropped = copies[~dropout_masks(4, passes=64, seed=0)]
    assert (dropped == 0).all()
    assert not np.signbit(dropped).any()


H = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"passes": 0}, "passes is 0, wanted 1 or more; 100 is the usual choice"),
        ({"dropout": 1.0}, r"dropout is 1\.0+, wanted a probability in \[0, 1\); 0\.5 is the usual choice"),
        ({"dropout": -0.1}, "dropout is -0.1"),
        ({"dropout": float("nan")}, "dropout is nan"),
        ({"seed": -1}, r"seed is -1, wanted 0 … 2\*\*64 - 1"),
        ({"seed": 2**64}, "seed is 18446744073709551616"),
    ],
)
def test_wrong_settings_are_named(options, text):
    with pytest.raises(InvalidInputError, match="dropout_expand: " + text):
        dropout_expand(H, **options)
    with pytest.raises(InvalidInputError, match="dropout_masks: " + text):
        dropout_masks(3, **options)


def test_a_negative_number_of_features():
    with pytest.raises(InvalidInputError, match="features is -1, wanted 0"):
        dropout_masks(-1)
