"""Changes that turn the oracle's graph into what exporters write of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Change = Callable[[onnx.ModelProto], object]


def node_of(model: onnx.ModelProto, output: str) -> onnx.NodeProto:
    """Return the node that makes a tensor."""
    return next(node for node in model.graph.node if output in node.output)


def put_before(model: onnx.ModelProto, output: str, *nodes: onnx.NodeProto) -> None:
    """Insert nodes before the one that makes a tensor."""
    at = next(i for i, node in enumerate(model.graph.node) if output in node.output)
    for offset, node in enumerate(nodes):
        model.graph.node.insert(at + offset, node)


def between(model: onnx.ModelProto, name: str, reader: str, *nodes: onnx.NodeProto) -> None:
    """Insert nodes before the one that makes `reader`, which then reads the last node's output in place of `name`."""
    put_before(model, reader, *nodes)
    node = node_of(model, reader)
    node.input[:] = [nodes[-1].output[0] if i == name else i for i in node.input]


def constant(model: onnx.ModelProto, name: str, value: Any, dtype: Any = np.int64) -> str:
    """Add an initializer and return its name."""
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, dtype), name))
    return name


def weight(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def opset(version: int) -> Change:
    """State another operator set; the oracle's operators mean the same in 9 and later."""

    def change(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = version
        model.ir_version = 6 if version < 15 else 8

    return change


def dropout(*, training: bool | None, outputs: int = 1) -> Change:
    """Put a Dropout of opset 12 before the last layer; `training` None leaves that input out."""

    def change(model: onnx.ModelProto) -> None:
        inputs = ["pre_dropout", constant(model, "ratio", 0.5, np.float32)]
        if training is not None:
            inputs.append(constant(model, "training", training, bool))
        names = ["dropped", "mask"][:outputs]
        between(model, "pre_dropout", "linear", helper.make_node("Dropout", inputs, names, name="drop"))

    return change


def mask_is_used(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("mask", TensorProto.BOOL, ["N", 512]))


def dropout_with_attributes(**attributes: Any) -> Change:
    """Put a Dropout of an older opset, with attributes, before the last layer."""

    def change(model: onnx.ModelProto) -> None:
        node = helper.make_node("Dropout", ["pre_dropout"], ["dropped"], name="drop", **attributes)
        between(model, "pre_dropout", "linear", node)

    return change


def second_output(name: str) -> Change:
    """Make an inner tensor an output too."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.output.insert(0, helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 8, 8, 8]))

    return change


def training_norm(model: onnx.ModelProto) -> None:
    node = node_of(model, "embedding")
    node.attribute.append(helper.make_attribute("training_mode", 1))
    node.output.extend(["mean", "variance"])


def norm_with_training_outputs(model: onnx.ModelProto) -> None:
    node_of(model, "embedding").output.extend(["mean", "variance", "saved_mean", "saved_variance"])


def rounded(model: onnx.ModelProto, kind: int) -> onnx.ModelProto:
    """Return a float32 model whose weights have the values that another number format keeps of them."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).astype(dtype).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return model


def all_in(kind: int, *, float_ends: bool) -> Change:
    """Store and compute everything in another number format; inputs and outputs too, or behind Casts."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)

    def change(model: onnx.ModelProto) -> None:
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(values.astype(dtype), tensor.name))
        if not float_ends:
            for value in (*model.graph.input, *model.graph.output):
                value.type.tensor_type.elem_type = kind
            return
        between(model, "image", "c1", helper.make_node("Cast", ["image"], ["image.half"], to=kind))
        node_of(model, "embedding").output[0] = "embedding.half"
        cast = helper.make_node("Cast", ["embedding.half"], ["embedding"], to=TensorProto.FLOAT)
        model.graph.node.append(cast)

    return change


def whole_pixels(*, cast: bool = True) -> Change:
    """Take uint8 pixels and scale them inside."""

    def change(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
        number = constant(model, "number", 127.5, np.float32)
        nodes = [
            helper.make_node("Cast", ["image"], ["pixels"], name="to_float", to=TensorProto.FLOAT),
            helper.make_node("Sub", ["pixels", number], ["centred"]),
            helper.make_node("Div", ["centred", number], ["scaled"]),
        ]
        if not cast:
            nodes[0] = helper.make_node("Mod", ["image", "image"], ["pixels"], name="modulo")
        between(model, "image", "c1", *nodes)

    return change


def slopes(*shape: int) -> Change:
    """Write the first rectifier as ``Relu(-PRelu(-x))``, which is ``s Relu(x)``, and divide the next layer's weights by s."""

    def change(model: onnx.ModelProto) -> None:
        values = np.linspace(0.5, 2.0, 6).astype(np.float32)
        name = constant(model, "slopes", values.reshape(shape), np.float32)
        nodes = [
            helper.make_node("Neg", ["c1"], ["c1.turned"]),
            helper.make_node("PRelu", ["c1.turned", name], ["c1.sloped"], name="prelu"),
            helper.make_node("Neg", ["c1.sloped"], ["c1.back"]),
        ]
        between(model, "c1", "r1", *nodes)
        second = weight(model, "w2")
        scaled = numpy_helper.to_array(second) / values[None, :, None, None]
        second.CopyFrom(numpy_helper.from_array(scaled.astype(np.float32), "w2"))

    return change


def slopes_as_wide_as_channels(model: onnx.ModelProto) -> None:
    name = constant(model, "slopes", np.ones(8), np.float32)
    between(model, "c2", "features", helper.make_node("PRelu", ["c2", name], ["c2.sloped"], name="prelu"))


def slopes_of_a_vector(model: onnx.ModelProto) -> None:
    name = constant(model, "slopes", np.linspace(0.5, 2.0, 512), np.float32)
    node = helper.make_node("PRelu", ["pre_dropout", name], ["sloped"])  # no value is negative
    between(model, "pre_dropout", "linear", node)


def norm_in_test_mode(model: onnx.ModelProto) -> None:
    node_of(model, "embedding").attribute.append(helper.make_attribute("is_test", 1))


def gemm_that_broadcasts(model: onnx.ModelProto) -> None:
    node_of(model, "linear").attribute.append(helper.make_attribute("broadcast", 1))


def clips(model: onnx.ModelProto) -> None:
    """Write the first rectifier as Clip, with attributes as before opset 11."""
    node = node_of(model, "r1")
    node.op_type = "Clip"
    node.attribute.append(helper.make_attribute("min", 0.0))
    node.attribute.append(helper.make_attribute("max", 1e6))


def _reshaped(model: onnx.ModelProto, *nodes: onnx.NodeProto) -> None:
    """Flatten by a Reshape to ``shape``, which the given nodes compute."""
    put_before(model, "pre_dropout", *nodes)
    node = node_of(model, "pre_dropout")
    node.op_type = "Reshape"
    node.input.append("shape")
    del node.attribute[:]


def view_by_scalar(*, axes: bool) -> Change:
    """torch's ``x.view(x.size(0), -1)``; `axes` as an attribute before opset 13."""

    def change(model: onnx.ModelProto) -> None:
        zero, rest = constant(model, "zero", 0), constant(model, "rest", [-1])
        names = ["size"] if axes else ["size", constant(model, "first", [0])]
        _reshaped(
            model,
            helper.make_node("Shape", ["features"], ["sizes"]),
            helper.make_node("Gather", ["sizes", zero], ["size"], axis=0),
            helper.make_node("Unsqueeze", names, ["rows"], **({"axes": [0]} if axes else {})),
            helper.make_node("Concat", ["rows", rest], ["shape"], axis=0),
        )

    return change


def view_by_list(model: onnx.ModelProto) -> None:
    zero, rest = constant(model, "zero", [0]), constant(model, "rest", [512])
    _reshaped(
        model,
        helper.make_node("Shape", ["features"], ["sizes"]),
        helper.make_node("Gather", ["sizes", zero], ["rows"], axis=0),
        helper.make_node("Concat", ["rows", rest], ["shape"], axis=0),
    )


def view_by_slice(model: onnx.ModelProto) -> None:
    bounds = [constant(model, "from", [0]), constant(model, "to", [1]), constant(model, "rest", [-1])]
    _reshaped(
        model,
        helper.make_node("Shape", ["features"], ["sizes"]),
        helper.make_node("Slice", ["sizes", *bounds[:2]], ["rows"]),
        helper.make_node("Concat", ["rows", bounds[2]], ["shape"], axis=0),
    )


def view_by_product(model: onnx.ModelProto) -> None:
    """Every extent computed: rows, and channels times height times width."""
    bounds = [constant(model, "from", [1]), constant(model, "to", [4])]
    _reshaped(
        model,
        helper.make_node("Shape", ["features"], ["rows"], start=0, end=1),
        helper.make_node("Shape", ["features"], ["sizes"]),
        helper.make_node("Slice", ["sizes", *bounds], ["extents"]),
        helper.make_node("ReduceProd", ["extents"], ["units"], axes=[0], keepdims=1),
        helper.make_node("Concat", ["rows", "units"], ["shape"], axis=0),
    )


def view_by_where(model: onnx.ModelProto) -> None:
    """A shape chosen against a list of -1 that ConstantOfShape makes, as torch's `expand` does."""
    two, rest, asked = (
        constant(model, "two", [2]),
        constant(model, "rest", [512]),
        constant(model, "asked", [-1, 512]),
    )
    minus = numpy_helper.from_array(np.array([-1], np.int64))
    _reshaped(
        model,
        helper.make_node("Shape", ["features"], ["rows"], start=0, end=1),
        helper.make_node("Concat", ["rows", rest], ["sizes"], axis=0),
        helper.make_node("ConstantOfShape", [two], ["open"], value=minus),
        helper.make_node("Equal", [asked, "open"], ["free"]),
        helper.make_node("Where", ["free", "sizes", asked], ["shape"]),
    )


def zeros_of_the_batch(model: onnx.ModelProto) -> None:
    """Add zeros whose number of rows is computed, as a recurrent state is made."""
    between(
        model,
        "features",
        "pre_dropout",
        helper.make_node("Shape", ["features"], ["sizes"]),
        helper.make_node("ConstantOfShape", ["sizes"], ["zeros"]),
        helper.make_node("Add", ["features", "zeros"], ["features.added"]),
    )


def free_size(model: onnx.ModelProto) -> None:
    for dim, name in zip(model.graph.input[0].type.tensor_type.shape.dim[2:], "HW", strict=True):
        dim.dim_param = name


def through_one_picture(model: onnx.ModelProto) -> None:
    """Drop the batch and put it back, which holds for a batch of one alone."""
    zero = constant(model, "axis", [0])
    between(
        model,
        "image",
        "c1",
        helper.make_node("Squeeze", ["image", zero], ["alone"]),
        helper.make_node("Unsqueeze", ["alone", zero], ["again"]),
    )


def random_noise(*, used: bool) -> Change:
    """Add noise to the pre-dropout vector, or compute it for nothing."""

    def change(model: onnx.ModelProto) -> None:
        noise = helper.make_node("RandomNormalLike", ["pre_dropout"], ["noise"], name="noise")
        if used:
            between(
                model,
                "pre_dropout",
                "linear",
                noise,
                helper.make_node("Add", ["pre_dropout", "noise"], ["noisy"]),
            )
        else:
            put_before(model, "linear", noise)

    return change


def identities(count: int) -> Change:
    """Put a row of nodes before the first layer."""

    def change(model: onnx.ModelProto) -> None:
        names = ["image", *(f"i{n}" for n in range(count))]
        nodes = [helper.make_node("Relu", [a], [b]) for a, b in itertools.pairwise(names)]
        rest = [onnx.NodeProto.FromString(node.SerializeToString()) for node in model.graph.node]
        rest[0].input[0] = names[-1]
        del model.graph.node[:]
        model.graph.node.extend([*nodes, *rest])

    return change


def local_function(model: onnx.ModelProto) -> None:
    """Write the first rectifier as a function of the model's own."""
    body = [helper.make_node("Relu", ["x"], ["y"])]
    model.functions.append(helper.make_function("own", "Rectify", ["x"], ["y"], body, model.opset_import))
    model.opset_import.add(domain="own", version=1)
    node = node_of(model, "r1")
    node.op_type, node.domain = "Rectify", "own"


def function_bomb(*, levels: int = 12, circle: bool = False) -> Change:
    """Functions that call the next one ten times each, or the first one again."""

    def change(model: onnx.ModelProto) -> None:
        model.opset_import.add(domain="own", version=1)
        for level in range(levels):
            names = ["x", *(f"t{i}" for i in range(9)), "y"]
            op = f"F{level + 1}" if level + 1 < levels else "F0" if circle else "Relu"
            domain = "" if op == "Relu" else "own"
            body = [helper.make_node(op, [a], [b], domain=domain) for a, b in itertools.pairwise(names)]
            model.functions.append(
                helper.make_function("own", f"F{level}", ["x"], ["y"], body, model.opset_import)
            )
        node = node_of(model, "r1")
        node.op_type, node.domain = "F0", "own"

    return change


def unknown_weight(model: onnx.ModelProto) -> None:
    weight(model, "w1").data_type = 99


def unknown_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = 99


def short_weight(model: onnx.ModelProto) -> None:
    tensor = weight(model, "w1")
    tensor.raw_data = tensor.raw_data[:-4]


def short_list(model: onnx.ModelProto) -> None:
    """Keep a weight as a list of numbers, one too few."""
    tensor = weight(model, "w1")
    tensor.float_data.extend(numpy_helper.to_array(tensor).ravel()[:-1].tolist())
    tensor.ClearField("raw_data")


def rare_type(model: onnx.ModelProto) -> None:
    weight(model, "w1").data_type = TensorProto.FLOAT8E4M3FN


def quantised(model: onnx.ModelProto) -> None:
    """Write the first layer in whole numbers, as onnxruntime's static quantisation does."""
    scale = constant(model, "scale", 0.01, np.float32)
    point = constant(model, "point", 0, np.int8)
    tensor = weight(model, "w1")
    values = np.clip(numpy_helper.to_array(tensor) * 100, -127, 127).astype(np.int8)
    tensor.CopyFrom(numpy_helper.from_array(values, "w1"))
    conv = node_of(model, "c1")
    conv.op_type, conv.name = "QLinearConv", "quantised"
    conv.input[:] = ["image.whole", scale, point, "w1", scale, point, scale, point]
    conv.output[0] = "c1.whole"
    put_before(
        model, "c1.whole", helper.make_node("QuantizeLinear", ["image", scale, point], ["image.whole"])
    )
    put_before(model, "r1", helper.make_node("DequantizeLinear", ["c1.whole", scale, point], ["c1"]))
