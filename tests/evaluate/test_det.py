"""DET curves of what is left, and several false match rates in one run, against their definitions."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evaluate.helpers import random_comparisons
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate import Comparisons, discard_curve, operating_point
from fiqx_trt.evaluate.det import DetInput, det_curves, target_rates
from fiqx_trt.evaluate.method_curves import EdcOptions, compare_at_rates, compare_methods, det_of_methods
from fiqx_trt.evaluate.score_tables import MethodScores
from reference import edc as reference


def method(pairs, quality, name="q", *, higher=True):
    values = dict(zip(pairs.paths, quality.tolist(), strict=True))
    return MethodScores(name, name, "s.csv", higher, values, pairs.paths)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    grid=st.sampled_from([0, 1, 2]),
    levels=st.integers(1, 14),
    higher=st.booleans(),
    discards=st.lists(st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.9]), min_size=1, unique=True),
)
def test_every_point_is_the_definition(seed, grid, levels, higher, discards):
    pairs = random_comparisons(seed, grid=grid)
    quality = np.random.default_rng(seed + 1).integers(0, levels, len(pairs.paths)) / 7.0
    assume(0 < pairs.genuine_count < len(pairs))
    curve = discard_curve(pairs, quality, operating_point(pairs, fmr=0.1), higher_is_better=higher)
    found = det_curves(
        DetInput(pairs), quality, curve, higher_is_better=higher, discards=discards, targets=[0.15]
    )
    rows = pairs.first, pairs.second, pairs.genuine, pairs.similarity.tolist(), quality.tolist()
    for one, x in zip(found, discards, strict=True):
        left = reference.left_at(*rows, higher=higher, x=x)
        assert (one.genuine, one.impostor) == (sum(g for _, g, _ in left), sum(not g for _, g, _ in left))
        assert one.discard == (len(pairs) - len(left)) / len(pairs) <= x
        for target, fnmr, fmr in zip(one.target, one.fnmr, one.fmr, strict=True):
            assert (fnmr, fmr) == reference.det_point(left, target)
            assert fmr <= target
        assert np.all(np.diff(one.target) < 0)
        assert np.all(np.diff(one.fnmr) >= 0)
        if one.impostor >= 7:
            assert one.at(0.15) == reference.det_point(left, 0.15)[0]


def test_rates_are_those_the_impostors_resolve():
    assert target_rates(0).size == 0
    assert target_rates(1).size == 0
    for impostors in (2, 10, 999, 1000):
        rates = target_rates(impostors, [1e-9, 0.5])
        assert rates.min() * impostors >= 1.0 - 1e-9
        assert rates.max() < 1.0
        assert 0.5 in rates
        assert (1e-3 in rates) == (impostors == 1000)


def test_a_fraction_out_of_range_is_refused():
    pairs = random_comparisons(3)
    quality = np.arange(len(pairs.paths)) / 10
    curve = discard_curve(pairs, quality, operating_point(pairs, fmr=0.1), higher_is_better=True)
    with pytest.raises(
        InvalidInputError, match="a discard fraction is 1; give fractions of at least 0 and below 1"
    ):
        det_curves(DetInput(pairs), quality, curve, higher_is_better=True, discards=[1.0])


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rates=st.lists(st.sampled_from([0.01, 0.1, 0.3, 0.5]), min_size=1, unique=True),
)
def test_several_rates_are_several_runs(seed, rates):
    pairs = random_comparisons(seed)
    assume(0 < pairs.genuine_count < len(pairs))
    scores = [method(pairs, np.random.default_rng(seed).random(len(pairs.paths)))]
    options = EdcOptions(replicates=0)
    for rate, result in zip(rates, compare_at_rates(pairs, scores, rates, options), strict=True):
        alone = compare_methods(pairs, scores, EdcOptions(fmr=rate, replicates=0))
        assert result.point == alone.point
        assert result.options == alone.options
        np.testing.assert_array_equal(result.methods[0].curve.fnmr, alone.methods[0].curve.fnmr)
        expected = reference.curve(
            pairs.first,
            pairs.second,
            pairs.genuine,
            pairs.similarity.tolist(),
            list(scores[0].values.values()),
            higher=True,
            fmr=rate,
            fraction="comparisons",
        )
        np.testing.assert_array_equal(result.methods[0].curve.fnmr, [point[1] for point in expected])


def test_rates_are_given_once_and_not_beside_a_threshold():
    pairs = random_comparisons(1)
    scores = [method(pairs, np.arange(len(pairs.paths)) / 10)]
    for rates, options, message in (
        ([], None, "the false match rates are none; give each --fmr once"),
        ([0.1, 0.1], None, r"the false match rates are 0.1, 0.1; give each"),
        ([0.1, 0.2], EdcOptions(threshold=0.5), "leave --fmr or --threshold out"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            compare_at_rates(pairs, scores, rates, options)


def test_the_rates_of_a_run_are_points_of_its_det_curves():
    pairs = random_comparisons(5, images=40, pairs=700)
    quality = np.random.default_rng(0).random(40)
    scores = [method(pairs, quality), method(pairs, -quality, "lower", higher=False)]
    results = compare_at_rates(pairs, scores, [0.07, 0.013], EdcOptions(replicates=0, missing="drop"))
    for found in det_of_methods(results, scores).values():
        for result in results:
            assert found[0].at(result.options.fmr) == result.point.fnmr
    a, b = det_of_methods(results, scores).values()
    np.testing.assert_array_equal(a[2].fnmr, b[2].fnmr)


def test_similarities_that_lie_the_wrong_way_are_told(caplog):
    pairs = random_comparisons(2, images=30, pairs=400)
    scores = [method(pairs, np.random.default_rng(0).random(30))]
    assert not any("distances" in note for note in compare_methods(pairs, scores, EdcOptions(0.1)).notes)
    turned = Comparisons(pairs.paths, pairs.first, pairs.second, pairs.genuine, -pairs.similarity)
    with caplog.at_level(logging.WARNING):
        result = compare_methods(turned, scores, EdcOptions(0.1, replicates=0))
    assert "they look like distances" in result.notes[0]
    assert "--similarity NAME=lower" in caplog.text
