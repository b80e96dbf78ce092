"""Boxes: suppression against its definition, squares and cuts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fiqx_trt.faces.boxes import calibrated, cut, order, squares, suppress, units
from fiqx_trt.faces.pyramid import quick_means


def overlap(a, b, over):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    whole = sum(areas) - width * height if over == "union" else min(areas)
    return width * height / whole


@st.composite
def scored_boxes(draw):
    count = draw(st.integers(0, 12))
    corners = draw(hnp.arrays(np.int64, (count, 2), elements=st.integers(0, 20)))
    sides = draw(hnp.arrays(np.int64, (count, 2), elements=st.integers(1, 15)))
    scores = draw(hnp.arrays(np.float32, count, elements=st.sampled_from([0.125, 0.5, 0.75, 1.0])))
    return np.concatenate([corners, corners + sides], axis=1).astype(float), scores


# No overlap of boxes this small is exactly one of these limits, where rounding would decide.
@given(scored_boxes(), st.sampled_from([0.3001, 0.5001, 0.7001]), st.sampled_from(["union", "min"]))
def test_suppression_is_what_its_definition_says(case, limit, over):
    boxes, scores = case
    expected: list[int] = []
    for at in sorted(range(len(boxes)), key=lambda i: (-scores[i], boxes[i, 1], boxes[i, 0])):
        if all(overlap(boxes[at], boxes[better], over) <= limit for better in expected):
            expected.append(at)
    assert suppress(boxes, scores, limit, over=over).tolist() == expected


@pytest.mark.parametrize("over", ["union", "min"])
def test_suppression_of_more_boxes_than_are_compared_at_a_time(over):
    rng = np.random.default_rng(5)
    corners = rng.integers(0, 900, (700, 2))
    boxes = np.concatenate([corners, corners + rng.integers(20, 90, (700, 2))], axis=1).astype(float)
    scores = rng.random(700).astype(np.float32)
    expected: list[int] = []
    for at in np.argsort(-scores).tolist():
        if all(overlap(boxes[at], boxes[better], over) <= 0.3001 for better in expected):
            expected.append(at)
    assert 128 < len(expected) < 600
    assert suppress(boxes, scores, 0.3001, over=over).tolist() == expected


def test_boxes_of_different_groups_do_not_suppress_each_other():
    boxes, scores = np.array([[0.0, 0, 10, 10]] * 4), np.array([0.6, 0.9, 0.8, 0.7], np.float32)
    groups = np.array([0, 1, 1, 0])
    assert suppress(boxes, scores, 0.5, groups=groups).tolist() == [1, 3]
    assert suppress(boxes, scores, 0.5).tolist() == [1]


@given(scored_boxes())
def test_order_puts_the_surest_first(case):
    boxes, scores = case
    keys = [(-scores[at], boxes[at, 1], boxes[at, 0]) for at in order(boxes, scores)]
    assert keys == sorted(keys)


@given(scored_boxes())
def test_squares_have_the_longer_side_and_the_same_centre(case):
    boxes, _ = case
    found = squares(boxes)
    sides = found[:, 2:] - found[:, :2]
    np.testing.assert_array_equal(
        sides, (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True).repeat(2, 1)
    )
    assert np.abs((found[:, :2] + found[:, 2:]) - (boxes[:, :2] + boxes[:, 2:])).max(initial=0) <= 1


def test_calibration_of_nothing_moves_nothing():
    boxes = np.array([[1.0, 2, 5, 9]])
    np.testing.assert_array_equal(calibrated(boxes, np.zeros((1, 4))), boxes)


@pytest.mark.parametrize("box", [(2, 3, 7, 8), (-3, -2, 5, 6), (6, 5, 14, 13), (-4, -4, 20, 20)])
def test_cut_is_the_picture_inside_and_black_outside(box):
    image = np.random.default_rng(0).integers(1, 256, (10, 11, 3), np.uint8)
    side = box[2] - box[0]
    expected = np.zeros((side, side, 3), np.uint8)
    for y in range(side):
        for x in range(side):
            if 0 <= y + box[1] < 10 and 0 <= x + box[0] < 11:
                expected[y, x] = image[y + box[1], x + box[0]]
    np.testing.assert_array_equal(cut(image, np.array(box), side), expected)


def test_cut_averages_when_it_shrinks():
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)
    mean = image.reshape(24, 2, 24, 2, 3).mean(axis=(1, 3))
    assert np.abs(cut(image, np.array([0, 0, 48, 48]), 24) - mean).max() <= 0.5


@given(scored_boxes(), st.sampled_from([1, 3, 5]))
def test_a_reduced_picture_keeps_more_than_twice_and_up_to_four_times_the_side(case, side):
    boxes, _ = case
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    unit = units(boxes, side)
    assert (longer / unit <= 4 * side).all()
    assert ((unit == 1) | (longer / unit > 2 * side)).all()


@given(scored_boxes(), st.sampled_from([1, 2, 4]))
def test_squares_on_multiples_of_a_unit_lie_within_a_unit_of_those_on_pixels(case, unit):
    boxes, _ = case
    found = squares(boxes, np.full(len(boxes), unit))
    assert (found % unit == 0).all()
    assert np.abs(found - squares(boxes)).max(initial=0) <= unit + 0.5


def test_a_cut_of_a_smaller_copy_shows_the_same():
    """A square of a picture without detail below four pixels, cut out of it and out of its half."""
    noise = np.random.default_rng(3).integers(0, 256, (60, 70, 3), np.uint8)
    image = cv2.resize(noise, (560, 480), interpolation=cv2.INTER_CUBIC)
    box = np.array([-20, 40, 140, 200])
    exact = cut(image, box, 24).astype(float)
    half = cut(quick_means(image, 240, 280), box // 2, 24, quick_means)
    assert np.abs(half - exact).mean() < 1
