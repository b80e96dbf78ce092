from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import resize_boxes
from reference.resize_boxes import resize_boxes as reference

RNG = np.random.default_rng(0)


def assert_rounded(got, exact):
    """The nearest level, or either neighbour where the exact value lies within 1e-4 of their middle."""
    assert got.dtype == np.uint8
    assert got.shape == exact.shape
    assert np.abs(got - exact).max(initial=0) <= 0.5 + 1e-4


@given(
    st.integers(1, 30),
    st.integers(1, 30),
    st.lists(
        st.tuples(st.integers(-20, 40), st.integers(-20, 40), st.integers(1, 45), st.integers(1, 45)),
        max_size=3,
    ),
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(0, 10**6),
)
def test_agrees_with_float64(tall, wide, corners, height, width, seed):
    picture = np.random.default_rng(seed).integers(0, 256, (tall, wide, 3), np.uint8)
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in corners], np.int64).reshape(-1, 4)
    got = resize_boxes(picture, boxes, height=height, width=width)
    assert_rounded(got, reference(picture, boxes, height=height, width=width))


@pytest.mark.parametrize(
    ("shape", "size"),
    [((300, 500), (37, 41)), ((97, 811), (96, 2)), ((640, 7), (5, 7)), ((61, 203), (60, 202))],
)
def test_long_lines_agree_with_float64(shape, size):
    picture = RNG.integers(0, 256, (*shape, 3), np.uint8)
    boxes = np.array([[0, 0, shape[1], shape[0]]])
    got = resize_boxes(picture, boxes, height=size[0], width=size[1])
    assert_rounded(got, reference(picture, boxes, height=size[0], width=size[1]))


@pytest.mark.parametrize("size", [(288, 384), (204, 272), (51, 68), (240, 320)])
def test_means_are_opencvs_to_a_level(size):
    picture = RNG.integers(0, 256, (480, 640, 3), np.uint8)
    got = resize_boxes(picture, np.array([[0, 0, 640, 480]]), height=size[0], width=size[1])[0]
    theirs = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
    apart = np.abs(got.astype(int) - theirs)
    assert apart.max() <= 1
    assert size == (240, 320) or (apart > 0).mean() < 1e-3  # there OpenCV rounds a half up or down by turns


def test_a_box_of_the_same_size_is_copied():
    picture = RNG.integers(0, 256, (9, 11, 3), np.uint8)
    (got,) = resize_boxes(picture, np.array([[2, 1, 10, 6]]), height=5, width=8)
    np.testing.assert_array_equal(got, picture[1:6, 2:10])


@given(st.integers(0, 255), st.integers(1, 70), st.integers(1, 70))
def test_one_color_stays(level, side, to):
    picture = np.full((side, side + 3, 3), level, np.uint8)
    assert (resize_boxes(picture, np.array([[0, 0, side + 3, side]]), height=to, width=to) == level).all()


def test_boxes_elsewhere_are_black_and_no_box_is_no_result():
    picture = np.full((5, 6, 3), 255, np.uint8)
    far = np.array([[6, 0, 9, 3], [-4, -4, 0, 0], [0, 5, 3, 8], [10**6, 10**6, 10**6 + 9, 10**6 + 9]])
    assert not resize_boxes(picture, far, height=4, width=2).any()
    assert resize_boxes(picture, far[:0], height=4, width=2).shape == (0, 4, 2, 3)
    assert not resize_boxes(picture[:0], far[:1], height=4, width=2).any()


def test_part_of_a_picture_is_read_where_it_lies():
    picture = RNG.integers(0, 256, (40, 50, 3), np.uint8)
    got = resize_boxes(picture[5:35, 10:40], np.array([[0, 0, 30, 30]]), height=7, width=7)
    np.testing.assert_array_equal(got, resize_boxes(picture, np.array([[10, 5, 40, 35]]), height=7, width=7))


PICTURE, BOXES = np.zeros((4, 5, 3), np.uint8), np.array([[0, 0, 4, 4]])


@pytest.mark.parametrize(
    ("picture", "boxes", "size", "text"),
    [
        (PICTURE[..., 0], BOXES, (2, 2), r"picture has shape \(4, 5\), wanted uint8 \(H, W, 3\)"),
        (PICTURE, BOXES.astype(float), (2, 2), r"boxes has dtype float64, wanted int64 \(K, 4\)"),
        (PICTURE, BOXES, (0, 2), "height and width are 0 and 2, wanted at least 1"),
        (PICTURE, np.array([[0, 0, 4, 4], [1, 1, 1, 3]]), (2, 2), r"box 1 .* x0 < x1 and y0 < y1"),
        (PICTURE, np.array([[0, 3, 4, 1]]), (2, 2), "box 0 of boxes is empty, upside down or too far away"),
        (PICTURE, np.array([[0, 0, 2**60, 4]]), (2, 2), "box 0"),
        (PICTURE, np.array([[-(2**63), 0, 2, 4]]), (2, 2), "box 0"),
    ],
)
def test_wrong_arguments_are_named(picture, boxes, size, text):
    with pytest.raises(InvalidInputError, match="resize_boxes: " + text):
        resize_boxes(picture, boxes, height=size[0], width=size[1])


@pytest.mark.cuda
def test_arrays_of_a_device_are_refused(cuda):
    given = [cuda(array) for array in (PICTURE, BOXES)]
    with pytest.raises(InvalidInputError, match="picture is on a GPU, and this runs on the CPU alone"):
        resize_boxes(*given, height=2, width=2)
