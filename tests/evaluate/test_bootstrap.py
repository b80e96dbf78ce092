"""The shared bootstrap: the percentile interval against NumPy's quantile, and its rule for undefined replicates."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.bootstrap import check_bootstrap, draw_counts, draw_units, percentile_interval


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_the_interval_holds_the_middle_share(level: float) -> None:
    values = np.random.default_rng(0).normal(size=(501, 2, 3))
    low, high = percentile_interval(values, level)
    assert low.shape == high.shape == (2, 3)
    inside = ((values >= low) & (values <= high)).mean(axis=0)
    np.testing.assert_allclose(inside, level, atol=2 / 501)


def test_an_interval_needs_half_of_the_replicates() -> None:
    values = np.arange(20.0).reshape(10, 2)
    values[:5, 0] = np.nan
    values[:6, 1] = np.nan
    low, high = percentile_interval(values, 0.8)
    assert (low[0], high[0]) == pytest.approx(tuple(np.quantile(values[5:, 0], [0.1, 0.9])))
    assert np.isnan(low[1])
    assert np.isnan(high[1])


def test_both_kinds_of_draws_take_as_many_units_as_there_are() -> None:
    rng = np.random.default_rng(0)
    counts = draw_counts(rng, 7, 4000)
    assert (counts.sum(axis=1) == 7).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=0.06)
    units = np.concatenate([draw_units(rng, 7) for _ in range(4000)])
    np.testing.assert_allclose(np.bincount(units) / 4000, 1.0, atol=0.06)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"replicates \(--replicates\) is 19; choose at least 20"):
        check_bootstrap(19, 0.95, fewest=20)
    with pytest.raises(InvalidInputError, match=r"level \(--level\) is 95; give a share between 0 and 1"):
        check_bootstrap(20, 95, fewest=20)
