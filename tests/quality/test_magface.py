from __future__ import annotations

from pathlib import Path

import numpy as np

from fiqx_trt.models import load_model
from fiqx_trt.quality.magface import MagFace, magface
from support.nets import noise_faces, save, small_recogniser


def test_it_is_the_length_of_the_raw_embedding(tmp_path: Path) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    with load_model(path, precision="fp32") as model:
        faces = noise_faces(4)
        raw = model.extract(faces).embedding.astype(np.float64)
        np.testing.assert_allclose(magface(model, faces).raw, np.sqrt((raw**2).sum(axis=1)), rtol=1e-12)
        assert "nothing says that small was trained with the MagFace loss" in MagFace().notes(model)[0]


def test_a_model_that_says_magface_needs_no_note(tmp_path: Path) -> None:
    path = save(small_recogniser(), tmp_path / "magface_r100.onnx")
    with load_model(path) as model:
        assert MagFace().notes(model) == ()
