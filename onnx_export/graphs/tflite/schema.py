"""Read a TensorFlow Lite file as records: tensors with their constants, operators with their options."""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import DependencyError, ModelError

__all__ = ["Operator", "Tensor", "TfliteModel", "malformed", "read_network"]

#: More tensors or operators than any recogniser has; a damaged count is refused before it is followed.
_MOST = 20_000
_LONGEST_NAME = 256
#: What reading at a damaged place raises.
_DAMAGE = (
    struct.error, ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError, RecursionError,
)  # fmt: skip
_DTYPES: Mapping[str, Any] = MappingProxyType(
    {"FLOAT32": np.float32, "FLOAT16": np.float16, "FLOAT64": np.float64, "INT32": np.int32, "INT64": np.int64,
     "INT8": np.int8, "UINT8": np.uint8, "INT16": np.int16, "BOOL": np.bool_}
)  # fmt: skip
_WINDOW = ("Padding", "StrideH", "StrideW", "FusedActivationFunction")
_DILATED = (*_WINDOW, "DilationHFactor", "DilationWFactor")
_POOL = ("Pool2DOptions", (*_WINDOW, "FilterHeight", "FilterWidth"))
#: Operator → the table of its options and the fields that are read; operators without an entry have none that matter.
_OPTIONS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ADD": ("AddOptions", ("FusedActivationFunction",)),
        "AVERAGE_POOL_2D": _POOL,
        "CONCATENATION": ("ConcatenationOptions", ("Axis", "FusedActivationFunction")),
        "CONV_2D": ("Conv2DOptions", _DILATED),
        "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", _DILATED),
        "DIV": ("DivOptions", ("FusedActivationFunction",)),
        "FULLY_CONNECTED": ("FullyConnectedOptions", ("FusedActivationFunction", "WeightsFormat")),
        "L2_NORMALIZATION": ("L2NormOptions", ("FusedActivationFunction",)),
        "LEAKY_RELU": ("LeakyReluOptions", ("Alpha",)),
        "MAX_POOL_2D": _POOL,
        "MUL": ("MulOptions", ("FusedActivationFunction",)),
        "SOFTMAX": ("SoftmaxOptions", ("Beta",)),
        "SUB": ("SubOptions", ("FusedActivationFunction",)),
    }
)


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file.

    Attributes
    ----------
    name
        Its name, unique in the network.
    shape
        As declared, with the file's own batch; channels last.
    kind
        Its number format in the schema (``"FLOAT32"``).
    value
        Of a constant, float32 where it is dequantised; ``None`` for a computed tensor.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    value: NDArray[np.generic] | None = None


