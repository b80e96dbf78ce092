"""Networks whose picture has a free height and width."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.errors import ModelError
from fiqx_trt.models import load_model, load_spec
from fiqx_trt.models.spec import sidecar_path
from fiqx_trt.onnx_export.graphs.input_size import fix_input_size
from reference.onnx_graphs import normal, parse
from support.nets import noise_faces, save, small_recogniser

POOLED = (
    "c = Conv<pads=[1,1,1,1], strides=[2,2]>(image, w) r = Relu(c) p = GlobalAveragePool(r) h = Flatten(p) "
    "embedding = Gemm(h, v)"
)


def pooled(shape: str = "N,3,H,W"):
    return parse(POOLED, {"w": normal(6, 3, 3, 3), "v": normal(6, 4)}, inputs=f"float[{shape}] image")


def flattened(side: int):
    body = "c = Conv<strides=[16,16], pads=[1,1,1,1]>(image, w) r = Relu(c) h = Flatten(r) embedding = Gemm(h, v)"
    positions = ((side - 1) // 16 + 1) ** 2
    return parse(
        body, {"w": normal(6, 3, 3, 3), "v": normal(6 * positions, 4)}, inputs="float[N,3,H,W] image"
    )


@pytest.mark.parametrize("side", [112, 128, 224])
def test_the_only_usual_size_that_fits_the_weights_is_taken(tmp_path: Path, side: int) -> None:
    spec, _ = load_spec(save(flattened(side), tmp_path / "n.onnx"))
    assert spec.input_size == (side, side)


def test_a_size_that_cannot_be_told_is_asked_for_and_taken_from_option_or_sidecar(tmp_path: Path) -> None:
    path = save(pooled(), tmp_path / "n.onnx")
    with pytest.raises(
        ModelError, match=r"are free.*112x112, 112x96.*--input-size HxW \(or the field \"input_size\""
    ):
        load_spec(path)
    assert load_spec(path, {"input_size": (24, 32)})[0].input_size == (24, 32)
    sidecar_path(path).write_text(json.dumps({"input_size": [16, 16]}))
    with load_model(path, precision="fp32") as model:
        assert model.extract(noise_faces(3, size=16)).features.shape == (3, 6, 8, 8)


def test_sizes_between_which_the_weights_do_not_decide_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the sizes that fit its weights are 150x150, 160x160; state"):
        load_spec(save(flattened(160), tmp_path / "n.onnx"))


def test_a_free_size_runs_like_a_constant_one(tmp_path: Path) -> None:
    free, constant = (save(small_recogniser(size=s), tmp_path / f"{s}.onnx") for s in ("S", 32))
    faces = noise_faces(4)
    with (
        load_model(free, input_size=(32, 32), precision="fp32") as a,
        load_model(constant, precision="fp32") as b,
    ):
        np.testing.assert_array_equal(a.embed(faces), b.embed(faces))


@pytest.mark.parametrize(
    ("model", "size", "message"),
    [
        (
            small_recogniser(),
            (48, 48),
            "input_size is 48x48 for the image input 'image', but the graph's is 32x32",
        ),
        (small_recogniser(size="S"), (48, 48), "the network's weights do not fit that size"),
        (small_recogniser(size="S"), None, "sizes that fit its weights are none of the usual ones"),
        (pooled("N,3,112,W"), None, r"\(\?, 3, 112, \?\).*fit its weights are 112x112, 112x96;"),
    ],
)
def test_a_wrong_size_is_one_clear_error(model, size, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        fix_input_size(model, size)


def test_a_constant_size_leaves_the_model_as_it_is() -> None:
    model = small_recogniser()
    assert fix_input_size(model) is model
    assert fix_input_size(model, (32, 32)) is model
