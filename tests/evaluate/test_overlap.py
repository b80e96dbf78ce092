"""Agreement of methods: overlaps by sets, rank correlations against SciPy, and what theory says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate import (
    agreement,
    extremes,
    gaussian_copula_overlap,
    kendall,
    rank_correlation,
    spearman,
)

stats = pytest.importorskip("scipy.stats")


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(2, 70),
    ties=st.sampled_from([1, 2, 5, 1000]),
    same=st.booleans(),
)
def test_correlations_equal_scipy(seed, count, ties, same):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, ties, count).astype(float)
    y = x + rng.integers(0, ties, count) if same else rng.integers(0, ties, count).astype(float)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert np.isnan(spearman(x, y))
        assert np.isnan(kendall(x, y))
        return
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert kendall(x, y) == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)


def test_correlations_of_jointly_normal_scores_are_what_theory_says():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 100_000))
    x, y = a, 0.5 * a + np.sqrt(0.75) * b
    assert spearman(x, y) == pytest.approx(6 / np.pi * np.arcsin(0.25), abs=0.01)
    assert kendall(x, y) == pytest.approx(2 / np.pi * np.arcsin(0.5), abs=0.01)


def test_overlap_of_a_gaussian_copula():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 100_000))
    paths = [f"{i:06d}" for i in range(100_000)]
    found = agreement(
        {"x": a, "y": 0.5 * a + np.sqrt(0.75) * b},
        paths,
        higher_is_better={"x": True, "y": True},
        fraction=0.1,
        replicates=0,
    )
    assert found.top[0, 1] == pytest.approx(0.324, abs=0.01)
    assert found.bottom[1, 0] == pytest.approx(0.324, abs=0.01)
    assert found.group == 10_000


@pytest.mark.parametrize("rho", [-0.9, -0.5, 0.0, 0.3, 0.5, 0.95, 0.999])
@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.5])
def test_the_closed_form_is_the_joint_tail(rho, fraction):
    z = stats.norm.isf(fraction)
    joint = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([-z, -z])
    assert gaussian_copula_overlap(rho, fraction) == pytest.approx(joint / fraction, abs=2e-6)


def test_extremes_are_disjoint_and_split_ties_by_path():
    quality, paths = np.zeros(10), [f"{i}" for i in range(10)]
    top, bottom = extremes(quality, paths, fraction=0.5)
    assert sorted([*top, *bottom]) == list(range(10))
    assert bottom.tolist() == [0, 1, 2, 3, 4]
    top, bottom = extremes(np.arange(25.0), paths + [f"x{i:02d}" for i in range(15)], fraction=0.1)
    assert (len(top), top[0], bottom[0]) == (3, 24, 0)  # 2.5 is rounded up
    assert len(extremes(np.arange(3.0), ["a", "b", "c"], fraction=0.5)[0]) == 1
    assert len(extremes(np.arange(3.0), ["a", "b", "c"], fraction=0.01)[0]) == 1


@pytest.mark.law
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), fraction=st.floats(0.01, 0.5))
def test_extremes_do_not_depend_on_the_order_and_turn_with_the_scale(seed, fraction):
    rng = np.random.default_rng(seed)
    quality = rng.integers(0, 6, 30).astype(float)
    paths = [f"{i:02d}" for i in range(30)]
    order = rng.permutation(30)
    shuffled = [paths[i] for i in order]
    top, bottom = extremes(quality, paths, fraction=fraction)
    other_top, other_bottom = extremes(quality[order], shuffled, fraction=fraction)
    assert [paths[i] for i in top] == [shuffled[i] for i in other_top]
    assert [paths[i] for i in bottom] == [shuffled[i] for i in other_bottom]
    assert min(quality[top]) >= max(quality[bottom])
    turned = extremes(-quality, paths, fraction=fraction, higher_is_better=False)
    np.testing.assert_array_equal(turned[0], top)


def test_agreement_of_several_methods():
    rng = np.random.default_rng(2)
    truth = rng.normal(size=200)
    scores = {
        "truth": truth,
        "monotone": np.exp(truth),
        "reversed": -truth,
        "noise": rng.normal(size=200),
        "close": truth + 0.3 * rng.normal(size=200),
    }
    scores["noise"][:5] = np.nan
    paths = [f"{i:03d}" for i in range(200)]
    directions = {name: name != "reversed" for name in scores}
    found = agreement(scores, paths, higher_is_better=directions, fraction=0.2, replicates=60)
    assert (found.images, found.left_out, found.group) == (195, 5, 39)
    names = found.methods
    assert found.top[names.index("truth"), names.index("monotone")] == 1.0
    assert found.bottom[names.index("truth"), names.index("reversed")] == 1.0
    np.testing.assert_array_equal(found.top, found.top.T)
    one = {name: found.spearman[0][names.index(name)] for name in names}
    assert one["monotone"].value == one["reversed"].value == one["truth"].value == 1.0
    assert one["noise"].low < 0.1 < one["close"].low < one["close"].value < one["close"].high < 1.0
    rows = np.isfinite(scores["noise"])
    top = np.argsort(-truth[rows])[:39]
    close = np.argsort(-scores["close"][rows])[:39]
    assert found.top[0, names.index("close")] == len(set(top) & set(close)) / 39


def test_intervals_cover_and_follow_the_people():
    rng = np.random.default_rng(3)
    person = np.repeat(np.arange(30), 20)
    shift = rng.normal(size=30)[person]
    x = shift + 0.1 * rng.normal(size=600)
    y = shift + 1.0 * rng.normal(size=600)
    by_image = rank_correlation(x, y, replicates=100)
    by_person = rank_correlation(x, y, replicates=100, identity=person)
    assert by_image.value == by_person.value == spearman(x, y)
    assert by_image.low < by_image.value < by_image.high
    # 30 people tell less than 600 independent images would
    assert by_person.high - by_person.low > 1.5 * (by_image.high - by_image.low)
    again = rank_correlation(x, y, replicates=100, kind="kendall", seed=5)
    assert again == rank_correlation(x, y, replicates=100, kind="kendall", seed=5)


def test_a_constant_method_has_no_rank_correlation():
    found = rank_correlation(np.zeros(5), np.arange(5.0), replicates=10)
    assert np.isnan([found.value, found.low, found.high]).all()
    none = rank_correlation(np.arange(5.0), np.arange(5.0), replicates=0)
    assert none.value == 1.0
    assert np.isnan(none.low)


def test_bad_arguments_name_the_cure():
    x, paths = np.arange(3.0), ["a", "b", "c"]
    up = {"x": True, "y": True}
    with pytest.raises(
        InvalidInputError, match="the direction of 'y' is unknown; say whether higher or lower"
    ):
        agreement({"x": x, "y": x}, paths, higher_is_better={"x": True})
    with pytest.raises(InvalidInputError, match="1 method was given; an overlap needs at least 2"):
        agreement({"x": x}, paths, higher_is_better=up)
    with pytest.raises(InvalidInputError, match=r"'y' has shape \(2,\); give one score per image, \(3,\)"):
        agreement({"x": x, "y": x[:2]}, paths, higher_is_better=up)
    with pytest.raises(InvalidInputError, match="an image is listed twice"):
        agreement({"x": x, "y": x}, ["a", "a", "b"], higher_is_better=up)
    with pytest.raises(
        InvalidInputError, match="1 of 3 images have a score of every method; at least 2 are needed"
    ):
        agreement({"x": x, "y": np.array([1, np.nan, np.nan])}, paths, higher_is_better=up)
    with pytest.raises(InvalidInputError, match=r"fraction is 0.6; give more than 0 and at most 0.5"):
        extremes(x, paths, fraction=0.6)
    with pytest.raises(InvalidInputError, match="3 qualities of 2 images"):
        extremes(x, paths[:2])
    with pytest.raises(InvalidInputError, match="a quality is not finite"):
        extremes(np.array([1.0, np.nan]), ["a", "b"])
    with pytest.raises(InvalidInputError, match="x and y have shapes"):
        rank_correlation(x, x[:2])
    with pytest.raises(InvalidInputError, match="a number is not finite"):
        rank_correlation(x, np.array([1.0, np.nan, 2.0]))
    with pytest.raises(InvalidInputError, match="kind is 'pearson'; choose one of spearman, kendall"):
        rank_correlation(x, x, kind="pearson")
    with pytest.raises(InvalidInputError, match=r"replicates \(--replicates\) is -1; choose at least 0"):
        rank_correlation(x, x, replicates=-1)
    with pytest.raises(InvalidInputError, match=r"rho is 1.0 and fraction 0.1"):
        gaussian_copula_overlap(1.0, 0.1)
