"""Means with bootstrap bands: the textbook's width, people as units, missing values."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.mean_estimates import mean_estimates


def test_the_band_has_the_width_of_the_standard_error() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, (400, 1))
    band = mean_estimates(values, np.arange(400), replicates=4000)[0]
    error = values.std() / 20
    assert band.value == pytest.approx(values.mean())
    assert band.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert band.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_pictures_of_a_person_are_drawn_together() -> None:
    """Ten equal pictures of each person tell no more than one."""
    one = np.random.default_rng(1).normal(size=(40, 1))
    alone = mean_estimates(one, np.arange(40), replicates=4000)[0]
    ten = mean_estimates(one.repeat(10, axis=0), np.arange(40).repeat(10), replicates=4000)[0]
    apart = mean_estimates(one.repeat(10, axis=0), np.arange(400), replicates=4000)[0]
    assert (ten.low, ten.high) == pytest.approx((alone.low, alone.high))
    assert apart.high - apart.low < 0.5 * (ten.high - ten.low)


def test_missing_values_are_left_out() -> None:
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan], [2.0, 5.0]])
    first, second = mean_estimates(values, np.array([0, 1, 2, 3]))
    assert (first.value, second.value) == (2.0, 5.0)
    assert 1.0 <= first.low <= 2.0 <= first.high <= 3.0
    assert second.low == second.high == 5.0
    assert np.isnan(mean_estimates(values[:2, 1:], np.array([0, 1]))[0].value)


def test_one_person_gives_no_band() -> None:
    band = mean_estimates(np.array([[1.0], [2.0]]), np.array([7, 7]))[0]
    assert band.value == 1.5
    assert np.isnan([band.low, band.high]).all()


def test_wrong_shapes_and_options_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"values has shape \(2, 1\) and unit \(3,\)"):
        mean_estimates(np.zeros((2, 1)), np.zeros(3, int))
    with pytest.raises(InvalidInputError, match=r"replicates \(--replicates\) is 1; choose at least 2"):
        mean_estimates(np.zeros((2, 1)), np.zeros(2, int), replicates=1)
