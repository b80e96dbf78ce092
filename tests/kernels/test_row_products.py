from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import row_cosine, row_power
from reference.row_products import row_cosine as reference_cosine
from reference.row_products import row_power as reference_power

components = st.floats(-1e3, 1e3, width=32).filter(lambda v: v == 0 or abs(v) > 1e-3)
shapes = st.tuples(st.integers(0, 5), st.integers(0, 300))
rows = hnp.arrays(np.float32, shapes, elements=components)


def partner(seed, n, width, dtype):
    return np.random.default_rng(seed).standard_normal((n, width)).astype(dtype)


@given(rows, st.booleans())
def test_power_agrees_with_float64(x, weighted):
    weights = np.random.default_rng(0).standard_normal(x.shape[1]) if weighted else None
    got = row_power(x, weights)
    assert got.dtype == np.float64
    scale = reference_power(x, None if weights is None else np.abs(weights))
    assert (np.abs(got - reference_power(x, weights)) <= 1e-13 * scale).all()


@given(rows)
def test_weights_of_one_change_no_bit(x):
    np.testing.assert_array_equal(row_power(x, np.ones(x.shape[1])), row_power(x))


@given(rows, st.sampled_from([np.float32, np.float64]), st.data())
def test_cosine_agrees_with_float64(x, dtype, data):
    references = partner(1, 3, x.shape[1], dtype)
    index = np.array([data.draw(st.integers(0, 2)) for _ in x], np.int64)
    got = row_cosine(x, references, index)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, reference_cosine(x, references, index), rtol=0, atol=1e-14)
    assert (np.abs(got) <= 1 + 1e-14).all()


@given(rows, st.integers(-20, 20))
def test_the_length_does_not_matter(x, exponent):
    factor = 2.0**exponent
    np.testing.assert_array_equal(row_power(x * np.float32(factor)), row_power(x) * factor**2)
    references = partner(2, len(x), x.shape[1], np.float64)
    np.testing.assert_array_equal(row_cosine(x * np.float32(factor), references), row_cosine(x, references))


@given(rows)
def test_a_row_with_itself_is_one_and_with_its_opposite_minus_one(x):
    some = (x != 0).any(axis=1)
    np.testing.assert_allclose(row_cosine(x, x), some, rtol=4e-16)
    np.testing.assert_array_equal(row_cosine(x, -x), -row_cosine(x, x))
    np.testing.assert_array_equal(row_cosine(x, x.astype(np.float64)), row_cosine(x, x))


@given(rows)
def test_rows_are_independent(x):
    powers, cosines = row_power(x), row_cosine(x, x[::-1])
    for k in range(len(x)):
        assert row_power(x[k : k + 1])[0] == powers[k]
        assert row_cosine(x[k : k + 1], x[::-1], np.array([k]))[0] == cosines[k]


@pytest.mark.parametrize("shape", [(700, 512), (3, 25088), (1, 1), (5, 127), (2, 129)])
def test_the_sizes_of_use(shape):
    x = partner(3, *shape, np.float32)
    weights = np.random.default_rng(4).random(shape[1])
    np.testing.assert_allclose(row_power(x, weights), reference_power(x, weights), rtol=1e-13)
    references, index = partner(5, 7, shape[1], np.float64), np.arange(shape[0]) % 7
    wanted = reference_cosine(x, references, index)
    np.testing.assert_allclose(row_cosine(x, references, index), wanted, rtol=0, atol=1e-14)


def test_squares_beyond_float32():
    x = np.array([[1e30, 1e-30, 0]], np.float32)
    np.testing.assert_allclose(row_power(x, np.array([0.0, 1.0, 1.0])), [1e-60], rtol=1e-6)
    assert row_cosine(x, x)[0] == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf, -np.inf])
def test_a_row_without_direction_has_cosine_zero_on_either_side(bad, dtype):
    x, references = partner(6, 4, 200, np.float32), partner(7, 4, 200, dtype)
    wanted = row_cosine(x, references)
    for broken in (x, references):
        kept = broken[2].copy()
        broken[2, 3] = bad
        broken[2] = 0 if bad == 0 else broken[2]
        got = row_cosine(x, references)
        assert got[2] == 0
        np.testing.assert_array_equal(got[[0, 1, 3]], wanted[[0, 1, 3]])
        broken[2] = kept


def test_out_is_written():
    x, out = partner(8, 3, 5, np.float32), np.zeros(3)
    assert row_power(x, out=out) is out
    np.testing.assert_array_equal(out, row_power(x))
    assert row_cosine(x, x[:1], np.zeros(3, np.int64), out=out) is out
    assert out[0] == pytest.approx(1)


X = np.ones((3, 4), np.float32)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((X[0],), r"x has shape \(4,\), wanted float32 \(N, F\); give a single one as x\[None\]"),
        ((X.astype(np.float64),), r"x has dtype float64, wanted float32 \(N, F\)"),
        ((X, X[0]), r"weights has dtype float32, wanted float64 \(F,\)"),
        ((X, np.ones(3)), r"weights has shape \(3,\), wanted \(4,\), the \(F,\) of x"),
    ],
)
def test_wrong_arguments_of_the_power_are_named(arguments, text):
    with pytest.raises(InvalidInputError, match="row_power: " + text):
        row_power(*arguments)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((X, X.astype(np.float16)), r"references has dtype float16, wanted float32 \(n, D\)"),
        ((X, X[:2]), r"references has shape \(2, 4\), wanted \(3, 4\), the \(K, D\) of x; give an index"),
        (
            (X, X[:2, :3], np.zeros(3, np.int64)),
            r"references has shape \(2, 3\), wanted \(2, 4\), the \(n, D\), with the D of x",
        ),
        ((X, X, np.zeros(3, np.uint32)), r"index has dtype uint32, wanted int64 \(K,\)"),
        ((X, X, np.zeros(2, np.int64)), r"index has shape \(2,\), wanted \(3,\), the \(K,\) of x"),
        ((X, X[:2], np.array([0, 1, 2])), r"index has 2, wanted 0 … 1, the rows of references"),
        ((X, X[:2], np.array([0, -1, 1])), r"index has -1, wanted 0 … 1, the rows of references"),
        ((X, X[:0], np.array([0, 0, 0])), r"index has 0, wanted 0 … -1, the rows of references"),
    ],
)
def test_wrong_arguments_of_the_cosine_are_named(arguments, text):
    with pytest.raises(InvalidInputError, match="row_cosine: " + text):
        row_cosine(*arguments)
