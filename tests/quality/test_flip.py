"""Flip: a picture that is its own mirror image has cosine 1; else NumPy's cosine."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.models import load_model
from fiqx_trt.quality.flip import Flip, row_cosines
from support.nets import noise_faces, save, small_recogniser


def quality(model, faces):
    return Flip().score(model, faces, model.extract(faces)).raw


def test_a_symmetric_face_agrees_with_its_mirror_image(tmp_path) -> None:
    faces = noise_faces(6)
    symmetric = np.concatenate([faces[:, :, :16], faces[:, :, 15::-1]], axis=2)
    with load_model(save(small_recogniser(), tmp_path / "small.onnx"), precision="fp32") as model:
        np.testing.assert_allclose(quality(model, symmetric), 1.0, atol=1e-6)
        a, b = model.embed(faces), model.embed(faces[:, :, ::-1])
        raw = quality(model, faces)
        np.testing.assert_allclose(raw, (a.astype(float) * b).sum(axis=1), atol=1e-6)
        assert raw.max() < 0.999


def test_no_direction_gives_no_number() -> None:
    cosines = row_cosines(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [4.0, 3.0]]))
    assert np.isnan(cosines[0])
    assert cosines[1] == pytest.approx(0.96)
