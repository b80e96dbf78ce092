"""The pyramid: the sizes of its levels, and what they show."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from fiqx_trt.faces.pyramid import level_sizes, shrink


def test_a_picture_smaller_than_the_smallest_face_has_no_level():
    assert level_sizes(19, 400, min_face=20, factor=0.709) == ()
    assert len(level_sizes(20, 400, min_face=20, factor=0.709)) == 1


def test_levels_shrink_by_the_factor_until_a_window_is_left():
    sizes = level_sizes(480, 640, min_face=20, factor=0.709)
    assert sizes[0] == (288, 384)
    assert all(min(size) >= 12 for size in sizes)
    assert min(sizes[-1]) * 0.709 < 12.5
    for larger, smaller in pairwise(sizes):
        assert smaller[0] / larger[0] == pytest.approx(0.709, abs=0.05)


def test_levels_are_averages_over_areas():
    """Against each level averaged out of the picture itself: roundings apart, and a little blur."""
    image = cv2.resize(np.random.default_rng(1).integers(0, 256, (3, 4, 3), np.uint8), (561, 403))
    sizes = level_sizes(403, 561, min_face=20, factor=0.709)
    for level, (height, width) in zip(shrink(image, sizes), sizes, strict=True):
        assert level.shape == (height, width, 3)
        direct = cv2.resize(image.astype(np.float64), (width, height), interpolation=cv2.INTER_AREA)
        assert np.abs(level - direct).mean() < 1
