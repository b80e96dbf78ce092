from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.errors import ModelError
from fiqx_trt.models import load_model
from fiqx_trt.quality.magface import MagFace, magface
from reference.onnx_graphs import normal, parse
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


@pytest.mark.parametrize("scale", [1.0, 64.0])
def test_embeddings_of_one_length_are_refused(tmp_path: Path, scale: float) -> None:
    """A normalisation that is not at the end, behind a scaling of each value say, is not walked behind."""
    body = (
        "k = Conv<strides=[2,2]>(image, w) r = Relu(k) f = Flatten(r) e = Gemm<transB=1>(f, fc) n = ReduceL2<axes=[1]>(e) "
        "u = Div(e, n) embedding = Mul(u, signs)"
    )
    signs = np.float32(scale) * np.array([1, -1, 1, -1], np.float32)
    model = parse(body, {"w": normal(6, 3, 3, 3), "fc": normal(4, 54), "signs": signs})
    path = save(model, tmp_path / "unit.onnx")
    faces = noise_faces(4, size=8)
    wanted = r"all embeddings of unit have the same length.*--tap embedding=NAME"
    with (
        load_model(path, pre_dropout="f", precision="fp32") as opened,
        pytest.raises(ModelError, match=wanted),
    ):
        magface(opened, faces)
    with load_model(path, embedding="e", precision="fp32") as opened:
        assert magface(opened, faces).raw.std() > 0
