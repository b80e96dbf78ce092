"""Rows of `support.foreign` on what a file says of its input, its embedding and its head."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from support.foreign import Foreign, changed, gray_oracle
from support.foreign_graphs import Change, constant, node_of, put_before
from support.nets import DIMENSIONS, FEATURES


def ending(text: str, **constants: Any) -> Change:
    """Make ``embedding`` of the raw embedding ``e`` by nodes in ONNX's text form."""

    def change(model: onnx.ModelProto) -> None:
        node_of(model, "embedding").output[0] = "e"
        header = '<ir_version: 8, opset_import: ["": 17]> end (float[N,24] e) => (float[N,24] embedding)'
        nodes = onnx.parser.parse_model(f"{header} {{ {text} }}").graph.node
        model.graph.node.extend(nodes)
        for name, value in constants.items():
            constant(model, name, value, np.asarray(value).dtype if name == "axis" else np.float32)

    return change


def raw_output_too(model: onnx.ModelProto) -> None:
    """Give the raw embedding ``e`` out as well, after the other."""
    model.graph.output.append(helper.make_tensor_value_info("e", TensorProto.FLOAT, ["N", DIMENSIONS]))


def last_layer_in_two(model: onnx.ModelProto) -> None:
    """Turn the vector by a rotation, and back by the weights of the last layer."""
    weight = next(t for t in model.graph.initializer if t.name == "w3")
    turn, _ = np.linalg.qr(np.random.default_rng(3).standard_normal((FEATURES, FEATURES)))
    turned = numpy_helper.to_array(weight).astype(np.float64) @ turn.T
    weight.CopyFrom(numpy_helper.from_array(turned.astype(np.float32), "w3"))
    nodes = helper.make_node(
        "Gemm", ["pre_dropout", constant(model, "turn", turn, np.float32)], ["turned"], transB=1
    )
    put_before(model, "linear", nodes)
    node_of(model, "linear").input[0] = "turned"


def product_and_sum(model: onnx.ModelProto) -> None:
    """Write the last layer as a matrix product and a sum."""
    weight = numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == "w3"))
    product = helper.make_node(
        "MatMul", ["pre_dropout", constant(model, "w3t", weight.T, np.float32)], ["product"]
    )
    put_before(model, "linear", product)
    node_of(model, "linear").CopyFrom(helper.make_node("Add", ["product", "b3"], ["linear"]))


def layer_as_convolution(model: onnx.ModelProto) -> None:
    """Write flattening and last layer as a convolution that reads the whole map."""
    weight = numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == "w3"))
    kernel = constant(model, "full", weight.reshape(DIMENSIONS, 8, 8, 8), np.float32)
    model.graph.node.remove(node_of(model, "pre_dropout"))
    put_before(model, "linear", helper.make_node("Conv", ["features", kernel, "b3"], ["place"]))
    node_of(model, "linear").CopyFrom(helper.make_node("Flatten", ["place"], ["linear"]))


def scales_itself(model: onnx.ModelProto) -> None:
    """Subtract and divide inside the graph, as MXNet exports do."""
    value = constant(model, "middle", 127.5, np.float32)
    put_before(
        model,
        "c1",
        helper.make_node("Sub", ["image", value], ["centred"]),
        helper.make_node("Div", ["centred", value], ["scaled"]),
    )
    node_of(model, "c1").input[0] = "scaled"


def one_row(model: onnx.ModelProto) -> None:
    """Reshape to one row, as an export of one picture does whose batch was freed by hand."""
    rows = constant(model, "rows", [1, -1])
    node_of(model, "pre_dropout").CopyFrom(helper.make_node("Reshape", ["features", rows], ["pre_dropout"]))
    del model.graph.value_info[:]


def key_points(model: onnx.ModelProto) -> None:
    """Add a second input that the embedding needs."""
    model.graph.input.append(helper.make_tensor_value_info("points", TensorProto.FLOAT, ["N", DIMENSIONS]))
    node_of(model, "embedding").output[0] = "e"
    model.graph.node.append(helper.make_node("Add", ["e", "points"], ["embedding"]))


AXIS = np.array([1])
TORCH = "q = Mul(e, e) s = ReduceSum<keepdims=1>(q, axis) l = Sqrt(s) o = Div(one, l) embedding = Mul(e, o)"
RECIPROCAL = "n = ReduceL2<axes=[1]>(e) o = Reciprocal(n) embedding = Mul(o, e)"
SCALED = "n = ReduceL2<axes=[1]>(e) x = Mul(scale, e) embedding = Div(x, n)"
CLIPPED = "n = ReduceL2<axes=[1]>(e) c0 = Clip(n, eps) k = Shape(e) x = Expand(c0, k) embedding = Div(e, x)"

CONTRACT = [
    Foreign("normalised by a product with 1/√Σ", changed(ending(TORCH, axis=AXIS, one=1.0))),
    Foreign("normalised by a reciprocal length", changed(ending(RECIPROCAL))),
    Foreign("normalised and scaled by 64", changed(ending(SCALED, scale=64.0))),
    Foreign("normalised by a clipped and expanded length", changed(ending(CLIPPED, eps=1e-12))),
    Foreign("one output normalised, one raw", changed(ending(RECIPROCAL), raw_output_too)),
    Foreign("the last layer in two", changed(last_layer_in_two), tolerance=1e-4),
    Foreign("the last layer as product and sum", changed(product_and_sum)),
    Foreign("the last layer as a convolution of the whole map", changed(layer_as_convolution)),
    Foreign("one row, in a file of one picture", changed(one_row, batch=1)),
    Foreign("one row, in a file whose batch was freed by hand", changed(one_row)),
    Foreign("a grey network", changed(channels=1), oracle=gray_oracle),
    Foreign("the scaling inside", changed(scales_itself), keywords={"mean": 0.0, "std": 1.0}),
    Foreign("a free size, told", changed(size="S"), keywords={"input_size": (32, 32)}),
    Foreign("a free size, not told", changed(size="S"), refused="height and width are free.*--input-size HxW"),
    Foreign("key points as a second input", changed(key_points), refused=r"needs the input 'points' .*besides the picture"),
]  # fmt: skip
