"""Sixty random maps, the scores of three methods, and their analysis."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.amva import Amva
from fiqx_trt.statistics import CompactMaps
from support.amva import make_maps, make_result, make_scores


@pytest.fixture(scope="module")
def maps() -> CompactMaps:
    return make_maps()


@pytest.fixture(scope="module")
def scores() -> dict[str, np.ndarray]:
    return make_scores()


@pytest.fixture(scope="module")
def result(maps: CompactMaps, scores: dict[str, np.ndarray]) -> Amva:
    return make_result(maps, scores)
