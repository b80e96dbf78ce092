"""Propagate shapes, and the values computed from them, through a graph at one batch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import defs, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from fiqx_trt.onnx_export.graphs.reading.walk import opset_of, subgraphs
from fiqx_trt.onnx_export.graphs.view import attribute

#: Operators that exporters compute shapes with.
_ARITHMETIC = frozenset(
    ["Add", "And", "Cast", "Ceil", "Concat", "ConstantOfShape", "Div", "Equal", "Expand", "Floor", "Gather", "Greater",
     "Identity", "Less", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "ReduceProd", "Reshape", "Slice", "Squeeze", "Sub",
     "Unsqueeze", "Where"]
)  # fmt: skip
#: Values of more elements than this are not followed.
_MOST = 256


@dataclass
class Propagation:
    """The known properties of a graph's tensors at one batch.

    Attributes
    ----------
    types
        Element types and shapes.
    constants
        Small constants of the file.
    computed
        Values computed from shapes.
    """

    types: dict[str, onnx.TypeProto] = field(default_factory=dict)
    constants: dict[str, NDArray[np.generic]] = field(default_factory=dict)
    computed: dict[str, NDArray[np.generic]] = field(default_factory=dict)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return a tensor's shape; None where it is not known completely."""
        kind = self.types.get(name)
        if kind is None or not kind.tensor_type.HasField("shape"):
            return None
        dims = kind.tensor_type.shape.dim
        return tuple(d.dim_value for d in dims) if all(d.HasField("dim_value") for d in dims) else None

    def value(self, name: str) -> NDArray[np.generic] | None:
        """Return a tensor's value, from the file or computed; None where it is not known."""
        return self.computed[name] if name in self.computed else self.constants.get(name)


def propagate(model: onnx.ModelProto, batch: int) -> Propagation:
    """Propagate through a graph node by node, with `batch` rows in every input whose leading dimension is symbolic."""
    known = Propagation()
    for tensor in model.graph.initializer:
        known.types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        if math.prod(tensor.dims) <= _MOST and tensor.data_type != onnx.TensorProto.STRING:
            known.constants[tensor.name] = numpy_helper.to_array(tensor)
    for value in model.graph.input:
        if value.name not in known.types:
            known.types[value.name] = _at_batch(value.type, batch)
    for node in model.graph.node:
        _follow(model, node, known)
    return known


def _at_batch(kind: onnx.TypeProto, batch: int) -> onnx.TypeProto:
    copy = onnx.TypeProto.FromString(kind.SerializeToString())
    dims = copy.tensor_type.shape.dim
    if dims and not dims[0].dim_value:
        dims[0].Clear()
        dims[0].dim_value = batch
    return copy


def _follow(model: onnx.ModelProto, node: onnx.NodeProto, known: Propagation) -> None:
    if node.domain not in ("", "ai.onnx") or any(True for _ in subgraphs([node])):
        return
    if node.op_type == "Constant":
        _constant(node, known)
        return
    values = _computed(model, node, known)
    if values is None:
        known.types.update(_inferred(model, node, known))
        return
    for name, value in zip(node.output, values, strict=False):
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        known.types[name] = helper.make_tensor_type_proto(kind, value.shape)
        target = known.constants if _from_file(node, known) else known.computed
        target[name] = value


def _from_file(node: onnx.NodeProto, known: Propagation) -> bool:
    return node.op_type not in ("Shape", "Size") and all(
        name in known.constants for name in node.input if name
    )


def _constant(node: onnx.NodeProto, known: Propagation) -> None:
    value = attribute(node, "value")
    if isinstance(value, onnx.TensorProto) and value.data_type != onnx.TensorProto.STRING:
        known.types[node.output[0]] = helper.make_tensor_type_proto(value.data_type, value.dims)
        if math.prod(value.dims) <= _MOST:
            known.constants[node.output[0]] = numpy_helper.to_array(value)
        return
    for name, dtype in (("value_int", np.int64), ("value_float", np.float32)):
        for key in (name, f"{name}s"):
            if (given := attribute(node, key)) is not None:
                array = np.asarray(given, dtype)
                kind = helper.np_dtype_to_tensor_dtype(array.dtype)
                known.types[node.output[0]] = helper.make_tensor_type_proto(kind, array.shape)
                known.constants[node.output[0]] = array


def _computed(
    model: onnx.ModelProto, node: onnx.NodeProto, known: Propagation
) -> list[NDArray[np.generic]] | None:
    """Return the values of a node's outputs where they depend only on shapes and small constants."""
    if node.op_type in ("Shape", "Size"):
        shape = known.shape(node.input[0])
        return None if shape is None else [_of_shape(node, shape)]
    feeds = {name: known.value(name) for name in node.input if name}
    if node.op_type not in _ARITHMETIC or not feeds or any(value is None for value in feeds.values()):
        return None
    if node.op_type in ("ConstantOfShape", "Expand"):
        target = feeds[node.input[-1]]
        if target is None or math.prod(int(n) for n in target.ravel()) > _MOST:
            return None
    values = [helper.make_tensor_value_info(n, onnx.TensorProto.UNDEFINED, None) for n in feeds]
    results = [helper.make_tensor_value_info(n, onnx.TensorProto.UNDEFINED, None) for n in node.output]
    graph = helper.make_graph([node], "shape", values, results)
    single = helper.make_model(graph, opset_imports=model.opset_import)
    try:
        answers = ReferenceEvaluator(single).run(None, feeds)
    except Exception:  # whatever a contradictory file makes the evaluator raise: the value is not known
        return None
    arrays = [np.asarray(answer) for answer in answers]
    return arrays if all(array.size <= _MOST for array in arrays) else None


def _of_shape(node: onnx.NodeProto, shape: tuple[int, ...]) -> NDArray[np.int64]:
    if node.op_type == "Size":
        return np.array(math.prod(shape), np.int64)
    return np.array(shape[attribute(node, "start", 0) : attribute(node, "end")], np.int64)


def _inferred(model: onnx.ModelProto, node: onnx.NodeProto, known: Propagation) -> dict[str, onnx.TypeProto]:
    names = [name for name in node.input if name]
    if any(name not in known.types for name in names):
        return {}
    values = {name: value for name in names if (value := known.value(name)) is not None}
    try:
        found: dict[str, onnx.TypeProto] = shape_inference.infer_node_outputs(
            defs.get_schema(node.op_type, opset_of(model), ""),
            node,
            {name: known.types[name] for name in names},
            {
                name: numpy_helper.from_array(np.ascontiguousarray(v).reshape(v.shape), name)
                for name, v in values.items()
            },
            opset_imports=list(model.opset_import),
        )
    except Exception:  # an operator that ONNX does not know, or a contradiction: back ends say it better
        return {}
    return found
