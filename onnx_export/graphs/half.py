"""Convert a graph to half precision: convolutions in float16, numerically sensitive operators in float32.

TensorRT's strongly typed networks take each tensor's type from the ONNX file, and ONNX Runtime reads the same
file, so one graph is both the engine's source and its reference.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.fold import fold_batch_norms
from fiqx_trt.onnx_export.graphs.view import GraphView, attribute, infer, reads

__all__ = ["CONTINUES", "LARGEST", "STARTS", "to_half"]

#: The largest float16.
LARGEST = 65504.0
#: Operators that compute in float16 whatever they read.
STARTS = frozenset(("Conv", "ConvTranspose", "Gemm", "MatMul"))
#: Operators that stay in float16 where one of their operands is; all others return to float32.
CONTINUES = frozenset(
    ["Abs", "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "DepthToSpace", "Dropout", "Equal",
     "Expand", "Flatten", "Gather", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity",
     "LeakyRelu", "Less", "LessOrEqual", "Max", "MaxPool", "Min", "Mul", "Neg", "PRelu", "Pad", "Relu",
     "Reshape", "Sigmoid", "Sign", "Slice", "SpaceToDepth", "Split", "Squeeze", "Sub", "Sum", "Tile",
     "Transpose", "Unsqueeze", "Where"]
)  # fmt: skip
#: Operators that look at a tensor's shape and read it in whatever type it has.
_SHAPES = frozenset(("Shape", "Size"))
_FLOAT, _HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def to_half(model: onnx.ModelProto, *, vectors: bool = False) -> onnx.ModelProto:
    """Return the model with float16 convolutions between float32 inputs and outputs.

    Batch norms are folded into the convolution before them, or become a product and a sum, in float64, before
    any rounding. These stay in float32: a linear layer that makes one vector per picture (the embedding's, or one of a
    squeeze-and-excitation block) and the nodes after it, reductions, divisions and L2 norms, and a node with a constant
    that float16 cannot represent. With `vectors` linear layers that make vectors are float16 too, as in a head of its own,
    whose rows are many. Casts are inserted between the two. The given model is not changed; names and types of
    inputs and outputs are kept. ModelError, with the checker's message, where the result is not valid ONNX.

    Examples
    --------
    >>> from fiqx_trt.onnx_export.architectures.mobilefacenet import build_mobilefacenet
    >>> half = to_half(build_mobilefacenet())
    >>> [node.op_type for node in half.graph.node][:2], half.graph.output[0].type.tensor_type.elem_type
    (['Cast', 'Conv'], 1)
    """
    view = GraphView(_lifted(fold_batch_norms(model)))
    return _checked(_Halving(view, vectors).model())


class _Halving:
    """Rewrites the graph in one pass; a tensor's half version is called ``<name>.half``."""

    def __init__(self, view: GraphView, vectors: bool) -> None:
        self.view = view
        self.vectors = vectors
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.halves: set[str] = set()
        self.singles = set(view.inputs) | set(view.initializers)

    def model(self) -> onnx.ModelProto:
        for node in self.view.nodes:
            if self._becomes_half(node):
                self._write_half(node)
            else:
                self._write_single(node)
        for name in self.view.outputs:
            self._single(name)
        model = onnx.ModelProto()
        model.CopyFrom(self.view.model)
        graph = model.graph
        del graph.node[:], graph.value_info[:], graph.initializer[:], graph.input[:]
        graph.node.extend(self.nodes)
        graph.input.extend(v for v in self.view.graph.input if v.name in self.view.inputs)
        needed = {name for node in self.nodes for name in reads(node)} | set(self.view.outputs)
        constants = {**self.view.initializers, **self.constants}
        graph.initializer.extend(tensor for name, tensor in constants.items() if name in needed)
        return model

    def _becomes_half(self, node: onnx.NodeProto) -> bool:
        floats = [name for name in node.input if self._is_float(name)]
        if (
            node.domain not in ("", "ai.onnx")
            or not floats
            or not all(map(_small, map(self._weight, floats)))
        ):
            return False
        if node.op_type in STARTS:
            return self.vectors or not self._makes_a_vector(node)
        if node.op_type == "BatchNormalization" and self._moments(node) is None:
            return False
        return node.op_type in CONTINUES and not self.halves.isdisjoint(floats)

    def _makes_a_vector(self, node: onnx.NodeProto) -> bool:
        shape = self.view.shapes.get(node.output[0])
        return shape is None or len(shape) < 3 or (len(shape) == 4 and shape[2:] == (1, 1))

    def _is_float(self, name: str) -> bool:
        if name in self.view.initializers:
            return bool(self.view.initializers[name].data_type == _FLOAT)
        return name in self.view.types and bool(self.view.types[name].elem_type == _FLOAT)

    def _weight(self, name: str) -> NDArray[np.generic] | None:
        tensor = self.view.initializers.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def _write_single(self, node: onnx.NodeProto) -> None:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        if node.op_type in _SHAPES and node.input[0] not in self.singles:
            copy.input[0] = self._half(node.input[0])
        else:
            for name in reads(node):
                self._single(name)
        self.nodes.append(copy)
        self.singles.update(node.output)

    def _write_half(self, node: onnx.NodeProto) -> None:
        if node.op_type == "BatchNormalization":
            self._write_affine(node)
            return
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = [self._half(name) if self._is_float(name) else name for name in node.input]
        for name in node.input:
            if name and not self._is_float(name):
                self._single(name)
        for index, name in enumerate(node.output):
            if self._is_float(name):
                copy.output[index] = f"{name}.half"
                self.halves.add(name)
            else:
                self.singles.add(name)
        self.nodes.append(copy)

    def _write_affine(self, node: onnx.NodeProto) -> None:
        """Write a batch norm before a convolution as ``s x + b``, one of each per channel."""
        moments = self._moments(node)
        assert moments is not None  # checked by _becomes_half
        name, rank = node.output[0], len(self.view.shapes[node.input[0]])
        value = self._half(node.input[0])
        for part, op, constant in zip(("scale", "shift"), ("Mul", "Add"), moments, strict=True):
            shaped = constant.reshape(-1, *[1] * (rank - 2)).astype(np.float16)
            self.constants[f"{name}.{part}"] = numpy_helper.from_array(shaped, f"{name}.{part}")
            result = f"{name}.half" if op == "Add" else f"{name}.scaled"
            self.nodes.append(helper.make_node(op, [value, f"{name}.{part}"], [result], name=result))
            value = result
        self.halves.add(name)

    def _moments(self, node: onnx.NodeProto) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Return s and b of a batch norm with constants that float16 can represent, else None."""
        values = [self.view.constant(name) for name in node.input[1:5]]
        if any(value is None for value in values) or node.input[0] not in self.view.shapes:
            return None
        gamma, beta, mean, variance = (np.asarray(value, np.float64) for value in values)
        scale = gamma / np.sqrt(variance + float(attribute(node, "epsilon", 1e-5)))
        shift = beta - mean * scale
        return (scale, shift) if _small(scale) and _small(shift) else None

    def _half(self, name: str) -> str:
        """Return the name of a float tensor's half version; it is made at the first call."""
        half = f"{name}.half"
        weight = self._weight(name)
        if weight is not None:
            self.constants.setdefault(half, numpy_helper.from_array(weight.astype(np.float16), half))
        elif name not in self.halves:
            self.nodes.append(helper.make_node("Cast", [name], [half], name=half, to=_HALF))
            self.halves.add(name)
        return half

    def _single(self, name: str) -> None:
        """Make a tensor available under its own name in float32."""
        if name not in self.singles and name in self.halves:
            self.nodes.append(
                helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.single", to=_FLOAT)
            )
            self.singles.add(name)


def _small(values: NDArray[np.generic] | NDArray[np.float64] | None) -> bool:
    return values is None or not values.size or bool(np.abs(values).max() <= LARGEST)


def _lifted(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with its Constant tensors as initializers."""
    lifted = onnx.ModelProto()
    lifted.CopyFrom(model)
    del lifted.graph.node[:]
    for node in model.graph.node:
        value = attribute(node, "value") if node.op_type == "Constant" else None
        if isinstance(value, TensorProto):
            tensor = lifted.graph.initializer.add()
            tensor.CopyFrom(value)
            tensor.name = node.output[0]
        else:
            lifted.graph.node.append(node)
    return lifted


def _checked(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # the checker's and the inference's errors share no base class
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"the graph cannot be written in half precision: {reason}") from error
    return infer(model)
