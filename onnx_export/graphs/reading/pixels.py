"""Support networks with integer pixels as input."""

from __future__ import annotations

import onnx
from onnx import TensorProto

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.view import attribute, describe, reads

#: Metadata of a model whose input was made float32 here; it takes intensities 0 … 255 as they are.
RAW_PIXELS = "fiqx_trt.raw_pixels"
_WHOLE = frozenset(
    (TensorProto.UINT8, TensorProto.INT8, TensorProto.INT16, TensorProto.UINT16, TensorProto.INT32)
)


def float_pixels(model: onnx.ModelProto) -> None:
    """Give a network whose only input is an integer picture a float32 input, in place.

    Its first nodes must be Casts to float32, which become Identity. ModelError where another operator reads the integers.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1 or len(inputs[0].type.tensor_type.shape.dim) != 4:
        return
    kind = inputs[0].type.tensor_type.elem_type
    if kind not in _WHOLE:
        return
    readers = [node for node in model.graph.node if inputs[0].name in reads(node)]
    for node in readers:
        if node.op_type != "Cast" or attribute(node, "to") != TensorProto.FLOAT:
            raise ModelError(
                f"image input {inputs[0].name!r} is {TensorProto.DataType.Name(kind).lower()}, and {describe(node)} reads it "
                "before a Cast to float32; export the model with a float32 input"
            )
    for node in readers:
        node.op_type = "Identity"
        del node.attribute[:]
    inputs[0].type.tensor_type.elem_type = TensorProto.FLOAT
    model.metadata_props.add(key=RAW_PIXELS, value="1")


def takes_raw_pixels(model: onnx.ModelProto) -> bool:
    """Return whether a model that was read takes intensities 0 … 255, because its file takes integers."""
    return any(entry.key == RAW_PIXELS for entry in model.metadata_props)
