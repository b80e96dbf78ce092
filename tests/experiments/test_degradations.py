"""Known degradations: strength 0 changes nothing, more strength destroys more."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fiqx_trt.experiments.degradations import DEGRADATIONS, LEVELS, degrade
from fiqx_trt.models.probe import probe_faces

FACE = probe_faces((112, 112))[0]


def error(kind: str, level: float) -> float:
    return float(np.square(degrade(FACE, kind, level).astype(float) - FACE).mean())


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_strength_zero_is_the_face_and_the_error_grows_with_the_strength(kind: str) -> None:
    before = FACE.copy()
    errors = [error(kind, level) for level in (0.0, *LEVELS)]
    assert errors[0] == 0.0
    assert all(a < b for a, b in itertools.pairwise(errors)), errors
    np.testing.assert_array_equal(FACE, before)


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_the_same_face_is_degraded_the_same_way_every_time(kind: str) -> None:
    one, two = degrade(FACE, kind, 0.5), degrade(FACE, kind, 0.5)
    np.testing.assert_array_equal(one, two)
    assert one.dtype == np.uint8
    assert one.shape == FACE.shape


def test_what_the_docstring_says_of_full_strength() -> None:
    assert degrade(FACE, "occlusion", 1.0)[round(0.4 * 112) + 1 :].max() == 0
    assert degrade(FACE, "darkness", 1.0).max() <= round(0.03 * 255)
    turned = degrade(FACE, "rotation", 1.0).astype(float)
    np.testing.assert_allclose(turned[2:-2, 2:-2], np.rot90(FACE, 1)[2:-2, 2:-2], atol=1)
