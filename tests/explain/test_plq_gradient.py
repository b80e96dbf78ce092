"""The gradient behind pixel-level quality: torch's where the compiled graph has none, and what neither can give."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from fiqx_trt.errors import DependencyError, ModelError
from fiqx_trt.explain.plq import plq
from fiqx_trt.models import Model, load_model
from fiqx_trt.models.gradients import gradients, open_gradient
from fiqx_trt.models.torch_gradients import TorchGradientSession
from reference import plq as reference
from support.nets import save, small_recogniser
from support.plq import MEAN, QUICK, STD


def with_maximum(operator: str = "Max") -> onnx.ModelProto:
    """The small network with an operator whose gradient is not implemented."""
    graph = small_recogniser()
    nodes = list(graph.graph.node)
    position = next(i for i, node in enumerate(nodes) if node.output[0] == "r1")
    reader = nodes[position + 1]
    reader.input[0] = "curved"
    extra = [
        helper.make_node("Constant", [], ["level"], value_float=0.3),
        helper.make_node(operator, ["r1", "level"] if operator == "Max" else ["r1"], ["curved"]),
    ]
    del graph.graph.node[:]
    graph.graph.node.extend([*nodes[: position + 1], *extra, *nodes[position + 1 :]])
    return graph


@pytest.mark.parametrize("weights", ["l1", "signed", "exact"])
def test_torch_gives_the_compiled_graphs_gradient(model: Model, faces: np.ndarray, weights: str) -> None:
    norms = model.head_column_norms if weights == "exact" else None
    session = TorchGradientSession(model._graph, model.spec, weights=weights, column_norms=norms)
    outputs = session.run({"image": model.input(faces, raw=True)})
    compiled = gradients(model, faces, weights)
    difference = np.linalg.norm((outputs["gradient"] - compiled.gradient).reshape(5, -1), axis=1)
    assert (difference <= 1e-2 * np.linalg.norm(compiled.gradient.reshape(5, -1), axis=1)).all()
    np.testing.assert_allclose(outputs["embedding"], compiled.embedding, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(outputs["pre_dropout"], compiled.pre_dropout, rtol=1e-4, atol=1e-4)
    alone = session.run({"image": model.input(faces[3:4], raw=True)})
    np.testing.assert_array_equal(alone["gradient"][0], outputs["gradient"][3])
    assert session.run({"image": model.input(faces[:0], raw=True)})["gradient"].shape == (0, 3, 32, 32)


def test_an_operator_without_adjoint_runs_in_torch_and_says_so(
    tmp_path: Path, faces: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    path = save(with_maximum(), tmp_path / "max.onnx")
    with load_model(path, mean=MEAN, std=STD, color="rgb", alpha=30, r=0.5, gamma=6.0, **QUICK) as model:
        with caplog.at_level(logging.WARNING, logger="fiqx_trt"):
            found = plq(model, faces, quality=np.full(5, 0.5))
        assert open_gradient(model, "l1").backend == "torch"
    assert "max: gradient not implemented for operator Max" in caplog.text
    assert "(Max)" in caplog.text
    assert "torch's autograd is used instead, several times slower" in caplog.text
    net = reference.SmallNet(small_recogniser())
    plain = net.forward

    def curved(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        w = net.w
        x = torch.relu(torch.nn.functional.conv2d(x, w["w1"], stride=2, padding=1)).clamp_min(0.3)
        h = torch.relu(torch.nn.functional.conv2d(x, w["w2"], stride=2, padding=1)).flatten(1)
        return (h @ w["w3"].T + w["b3"] - w["m"]) / torch.sqrt(w["v"] + 1e-5) * w["g"] + w["b"], h

    net.forward = curved  # type: ignore[method-assign]
    assert plain is not curved
    want = reference.saliency(net, faces[0], 0.5, "l1", mean=MEAN, std=STD)
    np.testing.assert_allclose(found.saliency[0], want, atol=1e-4 * want.max())


def test_without_torch_the_operator_is_named(
    tmp_path: Path, faces: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fiqx_trt.models.torch_gradients", None)
    path = save(with_maximum(), tmp_path / "max.onnx")
    with (
        load_model(path, mean=MEAN, std=STD, color="rgb", gamma=6.0, **QUICK) as model,
        pytest.raises(DependencyError, match=r"Max.*pip install \"fiqx-trt\[torch\]\""),
    ):
        plq(model, faces, quality=np.full(5, 0.5))


def test_what_torch_cannot_differentiate_either_is_said(tmp_path: Path, faces: np.ndarray) -> None:
    path = save(with_maximum("Sin"), tmp_path / "sin.onnx")
    with (
        load_model(path, mean=MEAN, std=STD, color="rgb", gamma=6.0, **QUICK) as model,
        pytest.raises(
            ModelError,
            match=r"gradient not implemented for operator Sin.*torch, which then differentiates, does not know",
        ),
    ):
        plq(model, faces, quality=np.full(5, 0.5))


def test_exact_wants_an_affine_head(tmp_path: Path, faces: np.ndarray) -> None:
    graph = small_recogniser(norm=False)
    graph.graph.node[-1].output[0] = "linear"
    graph.graph.node.append(helper.make_node("Tanh", ["linear"], ["embedding"]))
    path = save(graph, tmp_path / "tanh.onnx")
    taps = {"pre_dropout": "pre_dropout", "features": "features"}
    with load_model(path, mean=MEAN, std=STD, color="rgb", gamma=6.0, **taps, **QUICK) as model:
        with pytest.raises(ModelError, match="affine"):
            plq(model, faces, quality=np.full(5, 0.5), weights="exact")
        assert plq(model, faces, quality=np.full(5, 0.5)).maps.max() > 0


def test_gradients_are_float32_whatever_the_model_runs_in(path: Path) -> None:
    with load_model(path, mean=MEAN, std=STD, color="rgb", precision="auto") as model:
        session = open_gradient(model, "sum")
        assert session.precision == "fp32"
        assert session is open_gradient(model, "l1")
