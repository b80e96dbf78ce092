from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels import local_contrast
from reference.local_contrast import local_contrast as reference

shapes = st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(0, 40), st.just(3))


@given(hnp.arrays(np.uint8, shapes))
def test_agrees_with_float64(faces):
    got = local_contrast(faces)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, reference(faces), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 70, 9), (1, 9, 600), (1, 33, 257), (1, 1, 1000), (3, 1, 1)])
def test_strips_and_blocks_leave_no_seam(shape):
    faces = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    np.testing.assert_allclose(local_contrast(faces), reference(faces), rtol=1e-6, atol=1e-6)


@given(st.lists(st.integers(0, 255), min_size=3, max_size=3))
def test_one_color_has_no_contrast(color):
    assert (local_contrast(np.full((1, 11, 40, 3), color, np.uint8)) == 0).all()


@given(st.integers(0, 10**6))
def test_a_face_alone_has_the_bits_it_has_among_others(seed):
    faces = np.random.default_rng(seed).integers(0, 256, (4, 37, 21, 3), dtype=np.uint8)
    np.testing.assert_array_equal(local_contrast(faces)[2:3], local_contrast(faces[2:3]))


@given(st.integers(0, 10**6))
def test_a_turned_face_has_the_turned_contrast(seed):
    faces = np.random.default_rng(seed).integers(0, 256, (1, 37, 21, 3), dtype=np.uint8)
    turned = np.ascontiguousarray(faces[:, ::-1].swapaxes(1, 2))
    np.testing.assert_array_equal(local_contrast(turned), local_contrast(faces)[:, ::-1].swapaxes(1, 2))


def test_the_largest_contrast_is_half_the_range():
    board = (np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8)
    face = np.repeat(board[None, :, :, None], 3, axis=3)
    assert local_contrast(face)[0, 3, 3] == 127.5


@pytest.mark.parametrize(
    ("faces", "text"),
    [
        (np.zeros((1, 4, 4), np.uint8), r"faces has shape \(1, 4, 4\), wanted uint8 \(N, H, W, 3\)"),
        (np.zeros((1, 4, 4, 3), np.float32), r"faces has dtype float32, wanted uint8 \(N, H, W, 3\)"),
    ],
)
def test_wrong_arguments_are_named(faces, text):
    with pytest.raises(InvalidInputError, match="local_contrast: " + text):
        local_contrast(faces)
