"""Batch norms in front of convolutions: folded to float64's accuracy, at the borders too, or left as they are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fiqx_trt.onnx_export.graphs.fold import fold_batch_norms
from fiqx_trt.onnx_export.graphs.fold_ahead import fold_batch_norms_ahead
from runtime.small_nets import residual_net
from support.networks import with_drawn_norms

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)


def network(
    *, size: tuple[object, object] = (9, 7), channels: int = 4, **convolution: object
) -> onnx.ModelProto:
    """Return a batch norm in front of one convolution, in float64."""
    groups = int(convolution.get("group", 1))  # type: ignore[call-overload]
    weights = {
        "s": RNG.uniform(0.5, 2, channels), "b": RNG.normal(size=channels), "m": RNG.normal(size=channels),
        "v": RNG.uniform(0.5, 2, channels), "w": RNG.normal(size=(6, channels // groups, 3, 3)), "c": RNG.normal(size=6),
    }  # fmt: skip
    nodes = [
        helper.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["n"], epsilon=1e-3),
        helper.make_node("Conv", ["n", "w", "c"], ["y"], **convolution),
    ]
    return model(nodes, weights, (None, channels, *size), outputs=["y"])


def model(
    nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], shape: tuple[object, ...], outputs: list[str]
) -> onnx.ModelProto:
    dims = ["N", *("?" if size is None else size for size in shape[1:])]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.DOUBLE, dims)],
        [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def operators(graph: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in graph.graph.node)


def answers(graph: onnx.ModelProto, x: np.ndarray) -> list[np.ndarray]:
    from fiqx_trt.runtime.torch import TorchGraph

    results = TorchGraph(graph, dtype=torch.float64)({graph.graph.input[0].name: torch.from_numpy(x)})
    return [np.asarray(value) for value in results.values()]


@pytest.mark.parametrize(
    "convolution",
    [
        {"pads": [1, 1, 1, 1]},
        {"pads": [1, 1, 1, 1], "strides": [2, 2]},
        {"pads": [0, 2, 1, 0], "strides": [1, 2]},
        {"pads": [2, 2, 2, 2], "dilations": [2, 2]},
        {"pads": [1, 1, 1, 1], "group": 2},
        {"pads": [3, 0, 3, 0]},
    ],
    ids=str,
)
def test_a_padded_convolution_keeps_its_answers_to_float64(convolution: dict[str, object]) -> None:
    before = network(**convolution)
    after = fold_batch_norms_ahead(before)
    assert operators(after) == {"Conv": 1, "Add": 1}
    x = RNG.normal(size=(2, 4, 9, 7))
    (want,), (got,) = answers(before, x), answers(after, x)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-13 * np.abs(want).max())


def test_without_padding_the_shift_is_a_bias() -> None:
    before = network()
    after = fold_batch_norms_ahead(before)
    assert operators(after) == {"Conv": 1}
    x = RNG.normal(size=(2, 4, 9, 7))
    np.testing.assert_allclose(answers(after, x)[0], answers(before, x)[0], rtol=0, atol=1e-12)


def test_two_convolutions_that_read_one_batch_norm() -> None:
    before = network(pads=[1, 1, 1, 1])
    before.graph.node.append(helper.make_node("Conv", ["n", "w"], ["z"], strides=[2, 2]))
    before.graph.output.append(helper.make_tensor_value_info("z", TensorProto.DOUBLE, None))
    after = fold_batch_norms_ahead(before)
    assert operators(after) == {"Conv": 2, "Add": 1}
    x = RNG.normal(size=(2, 4, 9, 7))
    for got, want in zip(answers(after, x), answers(before, x), strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)


def left_alone() -> dict[str, onnx.ModelProto]:
    an_output = network(pads=[1, 1, 1, 1])
    an_output.graph.output.append(helper.make_tensor_value_info("n", TensorProto.DOUBLE, None))
    another_reader = network(pads=[1, 1, 1, 1])
    another_reader.graph.node.append(helper.make_node("Relu", ["n"], ["r"]))
    another_reader.graph.output.append(helper.make_tensor_value_info("r", TensorProto.DOUBLE, None))
    unread = network()
    unread.graph.node.pop()
    unread.graph.output[0].name = "n"
    return {
        "an output": an_output, "another reader": another_reader, "no convolution": unread,
        "an open size": network(size=(None, None), pads=[1, 1, 1, 1]), "auto_pad": network(auto_pad="SAME_UPPER"),
    }  # fmt: skip


@pytest.mark.parametrize("name", left_alone())
def test_what_cannot_be_folded_is_left_alone(name: str) -> None:
    before = left_alone()[name]
    assert list(fold_batch_norms_ahead(before).graph.node) == list(before.graph.node)


def test_a_residual_network_has_no_batch_norm_left_but_the_last() -> None:
    before = with_drawn_norms(residual_net(), np.float64)
    after = fold_batch_norms_ahead(fold_batch_norms(before))
    assert operators(before)["BatchNormalization"] == 14
    assert operators(after)["BatchNormalization"] == 1  # the last, which no convolution reads
    x = RNG.uniform(-1, 1, (2, 3, 32, 32))
    (want, *_), (got, *_) = answers(before, x), answers(after, x)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * np.abs(want).max())
