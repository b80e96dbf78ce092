"""Checks of every file before any computation."""

from __future__ import annotations

import math
from collections.abc import Iterator

import onnx
from onnx import TensorProto, numpy_helper

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.reading.walk import all_nodes, all_tensors, graphs

#: The largest recognition networks have about 4,000 nodes; back ends take more than linear time over a long chain.
MAX_NODES = 10_000
_KNOWN = frozenset(TensorProto.DataType.values()) - {TensorProto.UNDEFINED}
#: Bytes of an element in `raw_data`. Types of less than a byte, and strings, are left to ONNX itself.
_BYTES = {
    TensorProto.FLOAT: 4,
    TensorProto.DOUBLE: 8,
    TensorProto.FLOAT16: 2,
    TensorProto.BFLOAT16: 2,
    TensorProto.INT64: 8,
    TensorProto.UINT64: 8,
    TensorProto.INT32: 4,
    TensorProto.UINT32: 4,
    TensorProto.INT16: 2,
    TensorProto.UINT16: 2,
    TensorProto.INT8: 1,
    TensorProto.UINT8: 1,
    TensorProto.BOOL: 1,
}


def check_names(model: onnx.ModelProto) -> None:
    """Raise ModelError for a name, operator or domain that is not UTF-8: protobuf gives bytes, which no back end accepts."""
    for name in _names(model):
        if isinstance(name, bytes):
            raise ModelError(
                f"the graph has a name that is not UTF-8, {name[:40]!r}; export the model with plain names"
            )


def check_size(model: onnx.ModelProto) -> None:
    """Raise ModelError for a graph of more than `MAX_NODES` nodes."""
    count = sum(1 for _ in all_nodes(model))
    if count > MAX_NODES:
        raise ModelError(
            f"the graph has {count:,} nodes; a recognition network of at most {MAX_NODES:,} is read"
        )


def check_tensors(model: onnx.ModelProto) -> None:
    """Raise ModelError for weights and inputs of unknown type, and weights whose size differs from their shape."""
    for tensor in all_tensors(model):
        _check_tensor(tensor)
    for graph in graphs(model):
        for value in (*graph.input, *graph.output):
            kind = value.type.tensor_type.elem_type
            if value.type.HasField("tensor_type") and kind and kind not in _KNOWN:
                raise ModelError(f"tensor {value.name!r} has the unknown element type {kind}; {_EXPORT}")


_EXPORT = "export the model again"


def _check_tensor(tensor: TensorProto) -> None:
    if tensor.data_type not in _KNOWN:
        raise ModelError(f"weight {tensor.name!r} has the unknown element type {tensor.data_type}; {_EXPORT}")
    if any(size < 0 for size in tensor.dims):
        raise ModelError(f"weight {tensor.name!r} has the shape {list(tensor.dims)}; {_EXPORT}")
    width = _BYTES.get(tensor.data_type)
    if width is None or not tensor.HasField("raw_data"):
        _check_readable(tensor)
        return
    wanted = width * math.prod(tensor.dims)
    if len(tensor.raw_data) != wanted:
        raise ModelError(
            f"weight {tensor.name!r} holds {len(tensor.raw_data)} bytes, its shape {list(tensor.dims)} wants {wanted}; "
            f"the file is damaged, {_EXPORT}"
        )


def _check_readable(tensor: TensorProto) -> None:
    """Raise for a weight in lists of numbers, or of a rare type, that ONNX cannot read."""
    try:
        numpy_helper.to_array(tensor)
    except Exception as error:  # whatever damaged lists make it raise
        reason = " ".join(str(error).split())[:120]
        raise ModelError(
            f"weight {tensor.name!r} cannot be read ({reason}); the file is damaged, {_EXPORT}"
        ) from error


def _names(model: onnx.ModelProto) -> Iterator[str | bytes]:
    yield from (entry.domain for entry in model.opset_import)
    for node in all_nodes(model):
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        for item in node.attribute:
            yield item.name
            yield _text(item.s)
    for graph in graphs(model):
        yield graph.name
        for values in (graph.input, graph.output, graph.value_info, graph.initializer):
            yield from (value.name for value in values)
        for value in (*graph.input, *graph.output, *graph.value_info):
            yield from (dim.dim_param for dim in value.type.tensor_type.shape.dim)
    for function in model.functions:
        yield from (function.name, function.domain, *function.input, *function.output)
    for tensor in all_tensors(model):
        for entry in tensor.external_data:
            yield from (entry.key, entry.value)


def _text(value: bytes) -> str | bytes:
    """Return an attribute's text; its bytes where they are no text."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value
