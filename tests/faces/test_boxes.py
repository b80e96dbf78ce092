"""Boxes: suppression against its definition, squares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fiqx_trt.faces.boxes import calibrated, order, squares, suppress


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
