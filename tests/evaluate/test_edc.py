"""Error-versus-discard curves against their definition, by their laws, and on bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.helpers import random_comparisons
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate import (
    Comparisons,
    align_quality,
    best_discard,
    discard_curve,
    given_threshold,
    operating_point,
    partial_areas,
    random_discard,
)
from fiqx_trt.evaluate import edc as edc_module
from reference import edc as reference


def tied_quality(seed, images=12, levels=5):
    return np.random.default_rng(seed + 1000).integers(0, levels, images) / 7.0


def by_definition(pairs, quality, **options):
    return reference.curve(
        pairs.first, pairs.second, pairs.genuine, pairs.similarity.tolist(), quality.tolist(), **options
    )


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    fmr=st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.29, 0.5, 0.9]),
    grid=st.sampled_from([0, 1, 2]),
    levels=st.integers(1, 14),
    higher=st.booleans(),
    fraction=st.sampled_from(["comparisons", "genuine"]),
    recompute=st.booleans(),
)
def test_equals_the_definition(seed, fmr, grid, levels, higher, fraction, recompute):
    pairs, quality = random_comparisons(seed, grid=grid), tied_quality(seed, levels=levels)
    if not 0 < pairs.genuine_count < len(pairs):
        return
    point = operating_point(pairs, fmr=fmr)
    curve = discard_curve(
        pairs, quality, point, higher_is_better=higher, fraction=fraction, recompute=recompute
    )
    expected = by_definition(pairs, quality, higher=higher, fmr=fmr, fraction=fraction, recompute=recompute)
    if (
        fraction == "genuine"
    ):  # steps at which only impostors leave do not move along this axis: the first one stands
        expected = [point for i, point in enumerate(expected) if i == 0 or point[0] > expected[i - 1][0]]
    np.testing.assert_array_equal(curve.discard, [p[0] for p in expected])
    np.testing.assert_array_equal(curve.fnmr, [p[1] for p in expected])
    np.testing.assert_array_equal(curve.fmr, [p[2] for p in expected])
    for limit in (0.2, 0.3, 1.0):
        assert curve.area(limit) == pytest.approx(reference.area(expected, limit), abs=1e-12)


@pytest.mark.parametrize("grid", [0, 1, 3])
def test_the_threshold_is_the_smallest_that_meets_the_target(grid):
    pairs = random_comparisons(5, pairs=66, grid=grid)
    impostors = pairs.similarity[~pairs.genuine]
    for fmr in np.linspace(0, 0.99, 34):
        point = operating_point(pairs, fmr=float(fmr))
        assert reference.false_match_rate(impostors.tolist(), point.threshold) <= fmr
        below = float(np.nextafter(np.float32(point.threshold), np.float32(-np.inf)))
        assert reference.false_match_rate(impostors.tolist(), below) > fmr
        assert point.fmr == reference.false_match_rate(impostors.tolist(), point.threshold)
        assert point.fnmr == reference.false_non_match_rate(
            pairs.similarity[pairs.genuine].tolist(), point.threshold
        )


def test_double_precision_similarities_keep_their_own_threshold():
    pairs = random_comparisons(6, grid=0)
    wide = pairs.with_similarity(pairs.similarity.astype(np.float64) + 1e-12)
    point = operating_point(wide, fmr=0.1)
    impostors = wide.similarity[~wide.genuine]
    assert (
        np.mean(impostors >= point.threshold) <= 0.1 < np.mean(impostors >= np.nextafter(point.threshold, -1))
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), levels=st.integers(1, 14))
def test_no_quality_beats_the_best_order(seed, levels):
    pairs = random_comparisons(seed, grid=2)
    point = operating_point(pairs, fmr=0.1)
    for fraction in ("comparisons", "genuine"):
        best = best_discard(pairs, point, fraction=fraction)
        curve = discard_curve(
            pairs, tied_quality(seed, levels=levels), point, higher_is_better=True, fraction=fraction
        )
        x = np.unique(np.concatenate([curve.discard, best.discard, np.linspace(0, 1, 51)]))
        assert np.all(curve.at(x) >= best.at(x))
        assert partial_areas(curve, best=best)[0].above_best >= -1e-15
        limit = reference.infimum_threshold(pairs.similarity[~pairs.genuine].tolist(), 0.1)
        total = len(pairs) if fraction == "comparisons" else pairs.genuine_count
        expected = reference.best(pairs.genuine, pairs.similarity.tolist(), limit, total)
        np.testing.assert_array_equal(best.discard, [p[0] for p in expected])
        np.testing.assert_array_equal(best.fnmr, [p[1] for p in expected])


def test_an_ideal_quality_reaches_the_best_order():
    # Every image is compared once, so an image takes no innocent comparison along.
    count = 200
    rng = np.random.default_rng(3)
    genuine = np.arange(count) % 2 == 0
    similarity = rng.normal(genuine * 1.0, 1.0)
    pairs = Comparisons(
        tuple(map(str, range(2 * count))), np.arange(count), np.arange(count) + count, genuine, similarity
    )
    point = operating_point(pairs, fmr=0.05)
    wrong = genuine & (similarity < point.threshold)
    quality = np.concatenate([np.where(wrong, rng.random(count), 2.0), np.full(count, 3.0)])
    best = best_discard(pairs, point)
    curve = discard_curve(pairs, quality, point, higher_is_better=True)
    np.testing.assert_allclose(curve.at(best.discard), best.fnmr, atol=1e-15)


def test_turning_the_scale_around_with_its_direction_changes_nothing():
    pairs, quality = random_comparisons(8), tied_quality(8)
    point = operating_point(pairs, fmr=0.1)
    up = discard_curve(pairs, quality, point, higher_is_better=True)
    down = discard_curve(pairs, -quality, point, higher_is_better=False)
    np.testing.assert_array_equal(up.fnmr, down.fnmr)
    np.testing.assert_array_equal(up.quality, -down.quality)
    squeezed = discard_curve(pairs, np.exp(quality), point, higher_is_better=True)
    np.testing.assert_array_equal(up.discard, squeezed.discard)
    np.testing.assert_array_equal(up.fnmr, squeezed.fnmr)


@pytest.mark.law
def test_order_and_sides_of_the_pairs_do_not_matter():
    pairs, quality = random_comparisons(9, grid=2), tied_quality(9)
    order = np.random.default_rng(0).permutation(len(pairs))
    turned = Comparisons(
        pairs.paths, pairs.second[order], pairs.first[order], pairs.genuine[order], pairs.similarity[order]
    )
    one = discard_curve(
        pairs, quality, operating_point(pairs, fmr=0.1), higher_is_better=True, recompute=True
    )
    two = discard_curve(
        turned, quality, operating_point(turned, fmr=0.1), higher_is_better=True, recompute=True
    )
    for name in ("discard", "fnmr", "fmr", "threshold", "quality", "genuine", "impostor"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_blocks_do_not_change_the_counts(monkeypatch):
    pairs, quality = random_comparisons(10), tied_quality(10)
    point = operating_point(pairs, fmr=0.1)
    whole = discard_curve(pairs, quality, point, higher_is_better=True)
    monkeypatch.setattr(edc_module, "BLOCK", 7)
    parts = discard_curve(pairs, quality, point, higher_is_better=True)
    np.testing.assert_array_equal(whole.fnmr, parts.fnmr)
    np.testing.assert_array_equal(whole.genuine, parts.genuine)


def test_recomputing_over_many_blocks_of_scores():
    # More scores than fit one block of the removable order, with ties.
    rng = np.random.default_rng(0)
    images, count = 40, 30_000
    first = rng.integers(0, images, count)
    second = (first + 1 + rng.integers(0, images - 1, count)) % images
    genuine = rng.random(count) < 0.4
    similarity = np.round(rng.normal(genuine * 1.0, 1.0), 2)
    pairs = Comparisons(tuple(map(str, range(images))), first, second, genuine, similarity)
    quality = rng.integers(0, 6, images).astype(float)
    curve = discard_curve(
        pairs, quality, operating_point(pairs, fmr=0.01), higher_is_better=True, recompute=True
    )
    worst = np.minimum(quality[first], quality[second])
    assert len(curve.discard) == len(np.unique(worst))
    for step, level in enumerate(np.unique(worst)):
        left = worst >= level
        others = np.sort(similarity[left & ~genuine])
        limit = max(s for s in np.unique(others) if np.mean(others >= s) > 0.01)
        assert curve.fnmr[step] == np.mean(similarity[left & genuine] <= limit)
        assert curve.fmr[step] == np.mean(others > limit)


def test_random_discard_is_flat():
    # Independent pairs: at every discard, the mean over seeds stays within four standard errors of the start.
    rng = np.random.default_rng(1)
    count = 2000
    genuine = np.arange(count) % 2 == 0
    pairs = Comparisons(
        tuple(map(str, range(2 * count))),
        np.arange(count),
        np.arange(count) + count,
        genuine,
        rng.normal(genuine * 1.5, 1.0),
    )
    point = operating_point(pairs, fmr=0.05)
    x = np.array([0.0, 0.2, 0.4, 0.6])
    curves = np.array([random_discard(pairs, point, seed=seed).at(x) for seed in range(60)])
    error = curves.std(axis=0, ddof=1) / np.sqrt(len(curves))
    assert np.all(curves[:, 0] == point.fnmr)
    assert np.all(np.abs(curves.mean(axis=0) - point.fnmr)[1:] < 4 * error[1:])


def test_all_qualities_equal_give_one_step():
    pairs = random_comparisons(11)
    point = operating_point(pairs, fmr=0.1)
    curve = discard_curve(pairs, np.full(12, 0.7), point, higher_is_better=True)
    assert curve.discard.tolist() == [0.0]
    assert curve.fnmr.tolist() == [point.fnmr]
    area = partial_areas(curve, limits=(0.2,))[0]
    assert area.normalised == pytest.approx(point.fnmr)
    assert area.relative == pytest.approx(1.0)
    assert curve.at(1.0) == point.fnmr


def test_a_small_curve_by_hand():
    # Images a, b, c, d of quality 1, 2, 3, 4. Genuine: ab (fails), cd (succeeds). Impostor: ac, bd.
    pairs = Comparisons(
        ("a", "b", "c", "d"),
        np.array([0, 2, 0, 1]),
        np.array([1, 3, 2, 3]),
        np.array([True, True, False, False]),
        np.array([0.2, 0.9, 0.5, 0.1]),
    )
    point = operating_point(pairs, fmr=0.0)
    assert 0.5 < point.threshold < 0.5000001
    assert not point.resolved
    curve = discard_curve(pairs, np.array([1.0, 2.0, 3.0, 4.0]), point, higher_is_better=True)
    assert curve.discard.tolist() == [0.0, 0.5, 0.75]
    assert curve.fnmr.tolist() == [0.5, 0.0, 0.0]
    assert curve.quality.tolist() == [1.0, 2.0, 3.0]
    assert curve.at([0.0, 0.49, 0.5, 1.0]).tolist() == [0.5, 0.5, 0.0, 0.0]
    area = partial_areas(curve, limits=(0.2, 0.6), best=best_discard(pairs, point))
    assert area[0].raw == pytest.approx(0.1)
    assert area[1].raw == pytest.approx(0.25)
    assert area[1].above_best == pytest.approx(0.25 - 0.125)
    assert area[1].relative == pytest.approx(0.25 / 0.6 / 0.5)


def test_a_given_threshold_needs_no_impostors():
    pairs = random_comparisons(12)
    mated = pairs.subset(pairs.genuine)
    point = given_threshold(mated, 0.5)
    curve = discard_curve(mated, tied_quality(12), point, higher_is_better=True)
    assert curve.fnmr[0] == np.mean(mated.similarity < 0.5)
    assert np.all(np.isnan(curve.fmr))
    assert np.isnan(point.fmr)
    with pytest.raises(InvalidInputError, match="a given threshold cannot be recomputed"):
        discard_curve(mated, tied_quality(12), point, higher_is_better=True, recompute=True)


def test_missing_qualities():
    pairs, quality = random_comparisons(13), tied_quality(13, levels=9)
    point = operating_point(pairs, fmr=0.1)
    quality[4] = np.nan
    with pytest.raises(
        InvalidInputError, match=r"1 of 12 compared images have no quality \('0/4.jpg'\); score them"
    ):
        discard_curve(pairs, quality, point, higher_is_better=True)
    worst = discard_curve(pairs, quality, point, higher_is_better=True, missing="worst")
    filled = np.where(np.isnan(quality), -1.0, quality)
    expected = discard_curve(pairs, filled, point, higher_is_better=True)
    np.testing.assert_array_equal(worst.fnmr, expected.fnmr)
    assert np.isnan(worst.quality[0])
    low = discard_curve(pairs, -quality, point, higher_is_better=False, missing="worst")
    np.testing.assert_array_equal(low.fnmr, expected.fnmr)
    dropped = discard_curve(pairs, quality, point, higher_is_better=True, missing="drop")
    kept = (pairs.first != 4) & (pairs.second != 4)
    assert dropped.dropped == np.count_nonzero(~kept)
    assert dropped.genuine[0] == np.count_nonzero(pairs.genuine & kept)
    np.testing.assert_array_equal(
        dropped.fnmr, discard_curve(pairs.subset(kept), filled, point, higher_is_better=True).fnmr
    )


def test_an_image_that_is_not_compared_needs_no_quality():
    pairs = Comparisons(
        ("a", "b", "c"), np.array([0, 0]), np.array([1, 2]), np.array([True, False]), np.array([1.0, 0])
    )
    more = Comparisons((*pairs.paths, "d"), pairs.first, pairs.second, pairs.genuine, pairs.similarity)
    curve = discard_curve(
        more, np.array([1.0, 2.0, 3.0, np.nan]), operating_point(more), higher_is_better=True
    )
    assert curve.dropped == 0


def test_bad_arguments_name_the_cure():
    pairs, quality = random_comparisons(14), tied_quality(14)
    point = operating_point(pairs, fmr=0.1)
    with pytest.raises(
        InvalidInputError, match="the direction of this quality is unknown; say whether higher or"
    ):
        discard_curve(pairs, quality, point, higher_is_better=None)
    with pytest.raises(
        InvalidInputError, match="quality is float64 of shape \\(3,\\); give one floating-point number"
    ):
        discard_curve(pairs, quality[:3], point, higher_is_better=True)
    with pytest.raises(InvalidInputError, match=r"the quality of '0/0.jpg' is infinite"):
        discard_curve(pairs, np.where(np.arange(12) == 0, np.inf, quality), point, higher_is_better=True)
    with pytest.raises(
        InvalidInputError, match=r"fraction \(--axis\) is 'images'; choose one of comparisons, genuine"
    ):
        discard_curve(pairs, quality, point, higher_is_better=True, fraction="images")
    with pytest.raises(
        InvalidInputError, match=r"missing \(--missing\) is 'zero'; choose one of error, worst, drop"
    ):
        discard_curve(pairs, quality, point, higher_is_better=True, missing="zero")
    with pytest.raises(
        InvalidInputError, match="no genuine comparison is left between images that have a quality"
    ):
        discard_curve(pairs, np.full(12, np.nan), point, higher_is_better=True, missing="drop")
    curve = discard_curve(pairs, quality, point, higher_is_better=True)
    with pytest.raises(InvalidInputError, match=r"the discard limit is 0.0; give a fraction above 0"):
        partial_areas(curve, limits=(0.0,))
    with pytest.raises(InvalidInputError, match="the curve counts comparisons, the best order genuine"):
        partial_areas(curve, best=best_discard(pairs, point, fraction="genuine"))
    with pytest.raises(InvalidInputError, match="a discard fraction lies outside 0 to 1"):
        curve.at(1.5)


def test_labels_of_one_class():
    pairs = random_comparisons(15)
    with pytest.raises(
        InvalidInputError, match="comparisons are genuine, so no threshold belongs to a false match"
    ):
        operating_point(pairs.subset(pairs.genuine))
    with pytest.raises(
        InvalidInputError, match="comparisons are impostors, so there is no false non-match rate"
    ):
        operating_point(pairs.subset(~pairs.genuine))
    with pytest.raises(InvalidInputError, match="all 1 comparisons are genuine"):
        operating_point(pairs.subset(np.arange(len(pairs)) == np.flatnonzero(pairs.genuine)[0]))
    with pytest.raises(
        InvalidInputError, match=r"fmr \(--fmr\) is 1.0; give a false match rate of at least 0 and below 1"
    ):
        operating_point(pairs, fmr=1.0)
    with pytest.raises(
        InvalidInputError, match=r"the threshold \(--threshold\) is nan; give a finite similarity"
    ):
        given_threshold(pairs, float("nan"))


def test_comparisons_check_themselves():
    paths, true = ("a", "b", "c"), np.array([True, False])
    one, two = np.array([0, 0]), np.array([1, 2])
    with pytest.raises(
        InvalidInputError,
        match="1 of 2 similarities are not finite, the first in comparison 1 \\('a' with 'c'",
    ):
        Comparisons(paths, one, two, true, np.array([0.5, np.nan]))
    with pytest.raises(InvalidInputError, match="comparison 1 compares 'a' with itself"):
        Comparisons(paths, one, np.array([1, 0]), true)
    with pytest.raises(InvalidInputError, match="names image 3, but the positions go from 0 to 2"):
        Comparisons(paths, one, np.array([1, 3]), true)
    with pytest.raises(InvalidInputError, match="names image -1"):
        Comparisons(paths, one, np.array([1, -1]), true)
    with pytest.raises(InvalidInputError, match="genuine is int64; give booleans"):
        Comparisons(paths, one, two, np.array([1, 0]))
    with pytest.raises(InvalidInputError, match="have shapes"):
        Comparisons(paths, one, two[:1], true)
    with pytest.raises(InvalidInputError, match="there are no comparisons"):
        Comparisons(paths, one[:0], two[:0], true[:0])
    with pytest.raises(InvalidInputError, match="similarity is int64 of shape"):
        Comparisons(paths, one, two, true, np.array([1, 2]))
    with pytest.raises(
        InvalidInputError, match="1 labels contradict the identities: 'a' and 'b' are labelled genuine"
    ):
        Comparisons(paths, one, two, true, None, np.array([0, 1, 2]))
    with pytest.raises(InvalidInputError, match="identity has shape \\(2,\\); give one code per image"):
        Comparisons(paths, one, two, true, None, np.array([0, 1]))
    with pytest.raises(InvalidInputError, match="the comparisons have no similarity"):
        operating_point(Comparisons(paths, one, two, true))


def test_align_quality_names_paths_that_do_not_agree():
    with pytest.raises(
        InvalidInputError, match=r"the comparisons name 'a.jpg', the scores 'x/a.jpg'; make the paths"
    ):
        align_quality(["a.jpg"], {"x/a.jpg": 1.0})
    assert np.isnan(align_quality(["a.jpg"], {})).all()
