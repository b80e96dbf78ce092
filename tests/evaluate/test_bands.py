"""Bootstrap bands: a slow resampling of people, coverage, and determinism."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from evaluate.helpers import random_comparisons
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate import (
    Comparisons,
    bootstrap_bands,
    discard_curve,
    given_threshold,
    operating_point,
)


def copies(pairs, quality, drawn):
    """Build the resampled set the long way: every person drawn gets copies of the images and comparisons."""
    times = np.bincount(drawn, minlength=int(pairs.identity.max()) + 1)
    first, second, genuine, similarity = [], [], [], []
    for a, b, g, s in zip(pairs.first, pairs.second, pairs.genuine, pairs.similarity, strict=True):
        repeat = times[pairs.identity[a]] if g else times[pairs.identity[a]] * times[pairs.identity[b]]
        first += [a] * repeat
        second += [b] * repeat
        genuine += [g] * repeat
        similarity += [s] * repeat
    return Comparisons(
        pairs.paths,
        np.array(first),
        np.array(second),
        np.array(genuine),
        np.array(similarity, pairs.similarity.dtype),
    )


@pytest.mark.parametrize("fraction", ["comparisons", "genuine"])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("grid", [0, 2])
def test_every_replicate_is_the_curve_of_the_copied_set(fraction, given, grid):
    pairs = random_comparisons(21, images=16, pairs=120, people=5, grid=grid)
    quality = np.random.default_rng(1).integers(0, 6, 16) / 3.0
    point = given_threshold(pairs, 0.3) if given else operating_point(pairs, fmr=0.1)
    limits = (0.2, 0.5)
    bands = bootstrap_bands(
        pairs, quality, point, higher_is_better=True, replicates=12, seed=7, limits=limits, fraction=fraction
    )
    for r, sequence in enumerate(np.random.SeedSequence(7).spawn(12)):
        drawn = np.random.default_rng(sequence).integers(0, 5, 5)
        copied = copies(pairs, quality, drawn)
        if not given and not copied.impostor_count:
            assert np.isnan(bands.areas[r]).all()
            continue
        theirs = point if given else operating_point(copied, fmr=0.1)
        curve = discard_curve(copied, quality, theirs, higher_is_better=True, fraction=fraction)
        np.testing.assert_allclose(bands.areas[r], [curve.area(limit) for limit in limits], atol=1e-12)


def test_bands_are_the_quantiles_and_contain_the_curve_at_the_start():
    pairs = random_comparisons(22, images=60, pairs=1200, people=20)
    quality = np.random.default_rng(2).random(60)
    point = operating_point(pairs, fmr=0.05)
    bands = bootstrap_bands(pairs, quality, point, higher_is_better=True, replicates=100)
    assert bands.low.shape == bands.high.shape == bands.grid.shape == (100,)
    assert np.all(bands.low <= bands.high)
    assert bands.low[0] <= point.fnmr <= bands.high[0]
    np.testing.assert_allclose(bands.area_low, np.quantile(bands.areas, 0.025, axis=0))
    narrow = bootstrap_bands(pairs, quality, point, higher_is_better=True, replicates=100, level=0.5)
    assert np.all(narrow.high - narrow.low <= bands.high - bands.low)


@pytest.mark.law
def test_a_replicate_does_not_depend_on_their_number_or_the_method():
    pairs = random_comparisons(23, images=30, pairs=300, people=10)
    quality = np.random.default_rng(3).random(30)
    point = operating_point(pairs, fmr=0.1)
    few = bootstrap_bands(pairs, quality, point, higher_is_better=True, replicates=5, seed=1)
    many = bootstrap_bands(pairs, quality, point, higher_is_better=True, replicates=9, seed=1)
    np.testing.assert_array_equal(few.areas, many.areas[:5])
    other = bootstrap_bands(pairs, quality, point, higher_is_better=True, replicates=5, seed=2)
    assert not np.array_equal(few.areas, other.areas)


def test_coverage_of_the_false_non_match_rate():
    # People differ in how hard they are, so comparisons of one person hang together. The band at discard 0
    # must cover the true rate about as often as it says: at least 85 of 100 for a nominal 95 with 40 people.
    hits, trials, people, per = 0, 60, 40, 6
    first, second = np.triu_indices(per, 1)
    base = np.arange(people)[:, None] * per
    identity = np.repeat(np.arange(people), per)
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        hard = rng.normal(0.0, 1.0, people)
        similarity = (hard[:, None] + rng.normal(0.0, 1.0, (people, len(first)))).ravel()
        pairs = Comparisons(
            tuple(map(str, range(people * per))),
            (base + first).ravel(),
            (base + second).ravel(),
            np.ones(people * len(first), bool),
            similarity,
            identity,
        )
        bands = bootstrap_bands(
            pairs,
            rng.random(people * per),
            given_threshold(pairs, 0.0),
            higher_is_better=True,
            replicates=100,
        )
        hits += bool(bands.low[0] <= 0.5 <= bands.high[0])
    assert hits >= 0.85 * trials


def test_the_threshold_search_widens_when_few_scores_are_looked_at(monkeypatch):
    pairs = random_comparisons(24, images=40, pairs=700, people=8)
    quality = np.random.default_rng(4).random(40)
    point = operating_point(pairs, fmr=0.3)
    whole = bootstrap_bands(pairs, quality, point, higher_is_better=True, replicates=6)
    from fiqx_trt.evaluate import bands as module

    monkeypatch.setattr(
        module._Resampler, "_highest", lambda self, fmr: np.argsort(-self._other_score, kind="stable")[:3]
    )
    narrow = bootstrap_bands(pairs, quality, point, higher_is_better=True, replicates=6)
    np.testing.assert_array_equal(whole.areas, narrow.areas)


def test_bad_arguments_name_the_cure():
    pairs = random_comparisons(25)
    quality, point = np.arange(12.0), operating_point(pairs, fmr=0.1)
    options = {"higher_is_better": True, "replicates": 2}
    with pytest.raises(
        InvalidInputError, match="bands need the identity of each image; give one folder per person"
    ):
        bootstrap_bands(dataclasses.replace(pairs, identity=None), quality, point, **options)
    with pytest.raises(InvalidInputError, match=r"replicates \(--replicates\) is 1; choose at least 2"):
        bootstrap_bands(pairs, quality, point, higher_is_better=True, replicates=1)
    with pytest.raises(InvalidInputError, match=r"level \(--level\) is 95; give a share between 0 and 1"):
        bootstrap_bands(pairs, quality, point, **options, level=95)
    with pytest.raises(InvalidInputError, match="fraction is 'all'; choose one of"):
        bootstrap_bands(pairs, quality, point, **options, fraction="all")
    with pytest.raises(InvalidInputError, match="compared images have no quality"):
        bootstrap_bands(pairs, np.full(12, np.nan), point, **options)
    mated = pairs.subset(pairs.genuine)
    alone = dataclasses.replace(mated, identity=np.zeros(12, int))
    with pytest.raises(InvalidInputError, match="all images show one person, so nothing can be resampled"):
        bootstrap_bands(alone, quality, given_threshold(alone, 0.0), **options)
