"""The differentiable callable: whole networks, taps, gradients, and operators that are not covered."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from fiqx_trt.errors import InferenceError, InvalidInputError, ModelError
from fiqx_trt.runtime import open_session
from runtime.small_nets import convolutional_net, images, model, residual_net

torch = pytest.importorskip("torch")

from fiqx_trt.runtime.torch import TorchGraph  # noqa: E402


@pytest.mark.parametrize(("net", "size"), [(residual_net(), 32), (convolutional_net(), 21)])
def test_a_whole_network_gives_what_onnx_runtime_gives(net: onnx.ModelProto, size: int) -> None:
    pytest.importorskip("onnxruntime")
    x = images(3, size)
    with open_session(net, backend="onnxruntime", max_batch=1) as session:
        want = session.run({"image": x})
    got = TorchGraph(net)({"image": torch.tensor(x)})
    assert list(got) == list(want)
    for name, value in want.items():
        np.testing.assert_allclose(got[name].numpy(), value, rtol=1e-4, atol=1e-5)


def test_the_gradient_is_that_of_finite_differences_in_float64() -> None:
    net = residual_net(size=16, widths=(4, 6), embedding=5)
    graph = TorchGraph(net, dtype=torch.float64)
    name = graph.outputs[0]
    x = torch.tensor(images(2, 16), dtype=torch.float64, requires_grad=True)
    weights = torch.arange(1.0, 6.0, dtype=torch.float64)
    (graph({"image": x})[name] @ weights).sum().backward()
    rng, step = np.random.default_rng(0), 1e-6
    for _ in range(12):
        at = (rng.integers(2), rng.integers(3), rng.integers(16), rng.integers(16))
        ends = []
        for sign in (1, -1):
            moved = x.detach().clone()
            moved[at] += sign * step
            ends.append(float((graph({"image": moved})[name] @ weights).sum()))
        assert float(x.grad[at]) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-4, abs=1e-6)


def test_the_gradient_of_a_norm_is_finite_at_zero() -> None:
    nodes = [helper.make_node("ReduceL2", ["x"], ["y"], axes=[1], keepdims=0)]
    graph = TorchGraph(model(nodes, {"x": ("N", 4)}, {"y": ("N",)}))
    x = torch.zeros(2, 4, requires_grad=True)
    graph({"x": x})["y"].sum().backward()
    assert torch.isfinite(x.grad).all()


def test_any_tensor_of_the_graph_can_be_asked_for() -> None:
    net = residual_net()
    graph = TorchGraph(net)
    x = torch.tensor(images(1))
    inner = net.graph.node[4].output[0]
    got = graph({"image": x}, outputs=[inner, "image", graph.outputs[1]])
    assert list(got) == [inner, "image", graph.outputs[1]]
    torch.testing.assert_close(got[graph.outputs[1]], graph({"image": x})[graph.outputs[1]], rtol=0, atol=0)
    assert got["image"] is x
    with pytest.raises(InvalidInputError, match=r"the graph has no tensor named \['nothing'\]"):
        graph({"image": x}, outputs=["nothing"])


def test_only_what_is_wanted_is_run() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "x"], ["fails"]),
        helper.make_node("Relu", ["x"], ["y"]),
    ]
    graph = TorchGraph(model(nodes, {"x": ("N", 3)}, {"y": ("N", 3), "fails": ("N", 3)}))
    x = torch.ones(2, 3)
    torch.testing.assert_close(graph({"x": x}, outputs=["y"])["y"], x)
    with pytest.raises(InferenceError, match=r"torch failed in the MatMul node 'fails': "):
        graph({"x": x})


def test_a_missing_input_is_named() -> None:
    with pytest.raises(
        InvalidInputError, match=r"no tensor for the inputs \['image'\]; the graph expects \['image'\]"
    ):
        TorchGraph(residual_net())({})


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (
            helper.make_node("Det", ["x"], ["y"], name="d"),
            r"operator Det \(node 'd'\) is not covered by the torch",
        ),
        (
            helper.make_node("Relu", ["x"], ["y"], domain="com.example"),
            r"operator com\.example\.Relu \(node 'y'\) is not covered .*backend='openvino' or backend='onnxruntime'",
        ),
    ],
)
def test_an_operator_outside_the_table_is_refused_at_once(node: onnx.NodeProto, text: str) -> None:
    net = model([node], {"x": ("N", 3)}, {"y": ("N", 3)})
    with pytest.raises(ModelError, match=text):
        TorchGraph(net)
    with pytest.raises(ModelError, match=text):
        open_session(net, backend="torch", device="cpu")


X4 = {"x": ("N", 3, 4, 4)}


@pytest.mark.parametrize(
    ("op", "attributes", "text"),
    [
        (
            "MaxPool",
            {"kernel_shape": [2, 2]},
            r"MaxPool node 'it': the torch backend does not cover the output Indices",
        ),
        ("AveragePool", {"kernel_shape": [2, 2], "dilations": [2, 2]}, r"does not cover dilations"),
        ("Cast", {"to": onnx.TensorProto.STRING}, r"does not cover the element type 8"),
        ("Resize", {"mode": "cubic"}, r"does not cover mode 'cubic'"),
        ("Resize", {"mode": "linear"}, r"does not cover neither scales nor sizes"),
        ("Constant", {"value_string": "a"}, r"does not cover the attribute value_string"),
    ],
)
def test_a_variant_that_is_not_covered_is_refused(op: str, attributes: dict[str, object], text: str) -> None:
    outputs = ["y", "indices"] if op == "MaxPool" else ["y"]
    node = helper.make_node(op, [] if op == "Constant" else ["x"], outputs, name="it", **attributes)
    graph = TorchGraph(model([node], X4, {"y": ("N", 3, None, None)}))
    with pytest.raises(ModelError, match=text):
        graph({"x": torch.ones(1, 3, 4, 4)})


def test_a_layer_normalisation_with_its_moments_as_outputs_is_refused() -> None:
    node = helper.make_node("LayerNormalization", ["x", "s"], ["y", "mean"], name="it")
    weights = {"s": np.ones(4, np.float32)}
    graph = TorchGraph(model([node], X4, {"y": ("N", 3, 4, 4)}, initializers=weights))
    with pytest.raises(ModelError, match=r"does not cover the mean and deviation as outputs"):
        graph({"x": torch.ones(1, 3, 4, 4)})
