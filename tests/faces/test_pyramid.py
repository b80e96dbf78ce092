"""The pyramid on one canvas: no level overlaps another, and tiles answer as each level alone would."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.faces.pyramid import lay_out, level_sizes, shrink


@given(st.integers(20, 3000), st.integers(20, 3000), st.floats(20, 200), st.sampled_from([64, 128, 192]))
def test_levels_lie_apart_on_even_pixels_inside_the_canvas(height, width, least, tile):
    sizes = level_sizes(height, width, min_face=least, factor=0.709)
    if not sizes:
        assert min(height, width) < least * 1.001
        return
    canvas = lay_out(sizes, tile=tile)
    covered = np.zeros([count * canvas.step + 10 for count in canvas.grid], np.uint8)
    for (y, x), (tall, wide) in zip(canvas.corners, sizes, strict=True):
        assert y % 2 == 0
        assert x % 2 == 0
        part = covered[y : y + tall, x : x + wide]
        assert part.shape == (tall, wide)
        assert not part.any()
        part[:] = 1


def test_levels_shrink_by_the_factor_until_a_window_is_left():
    sizes = level_sizes(480, 640, min_face=20, factor=0.709)
    assert sizes[0] == (288, 384)
    assert all(min(size) >= 12 for size in sizes)
    assert min(sizes[-1]) * 0.709 < 12.5
    for larger, smaller in pairwise(sizes):
        assert smaller[0] / larger[0] == pytest.approx(0.709, abs=0.05)


@pytest.mark.parametrize(("shape", "tile"), [((70, 90), 64), ((150, 301), 64), ((333, 120), 192)])
def test_tiles_answer_as_each_level_alone(shape, tile):
    """With the sum over the window as the network, which is exact in integers."""
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)

    def sums(picture):
        windows = np.lib.stride_tricks.sliding_window_view(picture.astype(np.float32), (12, 12), axis=(0, 1))
        return windows[::2, ::2].sum(axis=(3, 4)).transpose(2, 0, 1)

    sizes = level_sizes(*shape, min_face=20, factor=0.709)
    canvas = lay_out(sizes, tile=tile)
    tiles = canvas.tiles(image)
    assert tiles.shape == (canvas.grid[0] * canvas.grid[1], tile, tile, 3)
    levels = canvas.levels(np.stack([sums(one) for one in tiles]))
    for level, alone in zip(levels, shrink(image, sizes), strict=True):
        np.testing.assert_array_equal(level, sums(alone))


def test_levels_are_averages_over_areas():
    """Against each level averaged out of the picture itself: roundings apart, and a little blur."""
    image = cv2.resize(np.random.default_rng(1).integers(0, 256, (3, 4, 3), np.uint8), (561, 403))
    sizes = level_sizes(403, 561, min_face=20, factor=0.709)
    for level, (height, width) in zip(shrink(image, sizes), sizes, strict=True):
        assert level.shape == (height, width, 3)
        direct = cv2.resize(image.astype(np.float64), (width, height), interpolation=cv2.INTER_AREA)
        assert np.abs(level - direct).mean() < 1


def test_levels_use_few_tiles():
    sizes = level_sizes(1000, 1400, min_face=40, factor=0.709)
    rows, columns = lay_out(sizes, tile=192).grid
    pixels = sum(height * width for height, width in sizes)
    assert rows * columns * 182 * 182 <= 1.7 * pixels
