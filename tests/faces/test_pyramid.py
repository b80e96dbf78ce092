"""The pyramid on one ribbon: no band overlaps another, and tiles answer as each level alone would."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.faces.pyramid import lay_out, level_sizes, quick_means, shrink


@given(st.integers(20, 3000), st.integers(20, 3000), st.floats(20, 200), st.sampled_from([64, 128, 192]))
def test_bands_lie_apart_on_even_pixels_inside_the_ribbon(height, width, least, tile):
    sizes = level_sizes(height, width, min_face=least, factor=0.709)
    if not sizes:
        assert min(height, width) < least * 1.001
        return
    ribbon = lay_out(sizes, tile=tile)
    covered = np.zeros((tile, ribbon.count * ribbon.step + 10), np.uint8)
    for piece in ribbon.pieces:
        assert piece.top % 2 == piece.left % 2 == piece.y % 2 == 0
        part = covered[piece.top : piece.top + piece.height, piece.left : piece.left + piece.width]
        assert part.shape == (piece.height, piece.width)
        assert not part.any()
        part[:] = 1


@given(st.integers(20, 900), st.integers(20, 900), st.sampled_from([64, 128]))
def test_bands_have_every_window_of_every_level_once(height, width, tile):
    sizes = level_sizes(height, width, min_face=20, factor=0.709)
    if not sizes:
        return
    ribbon = lay_out(sizes, tile=tile)
    for level, (tall, wide) in enumerate(sizes):
        rows = [
            piece.y + row
            for piece in ribbon.pieces
            if piece.level == level
            for row in range(0, piece.height - 11, 2)
        ]
        assert sorted(rows) == list(range(0, tall - 11, 2))
        assert {piece.width for piece in ribbon.pieces if piece.level == level} == {wide}


def test_levels_shrink_by_the_factor_until_a_window_is_left():
    sizes = level_sizes(480, 640, min_face=20, factor=0.709)
    assert sizes[0] == (288, 384)
    assert all(min(size) >= 12 for size in sizes)
    assert min(sizes[-1]) * 0.709 < 12.5
    for larger, smaller in pairwise(sizes):
        assert smaller[0] / larger[0] == pytest.approx(0.709, abs=0.05)


@pytest.mark.parametrize(
    ("shape", "tile"), [((20, 20), 64), ((70, 90), 64), ((150, 301), 64), ((333, 120), 192)]
)
def test_tiles_answer_as_each_level_alone(shape, tile):
    """With the sum over the window as the network, which is exact in integers."""
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)

    def sums(picture):
        windows = np.lib.stride_tricks.sliding_window_view(picture.astype(np.float32), (12, 12), axis=(0, 1))
        return windows[::2, ::2].sum(axis=(3, 4)).transpose(2, 0, 1)

    sizes = level_sizes(*shape, min_face=20, factor=0.709)
    ribbon = lay_out(sizes, tile=tile)
    tiles = ribbon.tiles(image)
    assert tiles.shape == (ribbon.count, tile, tile, 3)
    answers = np.stack([sums(one) for one in tiles])
    found = ribbon.windows(answers[:, :1], np.repeat(answers[:, 1:], 2, axis=1), -1.0)
    for index, level in enumerate(shrink(image, sizes)):
        alone = sums(level)
        of_level = found.level == index
        column, row = (found.corners[of_level] // 2).T
        assert len(row) == alone[0].size == len(np.unique(row * 10_000 + column))
        np.testing.assert_array_equal(found.probability[of_level], alone[0, row, column])
        np.testing.assert_array_equal(found.regression[of_level][:, ::2].T, alone[1:, row, column])


def test_windows_below_the_limit_are_left_out():
    ribbon = lay_out(((20, 30),), tile=64)
    probability = np.zeros((ribbon.count, 1, 27, 27), np.float32)
    probability[0, 0, 2, 3], probability[0, 0, 0, 0] = 0.7, 0.5
    found = ribbon.windows(probability, np.zeros((ribbon.count, 4, 27, 27), np.float32), 0.6)
    assert found.corners.tolist() == [[6, 4]]
    assert found.probability.tolist() == pytest.approx([0.7])


def test_levels_are_averages_over_areas():
    """Against each level averaged out of the picture itself: roundings apart, and a little blur."""
    image = cv2.resize(np.random.default_rng(1).integers(0, 256, (3, 4, 3), np.uint8), (561, 403))
    sizes = level_sizes(403, 561, min_face=20, factor=0.709)
    for level, (height, width) in zip(shrink(image, sizes), sizes, strict=True):
        assert level.shape == (height, width, 3)
        direct = cv2.resize(image.astype(np.float64), (width, height), interpolation=cv2.INTER_AREA)
        assert np.abs(level - direct).mean() < 1


@pytest.mark.parametrize(("height", "width", "least"), [(1000, 1400, 40), (480, 640, 20), (2000, 1500, 60)])
def test_levels_use_few_tiles(height, width, least):
    sizes = level_sizes(height, width, min_face=least, factor=0.709)
    pixels = sum(tall * wide for tall, wide in sizes)
    assert lay_out(sizes, tile=128).count * 128 * 128 <= 1.4 * pixels


@pytest.mark.parametrize("factor", [1.3, 1.9, 2.5, 3.0, 4.0, 6.3, 12.0])
def test_quick_means_are_nearly_those_over_areas(factor):
    """Against OpenCV's in float64, on noise blurred by one pixel; reading between pixels alone is far off."""
    noise = np.random.default_rng(2).integers(0, 256, (603, 811, 3), np.uint8)
    image = cv2.GaussianBlur(noise, (0, 0), 1.0)
    height, width = round(603 / factor), round(811 / factor)
    exact = cv2.resize(image.astype(np.float64), (width, height), interpolation=cv2.INTER_AREA)
    found = quick_means(image, height, width)
    assert found.shape == (height, width, 3)
    error = np.abs(found - exact).mean()
    assert error < 2
    assert error < np.abs(cv2.resize(image, (width, height)) - exact).mean()
