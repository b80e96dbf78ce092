"""Read the part of an ONNX file that is needed to open a session."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fiqx_trt.errors import ModelError
from fiqx_trt.runtime.base import TensorInfo

if TYPE_CHECKING:
    import onnx

__all__ = ["Graph", "read_graph"]


@dataclass(frozen=True)
class Graph:
    """An ONNX graph as bytes, with the properties that a backend needs to open it.

    Attributes
    ----------
    data
        The serialised ModelProto with its weights.
    label
        Name in messages: the file's path, or ``the given model``.
    digest
        SHA-256 of `data`, hexadecimal.
    inputs, outputs
        Its tensors, in the file's order. An output of unknown rank has the shape ``(None, None)``.
    static_batch
        The number of rows every run must have, or None where it is free.
    stored
        Precision of most of its weights: ``"fp32"`` or ``"fp16"``.
    """

    data: bytes
    label: str
    digest: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    static_batch: int | None
    stored: str

    @property
    def free_shape(self) -> bool:
        """Whether an input's shape is free beyond its batch (a fully convolutional network)."""
        return any(None in info.shape[1:] for info in self.inputs)


def read_graph(model: Path | str | bytes | onnx.ModelProto) -> Graph:
    """Read a graph from a file, from bytes or from a ModelProto.

    Raises
    ------
    ModelError
        The file is missing or no ONNX file, or its inputs and outputs have no common batch dimension.
    """
    proto, data, label = _load(model)
    initializers = {tensor.name for tensor in proto.graph.initializer}
    values = [value for value in proto.graph.input if value.name not in initializers]
    if not values or not proto.graph.output:
        raise ModelError(
            f"{label} has {len(values)} inputs and {len(proto.graph.output)} outputs; a network has both"
        )
    inputs = tuple(_info(value, "input", label) for value in values)
    outputs = tuple(_info(value, "output", label) for value in proto.graph.output)
    return Graph(
        data=data,
        label=label,
        digest=hashlib.sha256(data).hexdigest(),
        inputs=inputs,
        outputs=outputs,
        static_batch=_static_batch(values, label),
        stored=_stored(proto),
    )


def _load(model: Path | str | bytes | onnx.ModelProto) -> tuple[onnx.ModelProto, bytes, str]:
    from fiqx_trt.onnx_export.graphs.reading import checks, external, source

    label, folder = "the given model", None
    if isinstance(model, (str, Path)):
        label, folder = str(model), Path(model).parent
        model = source.file_bytes(Path(model))
    if isinstance(model, bytes):
        data, proto = model, source.parse_model(label, model)
        checks.check_names(proto)
        if not external.locations(proto) and not source.is_tflite(data):
            return proto, data, label
    else:
        proto = model
    external.load_external_data(proto, folder, label)
    return proto, _serialised(proto, label), label


def _serialised(proto: onnx.ModelProto, label: str) -> bytes:
    try:
        data: bytes = proto.SerializeToString()
    except Exception as error:  # protobuf's own EncodeError, or a ValueError, as its versions have it
        raise ModelError(
            f"{label} is larger than the 2 GiB that one ONNX graph can hold; give a smaller model"
        ) from error
    return data


def _info(value: onnx.ValueInfoProto, role: str, label: str) -> TensorInfo:
    from onnx import helper

    tensor = value.type.tensor_type
    if not tensor.elem_type:
        raise ModelError(f"{label}: {role} '{value.name}' is not a tensor of a known type")
    dtype: np.dtype[Any] = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    if not tensor.HasField("shape"):
        if role == "input":
            raise ModelError(
                f"{label}: input '{value.name}' has no shape; write one into the file, batch first"
            )
        return TensorInfo(value.name, (None, None), dtype)
    dims = [d.dim_value if d.dim_value > 0 else None for d in tensor.shape.dim]
    if not dims:
        raise ModelError(f"{label}: {role} '{value.name}' is a scalar; its first dimension must be the batch")
    return TensorInfo(value.name, (None, *dims[1:]), dtype)


def _static_batch(values: Sequence[onnx.ValueInfoProto], label: str) -> int | None:
    sizes = {value.name: value.type.tensor_type.shape.dim[0].dim_value for value in values}
    fixed = {size for size in sizes.values() if size > 0}
    if len(fixed) > 1:
        raise ModelError(
            f"{label}: its inputs have different numbers of rows, {sizes}; they must share one batch"
        )
    return fixed.pop() if fixed else None


def _stored(proto: onnx.ModelProto) -> str:
    from onnx import TensorProto

    counts = {TensorProto.FLOAT: 0, TensorProto.FLOAT16: 0}
    for tensor in proto.graph.initializer:
        if tensor.data_type in counts:
            counts[tensor.data_type] += int(np.prod(tensor.dims, dtype=np.int64))
    return "fp16" if counts[TensorProto.FLOAT16] > counts[TensorProto.FLOAT] else "fp32"
