from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.models.calibration import calibrate_quality
from fiqx_trt.quality.serfiq import scale_quality


def test_the_scaled_quality_fills_its_range() -> None:
    raw = np.random.default_rng(0).normal(0.88, 0.01, 5000)
    alpha, r = calibrate_quality(raw)
    scaled = scale_quality(raw, alpha=alpha, r=r)
    low, middle, high = np.quantile(scaled, [0.05, 0.5, 0.95])
    assert low == pytest.approx(0.05, abs=0.01)
    assert middle == pytest.approx(0.5, abs=0.02)
    assert high == pytest.approx(0.95, abs=0.01)


def test_a_number_that_is_none_is_left_out() -> None:
    raw = np.linspace(0.4, 0.6, 50)
    assert calibrate_quality(np.append(raw, np.nan)) == calibrate_quality(raw)


def test_too_few_or_equal_faces() -> None:
    with pytest.raises(InvalidInputError, match="9 usable qualities; a calibration needs at least 10 faces"):
        calibrate_quality(np.linspace(0, 1, 9))
    with pytest.raises(InvalidInputError, match=r"all qualities are near 0\.5"):
        calibrate_quality(np.full(20, 0.5))