@dataclass(frozen=True)
class Operator:
    """An operator of the file: its name in the schema, indices of its tensors (−1: omitted), its options."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    options: Mapping[str, float]


@dataclass(frozen=True)
class TfliteModel:
    """The one graph of a file; operators in the order in which they run."""

    tensors: list[Tensor]
    operators: list[Operator]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@contextmanager
def malformed(what: str) -> Iterator[None]:
    """Convert any exception of reading damaged data to one ModelError that begins with `what`."""
    try:
        yield
    except (ModelError, DependencyError):
        raise
    except _DAMAGE as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:150]
        raise ModelError(f"{what} ({reason})") from error


def read_network(data: bytes, name: str) -> TfliteModel:
    """Read a file; ModelError where it is damaged or not one plain graph, DependencyError where the schema is not installed."""
    tflite = _schema()
    with malformed(f"{name} is not a TensorFlow Lite model, or is cut short ({len(data)} bytes)"):
        model = tflite.Model.GetRootAs(data, 0)
        if model.Version() != 3 or model.SubgraphsLength() < 1:
            raise ModelError(
                f"{name} is not a TensorFlow Lite model of version 3 with a graph "
                f"(version {model.Version()}, {model.SubgraphsLength()} graphs)"
            )
        graph = model.Subgraphs(0)
        _check_counts(graph, name)
        tensors = _tensors(tflite, model, graph)
        operators = [_operator(tflite, model, graph.Operators(i)) for i in range(graph.OperatorsLength())]
        ends = [
            tuple(int(i) for i in np.atleast_1d(e)) for e in (graph.InputsAsNumpy(), graph.OutputsAsNumpy())
        ]
    network = TfliteModel(tensors, operators, ends[0], ends[1])
    _check_positions(network, name)
    return _widened(network)


def _widened(network: TfliteModel) -> TfliteModel:
    """Return the network with constants instead of operators that convert a constant to float32."""
    tensors = list(network.tensors)
    rest = []
    for operator in network.operators:
        source = tensors[operator.inputs[0]] if operator.kind == "DEQUANTIZE" and operator.inputs else None
        if source is not None and source.value is not None and source.value.dtype == np.float32:
            tensors[operator.output] = replace(tensors[operator.output], value=source.value)
        else:
            rest.append(operator)
    return replace(network, tensors=tensors, operators=rest)


def _schema() -> ModuleType:
    try:
        import tflite
    except ImportError as error:
        raise DependencyError(
            "a TensorFlow Lite model needs the package tflite: python -m pip install tflite"
        ) from error
    module: ModuleType = tflite
    return module


def _check_counts(graph: Any, name: str) -> None:
    for what, number in (("tensors", graph.TensorsLength()), ("operators", graph.OperatorsLength())):
        if not 0 < number <= _MOST:
            raise ModelError(f"{name} is damaged: a graph of {number} {what}")


def _check_positions(network: TfliteModel, name: str) -> None:
    """Raise unless every referenced tensor exists."""
    referred = [*network.inputs, *network.outputs]
    for operator in network.operators:
        referred += [i for i in operator.inputs if i != -1]
        referred.append(operator.output)
    if not all(0 <= i < len(network.tensors) for i in referred):
        raise ModelError(f"{name} is damaged: an operator refers to a tensor that does not exist")


def _tensors(tflite: ModuleType, model: Any, graph: Any) -> list[Tensor]:
    kinds = _names(tflite.TensorType)
    tensors: list[Tensor] = []
    taken: set[str] = set()
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        name = (tensor.Name() or b"")[:_LONGEST_NAME].decode("utf-8", "replace") or f"tensor_{index}"
        name = f"{name}.{index}" if name in taken else name
        taken.add(name)
        shape = tuple(int(tensor.Shape(i)) for i in range(min(tensor.ShapeLength(), 9)))
        kind = kinds.get(tensor.Type(), "unknown")
        tensors.append(Tensor(name, shape, kind, _constant(model, tensor, name, shape, kind)))
    return tensors


def _constant(
    model: Any, tensor: Any, name: str, shape: tuple[int, ...], kind: str
) -> NDArray[np.generic] | None:
    """Return the value of a constant; ``None`` for a tensor without data in the file."""
    position = tensor.Buffer()
    if not 0 <= position < model.BuffersLength():
        raise ModelError(f"tensor {name!r} is in a buffer that does not exist ({position})")
    buffer = model.Buffers(position)
    if buffer.DataLength() == 0:
        return None
    if tensor.Sparsity() is not None or kind not in _DTYPES:
        return None  # refused by the operator that reads it
    dtype = np.dtype(_DTYPES[kind])
    raw = buffer.DataAsNumpy()
    if raw.size != math.prod(shape) * dtype.itemsize:
        raise ModelError(f"tensor {name!r} is damaged: {raw.size} bytes for shape {shape} of {kind.lower()}")
    return _real(np.frombuffer(raw.tobytes(), dtype).reshape(shape), tensor.Quantization())


def _real(stored: NDArray[np.generic], quantization: Any) -> NDArray[np.generic]:
    """Return the dequantised numbers: ``scale (q − zero)``, per tensor or along one axis."""
    if stored.dtype.kind == "f":
        return stored.astype(np.float32)
    if quantization is None or quantization.ScaleLength() == 0:
        return stored
    scale = np.asarray(quantization.ScaleAsNumpy(), np.float64)
    zero = np.asarray(quantization.ZeroPointAsNumpy() if quantization.ZeroPointLength() else 0, np.float64)
    if scale.size > 1:
        along = [1] * stored.ndim
        along[quantization.QuantizedDimension()] = -1
        scale, zero = scale.reshape(along), zero.reshape(along if zero.size > 1 else [1] * stored.ndim)
    return (scale * (stored.astype(np.float64) - zero)).astype(np.float32)


def _operator(tflite: ModuleType, model: Any, operator: Any) -> Operator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    # Files older than schema 3a keep the code in one byte; later ones write it there too while it fits.
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    kind = _names(tflite.BuiltinOperator).get(number, f"operator {number}")
    if kind == "CUSTOM":
        kind = f"custom operator {(code.CustomCode() or b'')[:60].decode('utf-8', 'replace')!r}"
    inputs, outputs = (
        tuple(int(i) for i in np.atleast_1d(v)) for v in (operator.InputsAsNumpy(), operator.OutputsAsNumpy())
    )
    if len(outputs) != 1 or len(inputs) > _MOST:
        raise ModelError(
            f"operator {kind} has {len(inputs)} inputs and {len(outputs)} outputs; wanted one output"
        )
    return Operator(kind, inputs, outputs[0], _options(tflite, operator, kind))


def _options(tflite: ModuleType, operator: Any, kind: str) -> dict[str, float]:
    if kind not in _OPTIONS:
        return {}
    table, fields = _OPTIONS[kind]
    options = getattr(tflite, table)()
    union = operator.BuiltinOptions()
    if union is None:
        return dict.fromkeys(fields, 0)
    options.Init(union.Bytes, union.Pos)
    read: list[Callable[[], float]] = [getattr(options, field) for field in fields]
    return {field: get() for field, get in zip(fields, read, strict=True)}


@functools.cache
def _names(enumeration: Any) -> Mapping[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}
