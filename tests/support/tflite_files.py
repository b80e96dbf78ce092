"""Small TensorFlow Lite files, written with the schema's own builder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

KINDS = {"f4": "FLOAT32", "f2": "FLOAT16", "i4": "INT32", "i8": "INT64", "i1": "INT8", "u1": "UINT8"}
#: Operator → table of its options, where its name does not tell.
TABLES = {
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "L2_NORMALIZATION": "L2NormOptions",
}


@dataclass
class File:
    """Tensors and operators in the order in which they are added; `data` makes the file."""

    tensors: list[tuple[str, tuple[int, ...], str, bytes, Any]] = field(default_factory=list)
    operators: list[tuple[str, list[int], int, dict[str, float]]] = field(default_factory=list)

    def tensor(self, name: str, *shape: int, kind: str = "FLOAT32") -> int:
        self.tensors.append((name, shape, kind, b"", None))
        return len(self.tensors) - 1

    def constant(self, value: np.ndarray, *, scale: Any = None, zero: Any = 0, axis: int = 0) -> int:
        value = np.asarray(value)
        kind = KINDS[f"{value.dtype.kind}{value.dtype.itemsize}"]
        quantization = None if scale is None else (scale, zero, axis)
        self.tensors.append(
            (f"constant_{len(self.tensors)}", value.shape, kind, value.tobytes(), quantization)
        )
        return len(self.tensors) - 1

    def operator(
        self,
        kind: str,
        inputs: Sequence[int],
        *shape: int,
        name: str = "",
        out: str = "FLOAT32",
        **options: float,
    ) -> int:
        """Add an operator and the tensor that it makes."""
        made = self.tensor(name or f"{kind.lower()}_{len(self.operators)}", *shape, kind=out)
        self.operators.append((kind, list(inputs), made, options))
        return made

    def data(
        self, inputs: Sequence[int] = (0,), outputs: Sequence[int] | None = None, *, version: int = 3
    ) -> bytes:
        b = flatbuffers.Builder(1024)
        kinds = sorted({kind for kind, *_ in self.operators})
        codes = [self._code(b, kind) for kind in kinds]
        buffers = [self._buffer(b, data) for *_, data, _ in self.tensors]
        tensors = [self._tensor(b, i) for i in range(len(self.tensors))]
        operators = [self._operator(b, kinds.index(kind), kind, *rest) for kind, *rest in self.operators]
        outputs = [self.operators[-1][2]] if outputs is None else list(outputs)
        name = b.CreateString("main")
        parts = [
            _table_vector(b, tensors),
            _integers(b, inputs),
            _integers(b, outputs),
            _table_vector(b, operators),
        ]
        tflite.SubGraphStart(b)
        tflite.SubGraphAddName(b, name)
        tflite.SubGraphAddTensors(b, parts[0])
        tflite.SubGraphAddInputs(b, parts[1])
        tflite.SubGraphAddOutputs(b, parts[2])
        tflite.SubGraphAddOperators(b, parts[3])
        graphs = _table_vector(b, [tflite.SubGraphEnd(b)])
        code_vector, buffer_vector = _table_vector(b, codes), _table_vector(b, buffers)
        description = b.CreateString("test")
        tflite.ModelStart(b)
        tflite.ModelAddDescription(b, description)
        tflite.ModelAddVersion(b, version)
        tflite.ModelAddOperatorCodes(b, code_vector)
        tflite.ModelAddSubgraphs(b, graphs)
        tflite.ModelAddBuffers(b, buffer_vector)
        b.Finish(tflite.ModelEnd(b), b"TFL3")
        return bytes(b.Output())

    def _code(self, b: flatbuffers.Builder, kind: str) -> int:
        number = getattr(tflite.BuiltinOperator, kind)
        tflite.OperatorCodeStart(b)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
        tflite.OperatorCodeAddBuiltinCode(b, number)
        tflite.OperatorCodeAddVersion(b, 1)
        return int(tflite.OperatorCodeEnd(b))

    def _buffer(self, b: flatbuffers.Builder, data: bytes) -> int:
        vector = b.CreateByteVector(data) if data else None
        tflite.BufferStart(b)
        if vector is not None:
            tflite.BufferAddData(b, vector)
        return int(tflite.BufferEnd(b))

    def _tensor(self, b: flatbuffers.Builder, index: int) -> int:
        name, shape, kind, _, quantization = self.tensors[index]
        text, dims = b.CreateString(name), _integers(b, shape)
        quantized = None if quantization is None else _quantization(b, *quantization)
        tflite.TensorStart(b)
        tflite.TensorAddShape(b, dims)
        tflite.TensorAddType(b, getattr(tflite.TensorType, kind))
        tflite.TensorAddBuffer(b, index)
        tflite.TensorAddName(b, text)
        if quantized is not None:
            tflite.TensorAddQuantization(b, quantized)
        return int(tflite.TensorEnd(b))

    def _operator(
        self,
        b: flatbuffers.Builder,
        code: int,
        kind: str,
        inputs: list[int],
        made: int,
        options: dict[str, float],
    ) -> int:
        table = TABLES.get(kind, f"{kind.title().replace('_', '')}Options")
        union = getattr(tflite.BuiltinOptions, table, 0)
        told = None
        if union:
            getattr(tflite, f"{table}Start")(b)
            for name, value in options.items():
                getattr(tflite, f"{table}Add{name}")(b, value)
            told = getattr(tflite, f"{table}End")(b)
        reads, makes = _integers(b, inputs), _integers(b, [made])
        tflite.OperatorStart(b)
        tflite.OperatorAddOpcodeIndex(b, code)
        tflite.OperatorAddInputs(b, reads)
        tflite.OperatorAddOutputs(b, makes)
        if told is not None:
            tflite.OperatorAddBuiltinOptionsType(b, union)
            tflite.OperatorAddBuiltinOptions(b, told)
        return int(tflite.OperatorEnd(b))


def _integers(b: flatbuffers.Builder, values: Sequence[int]) -> int:
    return int(b.CreateNumpyVector(np.asarray(values, np.int32)))


def _table_vector(b: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _quantization(b: flatbuffers.Builder, scale: Any, zero: Any, axis: int) -> int:
    scales = b.CreateNumpyVector(np.atleast_1d(np.asarray(scale, np.float32)))
    zeros = b.CreateNumpyVector(
        np.broadcast_to(np.asarray(zero, np.int64), np.shape(np.atleast_1d(scale))).copy()
    )
    tflite.QuantizationParametersStart(b)
    tflite.QuantizationParametersAddScale(b, scales)
    tflite.QuantizationParametersAddZeroPoint(b, zeros)
    tflite.QuantizationParametersAddQuantizedDimension(b, axis)
    return int(tflite.QuantizationParametersEnd(b))
