"""Half precision in the file: which nodes get it, and that the answers stay the same without an overflow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from fiqx_trt.errors import DependencyError, ModelError
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.onnx_export.architectures.dlib_resnet import build_dlib_resnet, find_weights
from fiqx_trt.onnx_export.architectures.inception_resnet_v1 import build_inception_resnet_v1
from fiqx_trt.onnx_export.architectures.iresnet import build_iresnet18
from fiqx_trt.onnx_export.architectures.mobilefacenet import build_mobilefacenet
from fiqx_trt.onnx_export.graphs.half import LARGEST, to_half
from fiqx_trt.onnx_export.graphs.view import GraphView
from reference.onnx_graphs import run
from runtime.small_nets import images, model, residual_net


def faces(size: int, mean: tuple[float, ...], std: float) -> NDArray[np.float32]:
    pixels = probe_faces((size, size)).astype(np.float64)
    return ((pixels - np.array(mean)) / std).transpose(0, 3, 1, 2).astype(np.float32)


def dlib() -> onnx.ModelProto:
    try:
        return build_dlib_resnet(find_weights())
    except DependencyError as error:
        pytest.skip(str(error))


NETWORKS: dict[str, tuple[Callable[[], onnx.ModelProto], int, tuple[float, ...], float]] = {
    "iresnet18": (build_iresnet18, 112, (127.5,), 127.5),
    "mobilefacenet": (build_mobilefacenet, 112, (127.5,), 127.5),
    "dlib": (dlib, 150, (122.782, 117.001, 104.298), 256.0),
}


def cosines(a: NDArray[np.generic], b: NDArray[np.generic]) -> NDArray[np.float64]:
    x, y = a.astype(np.float64), b.astype(np.float64)
    return np.asarray((x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_recogniser_keeps_its_embeddings(name: str) -> None:
    """On ONNX Runtime, and with every operator in true float16 arithmetic in torch."""
    pytest.importorskip("onnxruntime")
    torch = pytest.importorskip("torch")
    from fiqx_trt.runtime.torch import TorchGraph

    build, size, mean, std = NETWORKS[name]
    original = build()
    half = to_half(original)
    x = faces(size, mean, std)
    image, embedding = original.graph.input[0].name, original.graph.output[0].name
    want = run(original, {image: x})[embedding]
    got = run(half, {image: x})[embedding]
    assert got.dtype == np.float32
    assert cosines(want, got).min() >= 0.9995

    types = GraphView(half).types
    rounded = [name for name, kind in types.items() if kind.elem_type == TensorProto.FLOAT16]
    made = [name for node in half.graph.node for name in node.output if name in rounded]
    with torch.inference_mode():
        tensors = TorchGraph(half)({image: torch.from_numpy(x[:1])}, outputs=[embedding, *made])
    assert cosines(want[:1], tensors[embedding].numpy()).min() >= 0.9995
    assert len(made) > 40
    assert all(tensors[name].dtype == torch.float16 for name in made)
    largest = max(float(tensors[name].abs().max()) for name in made)
    assert largest < LARGEST / 4, f"{name} comes near the largest float16: {largest}"


@pytest.mark.parametrize("build", [build_inception_resnet_v1, residual_net])
def test_convolutions_are_half_and_the_last_layer_is_not(build: Callable[[], onnx.ModelProto]) -> None:
    half = to_half(build())
    onnx.checker.check_model(half, full_check=True)
    view = GraphView(half)
    for node in half.graph.node:
        kinds = {view.types[name].elem_type for name in (*node.input, *node.output) if name in view.types}
        if node.op_type in ("Conv", "PRelu", "Relu", "MaxPool", "Add", "Concat"):
            assert kinds == {TensorProto.FLOAT16}, node.name
        if node.op_type in ("Gemm", "BatchNormalization", "GlobalAveragePool"):
            assert kinds == {TensorProto.FLOAT}, node.name
    assert {value.type.tensor_type.elem_type for value in (*half.graph.input, *half.graph.output)} == {
        TensorProto.FLOAT
    }
    casts = sum(node.op_type == "Cast" for node in half.graph.node)
    assert casts <= 1 + len(half.graph.output)  # one into half precision, one out of it per border


def test_names_outputs_and_the_given_model_stay() -> None:
    original = residual_net()
    before = original.SerializeToString()
    half = to_half(original)
    assert original.SerializeToString() == before
    assert [value.name for value in half.graph.output] == [value.name for value in original.graph.output]
    x = images(3)
    want, got = run(original, {"image": x}), run(half, {"image": x})
    for name, value in want.items():
        assert cosines(value.reshape(3, -1), got[name].reshape(3, -1)).min() >= 0.9995
        assert got[name].shape == value.shape


def test_a_batch_norm_before_a_convolution_becomes_a_product_and_a_sum() -> None:
    """Its two constants are rounded once, from float64: the error is that of float16, about 2**-11 relative."""
    rng = np.random.default_rng(0)
    moments = [rng.uniform(0.5, 2, 3).astype(np.float32) for _ in range(4)]
    weights = dict(zip("gbmv", moments, strict=True)) | {"w": np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="c"),
        helper.make_node("Relu", ["c"], ["r"], name="r"),
        helper.make_node("BatchNormalization", ["r", *"gbmv"], ["n"], name="n", epsilon=1e-5),
        helper.make_node("Conv", ["n", "w"], ["y"], name="y"),
    ]
    half = to_half(model(nodes, {"x": ("N", 3, 4, 4)}, {"y": ("N", 3, 4, 4)}, initializers=weights))
    assert [node.op_type for node in half.graph.node] == [
        "Cast",
        "Conv",
        "Relu",
        "Mul",
        "Add",
        "Conv",
        "Cast",
    ]
    x = np.abs(rng.standard_normal((2, 3, 4, 4))).astype(np.float32)
    gamma, beta, mean, variance = (value.astype(np.float64)[:, None, None] for value in moments)
    want = gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta
    np.testing.assert_allclose(run(half, {"x": x})["y"], want, rtol=4e-3, atol=4e-3)


@pytest.mark.parametrize("value", [1e6, -1e30])
def test_a_node_with_a_constant_beyond_half_precision_stays_single(value: float) -> None:
    w = np.eye(2, dtype=np.float32).reshape(2, 2, 1, 1)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="c"),
        helper.make_node("Max", ["c", "low"], ["m"], name="m"),
        helper.make_node("Conv", ["m", "big"], ["y"], name="y"),
    ]
    weights = {"w": w, "low": np.array(value, np.float32), "big": w * 1e5}
    half = to_half(model(nodes, {"x": ("N", 2, 3, 3)}, {"y": ("N", 2, 3, 3)}, initializers=weights))
    kinds = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    assert kinds == {"w.half": TensorProto.FLOAT16, "low": TensorProto.FLOAT, "big": TensorProto.FLOAT}


def test_a_gate_per_picture_stays_single_and_its_product_is_half() -> None:
    """Squeeze and excitation: the pooled branch is float32 throughout."""
    rng = np.random.default_rng(1)
    w = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in
         (("w", (4, 3, 3, 3)), ("s", (2, 4, 1, 1)), ("e", (4, 2, 1, 1)))}  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="c"),
        helper.make_node("GlobalAveragePool", ["c"], ["p"], name="p"),
        helper.make_node("Conv", ["p", "s"], ["q"], name="q"),
        helper.make_node("Relu", ["q"], ["r"], name="r"),
        helper.make_node("Conv", ["r", "e"], ["g"], name="g"),
        helper.make_node("Sigmoid", ["g"], ["a"], name="a"),
        helper.make_node("Mul", ["c", "a"], ["y"], name="y"),
    ]
    original = model(nodes, {"x": ("N", 3, 8, 8)}, {"y": ("N", 4, 6, 6)}, initializers=w)
    half = to_half(original)
    types = {name: kind.elem_type for name, kind in GraphView(half).types.items()}
    single, double = TensorProto.FLOAT, TensorProto.FLOAT16
    assert [types[name] for name in ("c.half", "p", "q", "r", "g", "a", "y.half", "y")] == [
        double, single, single, single, single, single, double, single
    ]  # fmt: skip
    x = images(2, size=8)
    np.testing.assert_allclose(run(half, {"x": x})["y"], run(original, {"x": x})["y"], rtol=0, atol=0.02)


def test_shapes_constants_and_integers_pass() -> None:
    """A Constant node becomes half where a half node reads it; a Shape is read from the half tensor."""
    two = numpy_helper.from_array(np.float32(2.5), "")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="c"),
        helper.make_node("Constant", [], ["k"], name="k", value=two),
        helper.make_node("Mul", ["c", "k"], ["m"], name="m"),
        helper.make_node("Shape", ["m"], ["s"], name="s", start=0, end=1),
        helper.make_node("Concat", ["s", "rest"], ["t"], name="t", axis=0),
        helper.make_node("Reshape", ["m", "t"], ["y"], name="y"),
    ]
    weights = {"w": np.ones((1, 2, 1, 1), np.float32), "rest": np.array([-1], np.int64)}
    half = to_half(model(nodes, {"x": ("N", 2, 3, 3)}, {"y": ("N", 9)}, initializers=weights))
    assert [node.op_type for node in half.graph.node].count("Cast") == 2
    x = images(3, size=3)[:, :2]
    want = 2.5 * (x[:, :1] + x[:, 1:]).reshape(3, 9)
    np.testing.assert_allclose(run(half, {"x": x})["y"], want, rtol=5e-3, atol=5e-3)


def test_a_graph_that_is_no_onnx_says_so() -> None:
    broken = model([helper.make_node("Conv", ["x"], ["y"])], {"x": ("N", 2, 3, 3)}, {"y": ("N", 2, 3, 3)})
    with pytest.raises(ModelError, match=r"contradict each other|cannot be written in half precision"):
        to_half(broken)


def test_a_head_of_its_own_is_half_from_end_to_end() -> None:
    """As a part of a recogniser the same layer stays in float32."""
    torch = pytest.importorskip("torch")
    from fiqx_trt.runtime.torch import TorchGraph

    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(size=(16, 400)).astype(np.float32) / 20,
        "b": rng.normal(size=16).astype(np.float32),
    }
    nodes = [helper.make_node("Gemm", ["h", "w", "b"], ["e"], transB=1)]
    head = model(nodes, {"h": ("N", 400)}, {"e": ("N", 16)}, initializers=weights)
    assert to_half(head).graph.node[0].op_type == "Gemm"
    half = to_half(head, vectors=True)
    assert [node.op_type for node in half.graph.node] == ["Cast", "Gemm", "Cast"]
    assert list(to_half(half, vectors=True).graph.node) == list(half.graph.node)
    h = torch.from_numpy(rng.normal(size=(8, 400)).astype(np.float32))
    got, want = (np.asarray(TorchGraph(g, dtype=d)({"h": h})["e"], np.float64) for g, d in
                 ((half, torch.float32), (head, torch.float64)))  # fmt: skip
    assert (cosines(got, want) > 1 - 1e-5).all()
    assert not np.array_equal(got, want)
