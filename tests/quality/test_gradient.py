from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import fiqx_trt as fx
from fiqx_trt.models import Model
from fiqx_trt.models.torch_gradients import TorchGradientSession
from fiqx_trt.quality.gradient import Gradient
from support.nets import noise_faces, save, small_recogniser


def quality(model: Model, faces: np.ndarray) -> np.ndarray:
    return Gradient().score(model, faces, None).raw


def test_it_is_the_mean_saliency_of_a_node_of_quality_one(tmp_path: Path) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    faces = noise_faces(5)
    with fx.load_model(path, precision="fp32") as model:
        saliency = fx.plq(model, faces, quality=np.ones(5), gamma=7.0).saliency
        assert quality(model, faces) == pytest.approx(saliency.mean(axis=(1, 2), dtype=np.float64), rel=1e-5)


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
        found = quality(model, face)[0]
    assert found == pytest.approx(np.abs(slope).mean() / np.abs(e).sum(), rel=0.25)


def without_adjoint() -> onnx.ModelProto:
    """The small network with an operator whose gradient is left to torch."""
    graph = small_recogniser()
    nodes = list(graph.graph.node)
    position = next(i for i, node in enumerate(nodes) if node.output[0] == "r1")
    nodes[position + 1].input[0] = "curved"
    extra = [
        onnx.helper.make_node("Constant", [], ["level"], value_float=0.3),
        onnx.helper.make_node("Max", ["r1", "level"], ["curved"]),
    ]
    del graph.graph.node[:]
    graph.graph.node.extend([*nodes[: position + 1], *extra, *nodes[position + 1 :]])
    return graph


@pytest.mark.parametrize("network", [small_recogniser, without_adjoint])
def test_it_does_not_depend_on_what_was_asked_before(
    network: Callable[[], onnx.ModelProto], tmp_path: Path
) -> None:
    path, faces = save(network(), tmp_path / "small.onnx"), noise_faces(5)

    def opened() -> Model:
        return fx.load_model(path, mean=110.0, std=60.0, color="rgb", precision="fp32", gamma=7.0)

    with opened() as model:
        first = quality(model, faces)
        after = fx.plq(model, faces, quality=np.ones(5)).maps
    with opened() as model:
        before = fx.plq(model, faces, quality=np.ones(5)).maps
        second = quality(model, faces)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(after, before)


def test_it_does_not_depend_on_the_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO divides a row of this network's gradient over its threads, and adds the parts up in another order."""
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path))
    faces = np.pad(noise_faces(2, size=148), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    found = []
    for threads in (1, 2):
        runtime = {"backend": "openvino", "precision": "fp32", "max_batch": 1, "threads": threads}
        with fx.load_model("dlib-resnet", **runtime) as model:
            found.append(quality(model, faces))
    np.testing.assert_array_equal(found[0], found[1])


def test_torchs_gradient_does_not_depend_on_the_number_of_threads() -> None:
    faces = np.pad(noise_faces(1, size=148), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    before, found = torch.get_num_threads(), []
    with fx.load_model("dlib-resnet", backend="onnxruntime", precision="fp32", max_batch=1) as model:
        session = TorchGradientSession(model._graph, model.spec, weights="l1")
        try:
            for threads in (1, 2):
                torch.set_num_threads(threads)
                found.append(session.run({"image": model.input(faces, raw=True)})["gradient"])
                assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
