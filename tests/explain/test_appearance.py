"""The light and the contrast of faces, and the marks made of them."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.explain.appearance import DARK, FLAT, appearance
from reference.local_contrast import local_contrast


def test_they_are_the_means_of_grey_and_of_the_deviation_around_each_pixel() -> None:
    faces = np.random.default_rng(0).integers(0, 256, (3, 20, 17, 3), dtype=np.uint8)
    look = appearance(faces)
    grey = faces.astype(float) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(look.grey, grey.mean(axis=(1, 2)), rtol=1e-12)
    np.testing.assert_allclose(look.contrast, local_contrast(faces).mean(axis=(1, 2)), rtol=1e-6)


@pytest.mark.law
def test_a_face_looks_the_same_in_any_company() -> None:
    faces = np.random.default_rng(0).integers(0, 256, (5, 20, 17, 3), dtype=np.uint8)
    whole = appearance(faces)
    for i in range(5):
        alone = appearance(faces[i : i + 1])
        assert (alone.grey[0], alone.contrast[0]) == (whole.grey[i], whole.contrast[i])


def test_marks_keep_to_their_limits() -> None:
    faces = np.full((4, 9, 9, 3), int(DARK), np.uint8)
    faces[1] -= 1
    faces[2:] = 128
    faces[2:, ::2] += np.array([2, 3], np.uint8)[:, None, None, None] * int(
        FLAT
    )  # deviates by about half of that
    look = appearance(faces)
    assert look.dark.tolist() == [False, True, False, False]
    assert look.contrast[2] < FLAT < look.contrast[3]
    assert look.flat.tolist() == [True, True, True, False]


def test_no_faces() -> None:
    look = appearance(np.zeros((0, 8, 8, 3), np.uint8))
    assert look.grey.shape == look.contrast.shape == look.dark.shape == (0,)
