from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError, ModelError
from fiqx_trt.models import ModelSpec, load_model, load_spec
from fiqx_trt.models.load import guess_message
from fiqx_trt.models.spec import read_sidecar, sidecar_path
from fiqx_trt.onnx_export.graphs.builder import GraphBuilder
from support.nets import SIZE, noise_faces, save, small_recogniser


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save(small_recogniser(), tmp_path / "small.onnx")


def test_everything_open_is_inferred_and_named(path: Path) -> None:
    spec, found = load_spec(path)
    assert found == path
    assert (spec.image, spec.embedding, spec.pre_dropout, spec.features) == (
        "image",
        "embedding",
        "pre_dropout",
        "features",
    )
    assert spec.input_size == (32, 32)
    assert (spec.mean, spec.std, spec.color) == ((127.5,) * 3, (127.5,) * 3, "rgb")
    assert set(spec.guesses) == {"mean", "std", "color", "template"}
    assert guess_message(spec) == (
        "small: guessed mean = 127.5, std = 127.5, color = rgb, template = arcface (nothing before its first layer scales "
        "the input: −1 … 1 is usual). Wrong normalisation gives plausible but wrong scores: state "
        "them with --mean --std --color --template, or as fields of its sidecar"
    )


def test_a_network_that_scales_its_own_input_gets_raw_pixels(tmp_path: Path) -> None:
    graph = GraphBuilder("scaled")
    x = graph.node("Sub", ["image", graph.constant("mean", np.float32(127.5))], "centred")
    x = graph.node("Mul", [x, graph.constant("scale", np.float32(0.0078125))], "scaled")
    x = graph.node("Conv", [x, graph.constant("w", np.ones((4, 3, 3, 3), np.float32))], "conv")
    x = graph.node("GlobalAveragePool", [x], "pool")
    x = graph.node("Flatten", [x], "flat")
    graph.node("Gemm", [x, graph.constant("v", np.ones((4, 8), np.float32))], "embedding")
    model = graph.model({"image": ("N", 3, 112, 112)}, {"embedding": ("N", 8)})
    spec, _ = load_spec(save(model, tmp_path / "scaled.onnx"))
    assert (spec.mean, spec.std, spec.template) == ((0.0,) * 3, (1.0,) * 3, "arcface")


def test_sidecar_wins_over_inference_and_arguments_over_the_sidecar(path: Path) -> None:
    sidecar_path(path).write_text(json.dumps({"mean": [1, 2, 3], "alpha": 130, "color": "bgr"}))
    spec, _ = load_spec(path, {"alpha": 99.0})
    assert (spec.mean, spec.alpha, spec.color) == ((1.0, 2.0, 3.0), 99.0, "bgr")
    assert set(spec.guesses) == {"std", "template"}


def test_a_single_number_in_a_sidecar_holds_for_every_channel(path: Path) -> None:
    sidecar_path(path).write_text(json.dumps({"mean": 100, "std": [64.0]}))
    spec, _ = load_spec(path)
    assert (spec.mean, spec.std) == ((100.0,) * 3, (64.0,) * 3)


@pytest.mark.parametrize("fields", [{}, {"mean": 120.0, "std": (60.0,)}, {"color": "gray", "mean": 120.0}])
def test_a_grey_network_has_one_mean(tmp_path: Path, fields: dict[str, object]) -> None:
    grey = save(small_recogniser(channels=1), tmp_path / "grey.onnx")
    spec, _ = load_spec(grey, fields)
    assert (spec.color, spec.mean) == ("gray", (fields.get("mean", 127.5),))
    faces = noise_faces(3)
    with load_model(grey, precision="fp32", **fields) as model:  # type: ignore[arg-type]
        x = model.normalise(faces)
        assert x.shape == (3, 1, SIZE, SIZE)
        luma = faces.astype(np.float64) @ [0.299, 0.587, 0.114]
        np.testing.assert_allclose(x[:, 0], (luma - spec.mean[0]) / spec.std[0], atol=1.5 / spec.std[0])
        assert np.isfinite(model.embed(faces)).all()


@pytest.mark.parametrize(
    ("channels", "color", "message"),
    [
        (
            1,
            "rgb",
            "color is 'rgb', but the image input 'image' has 1 channel; state gray with --color ORDER",
        ),
        (
            3,
            "gray",
            "color is 'gray', but the image input 'image' has 3 channels; state rgb or bgr with --color",
        ),
    ],
)
def test_a_colour_that_the_graph_contradicts(tmp_path: Path, channels: int, color: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_spec(save(small_recogniser(channels=channels), tmp_path / "n.onnx"), {"color": color})


def test_a_saved_spec_comes_back_the_same(path: Path) -> None:
    spec, _ = load_spec(path, {"mean": 3.0, "alpha": 130.0, "r": 0.88, "source": "here"})
    spec.save(sidecar_path(path))
    again, _ = load_spec(path)
    assert again == spec


def test_guesses_in_a_sidecar_stay_guesses(path: Path) -> None:
    spec, _ = load_spec(path)
    spec.save(sidecar_path(path))
    again, _ = load_spec(path, {"std": 64.0})
    assert set(again.guesses) == {"mean", "color", "template"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot read the model's sidecar"),
        ("[]", "must be one JSON object"),
        ('{"men": 1}', "unknown fields men; known are"),
        ('{"mean": "x"}', "has mean = 'x'"),
        ('{"name": 3}', "it must be a text"),
    ],
)
def test_a_broken_sidecar_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=message):
        read_sidecar(path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input_size": (0, 5)}, r"input_size is \(0, 5\)"),
        ({"color": "cmyk"}, "color is 'cmyk'; the orders known are rgb, bgr, gray"),
        ({"std": (1.0, 0.0, 1.0)}, "a zero would divide by zero"),
        (
            {"mean": (1.0,)},
            "mean has 1 numbers; a rgb model has one number, or one for each of 3 channels: --mean",
        ),
    ],
)
def test_impossible_fields(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        ModelSpec(name="x", **fields)  # type: ignore[arg-type]
