from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.quality.gradient import gradient
from support.nets import noise_faces, save, small_recogniser


def test_it_is_the_mean_saliency_of_a_node_of_quality_one(tmp_path: Path) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    faces = noise_faces(5)
    with fx.load_model(path, precision="fp32") as model:
        saliency = fx.plq(model, faces, quality=np.ones(5), gamma=7.0).saliency
        assert gradient(model, faces).raw == pytest.approx(
            saliency.mean(axis=(1, 2), dtype=np.float64), rel=1e-5
        )


def test_it_is_the_slope_of_the_embedding_by_finite_differences(tmp_path: Path) -> None:
    """Moving one pixel moves Σe / ‖e‖₁ as the mean of all such moves says; here over every tenth pixel."""
    path = save(small_recogniser(norm=False), tmp_path / "small.onnx")
    face = np.clip(noise_faces(1), 2, 253)
    with fx.load_model(path, precision="fp32") as model:
        e = model.embed(face)[0].astype(np.float64)
        places = np.random.default_rng(0).choice(face.size, 300, replace=False)
        up, down = np.repeat(face, 300, axis=0), np.repeat(face, 300, axis=0)
        for row, place in enumerate(places):
            up[row].reshape(-1)[place] += 2
            down[row].reshape(-1)[place] -= 2
        slope = (
            model.embed(up).astype(np.float64).sum(axis=1) - model.embed(down).astype(np.float64).sum(axis=1)
        ) / 4
        found = gradient(model, face).raw[0]
    assert found == pytest.approx(np.abs(slope).mean() / np.abs(e).sum(), rel=0.25)
