"""Convert half, bfloat16 and double graphs to float32."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from fiqx_trt.onnx_export.graphs.reading.walk import all_nodes, all_tensors, graphs
from fiqx_trt.onnx_export.graphs.view import GraphView, attribute

_FLOAT = TensorProto.FLOAT
_OTHERS = frozenset((TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE))
#: Attributes that name an element type.
_TYPES = frozenset(("dtype", "output_datatype", "output_dtype", "softmax_precision", "stash_type", "to"))


def to_float32(model: onnx.ModelProto) -> None:
    """Convert a graph with float16, bfloat16 or double tensors to float32, in place.

    Weights of the short types keep their values; those of double are rounded. Inputs and outputs become float32, and Casts
    between the types Identity. Precision is then chosen by the back end; head, gradients and pixels are float32.
    """
    if not any(kind in _OTHERS for kind in _kinds(model)):
        return
    for tensor in all_tensors(model):
        _convert(tensor)
    for graph in graphs(model):
        for value in (*graph.input, *graph.output):
            if value.type.tensor_type.elem_type in _OTHERS:
                value.type.tensor_type.elem_type = _FLOAT
        del graph.value_info[:]
    for node in all_nodes(model):
        for item in node.attribute:
            if item.name in _TYPES and item.i in _OTHERS:
                item.i = _FLOAT
    drop_casts(model)


def drop_casts(model: onnx.ModelProto) -> None:
    """Turn Casts from float32 to float32 into Identity, in place."""
    types = GraphView(model).types
    for node in model.graph.node:
        if node.op_type == "Cast" and attribute(node, "to") == _FLOAT:
            kind = types.get(node.input[0])
            if kind is not None and kind.elem_type == _FLOAT:
                node.op_type = "Identity"
                del node.attribute[:]


def _kinds(model: onnx.ModelProto) -> Iterator[int]:
    for tensor in all_tensors(model):
        yield tensor.data_type
    for graph in graphs(model):
        yield from (value.type.tensor_type.elem_type for value in (*graph.input, *graph.output))
    for node in all_nodes(model):
        yield from (item.i for item in node.attribute if item.name in _TYPES)


def _convert(tensor: TensorProto) -> None:
    if tensor.data_type in _OTHERS:
        with np.errstate(over="ignore"):  # a bound such as double's lowest number becomes infinite
            values = numpy_helper.to_array(tensor).astype(np.float32)
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values, name))
