"""Check a graph statically against TensorRT's ONNX parser: operators, attributes, operator sets.

The rules are valid for 10.13 to 11.x (`operators.md` of the onnx-tensorrt parser). Operators not listed may work and are
not used: the tests check every graph of this package, because TensorRT itself cannot run there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import onnx
from onnx import TensorProto, helper

from fiqx_trt.onnx_export.graphs.view import GraphView, attribute, describe

__all__ = ["IR_VERSIONS", "OPERATORS", "OPSETS", "problems"]

OPSETS = range(9, 25)
IR_VERSIONS = range(3, 11)

Rule = Callable[[GraphView, onnx.NodeProto], "str | None"]


def problems(model: onnx.ModelProto | bytes) -> list[str]:
    """Return what TensorRT would refuse of a model, one sentence each; an empty list where it is supported.

    Examples
    --------
    >>> from fiqx_trt.onnx_export.architectures.mobilefacenet import build_mobilefacenet
    >>> problems(build_mobilefacenet())
    []
    """
    if isinstance(model, bytes):
        model = onnx.load_model_from_string(model)
    return [*_of_the_file(model), *_of_the_nodes(GraphView(model))]


def _of_the_file(model: onnx.ModelProto) -> Iterator[str]:
    versions = {entry.domain: entry.version for entry in model.opset_import}
    opset = versions.get("", versions.get("ai.onnx", 0))
    if opset not in OPSETS:
        yield f"opset {opset}, wanted {OPSETS[0]} to {OPSETS[-1]}"
    if model.ir_version not in IR_VERSIONS:
        yield f"ir_version {model.ir_version}, wanted at most {IR_VERSIONS[-1]}"
    names = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        if value.name not in names and any(d.dim_value <= 0 for d in dims[1:]):
            yield f"input '{value.name}' has a free extent besides its batch"


def _of_the_nodes(view: GraphView) -> Iterator[str]:
    for node in view.nodes:
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
            yield f"{describe(node)}: the operator is not on the list"
            continue
        for rule in OPERATORS[node.op_type]:
            problem = rule(view, node)
            if problem is not None:
                yield f"{describe(node)}: {problem}"
        problem = _types(view, node)
        if problem is not None:
            yield f"{describe(node)}: {problem}"


_KNOWN = {
    getattr(TensorProto, name)
    for name in ("FLOAT", "FLOAT16", "BFLOAT16", "INT64", "INT32", "INT8", "UINT8", "BOOL")
}


def _types(view: GraphView, node: onnx.NodeProto) -> str | None:
    for name in node.output:
        if name in view.types and view.types[name].elem_type not in _KNOWN:
            kind = helper.tensor_dtype_to_string(view.types[name].elem_type)
            return f"output '{name}' is {kind}"
    return None


def _constant(*positions: int) -> Rule:
    """Return the rule that some inputs, which TensorRT reads at build time, are constants."""

    def rule(view: GraphView, node: onnx.NodeProto) -> str | None:
        for position in positions:
            name = node.input[position] if position < len(node.input) else ""
            if name and name not in view.initializers and view.constant(name) is None:
                return f"its input {position}, '{name}', must be a constant"
        return None

    return rule


def _equals(name: str, *allowed: object) -> Rule:
    def rule(view: GraphView, node: onnx.NodeProto) -> str | None:
        value = attribute(node, name, allowed[0])
        value = list(value) if isinstance(value, (list, tuple)) else value
        return None if value in allowed else f"{name} is {value!r}, wanted {' or '.join(map(repr, allowed))}"

    return rule


def _absent(*names: str) -> Rule:
    def rule(view: GraphView, node: onnx.NodeProto) -> str | None:
        present = [name for name in names if attribute(node, name) is not None]
        return f"it has {', '.join(present)}; write explicit pads and extents instead" if present else None

    return rule


def _one_output(view: GraphView, node: onnx.NodeProto) -> str | None:
    used = [name for name in node.output[1:] if name]
    return f"its output '{used[0]}' is not offered" if used else None


def _window(view: GraphView, node: onnx.NodeProto) -> str | None:
    rank = len(view.shapes.get(node.input[0], (0, 0, 0, 0)))
    return None if rank in (4, 5) else f"it works on rank {rank}, wanted 4 or 5"


def _all_ones(name: str) -> Rule:
    def rule(view: GraphView, node: onnx.NodeProto) -> str | None:
        values = attribute(node, name, [1])
        return None if set(values) == {1} else f"{name} are {list(values)}, wanted 1"

    return rule


def _no_bfloat(view: GraphView, node: onnx.NodeProto) -> str | None:
    kind = view.types.get(node.input[0])
    return "there is none in bfloat16" if kind and kind.elem_type == TensorProto.BFLOAT16 else None


def _not_training(view: GraphView, node: onnx.NodeProto) -> str | None:
    flag = view.constant(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    return (
        "it is in training mode; masks are inputs, never nodes" if flag is not None and bool(flag) else None
    )


_PLAIN = [
    "Abs", "And", "Add", "Cast", "Ceil", "Clip", "Concat", "Constant", "Div", "Equal", "Erf", "Exp",
    "Expand", "Flatten", "Floor", "Gather", "GlobalAveragePool", "GlobalMaxPool", "Greater",
    "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Less", "LessOrEqual", "Log",
    "LogSoftmax", "LpNormalization", "MatMul", "Max", "Mean", "Min", "Mul", "Neg", "Not", "Or", "Pow",
    "PRelu", "Relu", "Reshape", "Round", "Shape", "Sigmoid", "Sign", "Size", "Softmax", "Softplus",
    "Softsign", "Sqrt", "Sub", "Sum", "Tanh", "Tile", "Transpose", "Where", "Xor"
]  # fmt: skip
_REDUCTIONS = [
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
    "ReduceProd", "ReduceSum", "ReduceSumSquare"
]  # fmt: skip
_EXPLICIT = (_window, _equals("auto_pad", b"NOTSET"))

#: Operator to the rules that a node of it must meet.
OPERATORS: dict[str, tuple[Rule, ...]] = {
    **dict.fromkeys(_PLAIN, ()),
    **dict.fromkeys(_REDUCTIONS, (_constant(1),)),
    "AveragePool": (*_EXPLICIT, _all_ones("dilations")),
    "BatchNormalization": (_equals("training_mode", 0), _one_output, _constant(1, 2, 3, 4)),
    "ConstantOfShape": (_constant(0),),
    "Conv": _EXPLICIT,
    "ConvTranspose": (*_EXPLICIT, _absent("output_shape"), _no_bfloat),
    "DepthToSpace": (),
    "Dropout": (_not_training, _one_output),
    "Gemm": (_equals("alpha", 1.0), _equals("beta", 1.0)),
    "InstanceNormalization": (_constant(1, 2),),
    "MaxPool": (*_EXPLICIT, _one_output, _equals("storage_order", 0), _all_ones("dilations")),
    "Pad": (_equals("mode", b"constant", b"edge", b"reflect"), _constant(1, 2)),
    "Resize": (_equals("mode", b"nearest", b"linear"), _constant(2, 3)),
    "Slice": (_constant(1, 2, 3, 4),),
    "SpaceToDepth": (),
    "Split": (_constant(1),),
    "Squeeze": (_constant(1),),
    "TopK": (_constant(1),),
    "Unsqueeze": (_constant(1),),
}
