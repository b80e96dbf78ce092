"""A node of an ONNX graph as an argument of the operator functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fiqx_trt.errors import ModelError

if TYPE_CHECKING:
    import onnx

__all__ = ["CURE", "Node", "align", "as_ints", "read_node", "to_tensor", "torch_dtype"]

CURE = "backend='openvino' or backend='onnxruntime' can run it"

_DTYPES = {
    "FLOAT": torch.float32,
    "FLOAT16": torch.float16,
    "BFLOAT16": torch.bfloat16,
    "DOUBLE": torch.float64,
    "INT64": torch.int64,
    "INT32": torch.int32,
    "INT16": torch.int16,
    "INT8": torch.int8,
    "UINT8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class Node:
    """One operator of the graph.

    Attributes
    ----------
    op, name
        Operator type and the node's name (its first output's where it has none).
    inputs, outputs
        Tensor names; an empty name is an omitted argument.
    attributes
        Attribute values; tensors as torch tensors.
    opset
        The operator set of the graph.
    float_type
        dtype of the arithmetic, instead of the file's float32.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    opset: int
    float_type: torch.dtype

    def attr(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or the operator's default for it."""
        return self.attributes.get(name, default)

    def refuse(self, what: str) -> ModelError:
        """Return the error for a variant of the operator that is not covered."""
        return ModelError(f"{self.op} node '{self.name}': the torch backend does not cover {what}; {CURE}")


def read_node(proto: onnx.NodeProto, opset: int, float_type: torch.dtype) -> Node:
    """Read a NodeProto; its tensor attributes become torch tensors."""
    import onnx

    attributes: dict[str, Any] = {}
    for attribute in proto.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            value = value.decode()
        elif isinstance(value, onnx.TensorProto):
            value = to_tensor(value, float_type)
        attributes[attribute.name] = value
    name = proto.name or (proto.output[0] if proto.output else proto.op_type)
    return Node(proto.op_type, name, tuple(proto.input), tuple(proto.output), attributes, opset, float_type)


def to_tensor(proto: onnx.TensorProto, float_type: torch.dtype) -> torch.Tensor:
    """Return an ONNX tensor as a torch tensor in host memory; float32 becomes `float_type`."""
    from onnx import numpy_helper

    tensor = torch.from_numpy(np.array(numpy_helper.to_array(proto)))
    return tensor.to(float_type) if tensor.dtype == torch.float32 else tensor


def torch_dtype(element: int, float_type: torch.dtype) -> torch.dtype | None:
    """Return the torch dtype of an ONNX element type, or None where there is none."""
    from onnx import TensorProto

    dtype = _DTYPES.get(TensorProto.DataType.Name(element))
    return float_type if dtype == torch.float32 else dtype


def as_ints(tensor: torch.Tensor | Sequence[int]) -> list[int]:
    """Return the integers of a shape, axes or pads argument."""
    values = tensor.reshape(-1).tolist() if isinstance(tensor, torch.Tensor) else tensor
    return [int(value) for value in values]


def align(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Copy operands to one device: integers are in host memory until they are combined with data on a GPU."""
    devices = {tensor.device for tensor in tensors}
    if len(devices) == 1:
        return tensors
    target = next(device for device in devices if device.type != "cpu")
    return tuple(tensor.to(target) for tensor in tensors)
