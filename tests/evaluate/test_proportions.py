from __future__ import annotations

import math

import pytest
from scipy.stats import binomtest

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.proportions import wilson


@pytest.mark.parametrize(("count", "total"), [(0, 1), (0, 10), (3, 10), (10, 10), (51, 204), (999, 1000)])
def test_interval_is_scipys(count: int, total: int) -> None:
    share = wilson(count, total)
    interval = binomtest(count, total).proportion_ci(method="wilson")
    assert share.share == count / total
    assert share.low == pytest.approx(interval.low, abs=1e-12)
    assert share.high == pytest.approx(interval.high, abs=1e-12)


def test_nothing_of_nothing() -> None:
    share = wilson(0, 0)
    assert math.isnan(share.share)
    assert share.as_dict() == {"count": 0, "total": 0, "share": None, "low": None, "high": None}


def test_contradictions_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="3 of 2 is no share"):
        wilson(3, 2)
