"""Fold the head of a network, everything after the pre-dropout vector, into one affine map.

The head is linear layers and batch norms, so ``e = A h + b`` is exact. The fold runs backwards from the embedding, like
a reverse-mode derivative: each tensor has the matrix from its values to the embedding, and no F×F matrix is formed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from numpy.typing import NDArray

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.builder import GraphBuilder
from fiqx_trt.onnx_export.graphs.view import GraphView, attribute, describe

Matrix = NDArray[np.float64]
#: What a rule returns: the matrices its data inputs receive, and the constant it adds to the embedding.
Pulled = tuple[dict[str, Matrix], Matrix | float]


def head_affine(head: onnx.ModelProto) -> tuple[Matrix, Matrix]:
    """Fold a head into ``e = A h + b`` in float64; return A ``(D, F)`` and b ``(D,)``.

    ``head`` is a model with one input, h, and one output, the embedding, from `split.cut`. An input of rank 4 counts as its
    values in C order. ModelError names a node that is not affine in h.
    """
    fold = _Fold(GraphView(head))
    if len(fold.view.inputs) != 1 or len(fold.view.outputs) != 1:
        raise ModelError(
            f"a head has one input and one output; got {fold.view.inputs} and {fold.view.outputs}"
        )
    source, target = fold.view.inputs[0], fold.view.outputs[0]
    if target not in fold.view.dynamic:
        raise ModelError(f"the head's output {target!r} does not depend on its input {source!r}")
    matrices = {target: np.eye(fold.size(target))}
    offset = np.zeros(fold.size(target))
    for node in reversed(fold.view.nodes):
        matrix = matrices.pop(node.output[0], None)
        if matrix is None:
            continue
        pulled, constant = fold.pull(node, matrix)
        offset = offset + constant
        for name, part in pulled.items():
            matrices[name] = matrices[name] + part if name in matrices else part
    return matrices[source], offset


def folded_head(head: onnx.ModelProto) -> onnx.ModelProto:
    """Return a head (see :func:`head_affine`) as one linear layer, with the same input and output, where that is cheaper.

    ``head`` itself is returned where it has one layer, is not affine, or needs fewer products (a bottleneck in the middle).
    """
    view = GraphView(head)
    products = [_products(view, node) for node in view.nodes if node.op_type in ("Conv", "Gemm", "MatMul")]
    if len(products) < 2 or len(view.inputs) != 1 or len(view.outputs) != 1:
        return head
    try:
        matrix, offset = head_affine(head)
    except ModelError:
        return head
    if matrix.size > sum(products):
        return head
    source, target = view.inputs[0], view.outputs[0]
    graph = GraphBuilder("head")
    values = {f"{target}.A": matrix, f"{target}.b": offset}
    weights = [graph.constant(name, value.astype(np.float32)) for name, value in values.items()]
    shape, wanted = view.shapes[source], view.shapes[target]
    flat = source if len(shape) == 2 else graph.node("Flatten", [source], f"{source}.flat")
    product = graph.node(
        "Gemm", [flat, *weights], f"{target}.gemm" if len(wanted) > 2 else target, {"transB": 1}
    )
    if len(wanted) > 2:
        dims = graph.constant(f"{target}.shape", np.array([-1, *(d or 1 for d in wanted[1:])], np.int64))
        graph.node("Reshape", [product, dims], target)
    return graph.model({source: ["N", *shape[1:]]}, {target: ["N", *wanted[1:]]})


def _products(view: GraphView, node: onnx.NodeProto) -> int:
    """Return the number of weights of a linear layer: its multiplications per face."""
    weight = view.constant(node.input[1])
    return 0 if weight is None else int(weight.size)


class _Fold:
    """The rules, one per operator: from the matrix of a node's output to the matrices of its inputs."""

    def __init__(self, view: GraphView) -> None:
        self.view = view
        rules: dict[str, Callable[[onnx.NodeProto, Matrix], Pulled]] = {
            "Add": self._add,
            "BatchNormalization": self._batch_norm,
            "Conv": self._conv,
            "Div": self._divide,
            "Gemm": self._gemm,
            "GlobalAveragePool": self._mean,
            "MatMul": self._matmul,
            "Mul": self._multiply,
            "Neg": self._negate,
            "Sub": self._subtract,
            "Sum": self._add,
            "Transpose": self._transpose,
        }
        same = ["Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"]
        self.rules = {**rules, **dict.fromkeys(same, self._same)}

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor without its batch dimension."""
        shape = self.view.shapes.get(name)
        if shape is None or None in shape[1:]:
            raise ModelError(f"the shape of {name!r} in the head is not constant; it cannot be folded")
        return tuple(d or 0 for d in shape[1:])

    def size(self, name: str) -> int:
        return int(np.prod(self.shape(name)))

    def pull(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        rule = self.rules.get(node.op_type)
        if rule is None:
            raise self._refuse(node, "the operator is not affine")
        return rule(node, matrix)

    def _refuse(self, node: onnx.NodeProto, why: str) -> ModelError:
        return ModelError(f"the head is not an affine map of its input: {describe(node)}: {why}")

    def _value(self, node: onnx.NodeProto, index: int, default: float = 0.0) -> Matrix:
        """Return a constant input of a node in float64; `default` where the input is omitted."""
        if index >= len(node.input) or not node.input[index]:
            return np.array(default)
        value = self.view.constant(node.input[index])
        if value is None:
            raise self._refuse(node, f"its input {node.input[index]!r} depends on the picture too")
        return value.astype(np.float64)

    def _spread(self, node: onnx.NodeProto, index: int) -> Matrix:
        """Return the constant operand of an elementwise node, broadcast to one row of its output."""
        shape = (1, *self.shape(node.output[0]))
        try:
            return np.broadcast_to(self._value(node, index), shape).ravel()
        except ValueError:
            raise self._refuse(node, f"its constant operand does not broadcast to {shape}") from None

    def _operand(self, node: onnx.NodeProto) -> int:
        """Return the position of the one operand that depends on h."""
        data = [i for i, name in enumerate(node.input) if name in self.view.dynamic]
        if len(data) != 1:
            raise self._refuse(node, "it joins two tensors that both depend on the input")
        if self.shape(node.input[data[0]]) != self.shape(node.output[0]):
            raise self._refuse(node, "it broadcasts the tensor that depends on the input")
        return data[0]

    def _same(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        if self.size(node.input[0]) != self.size(node.output[0]):
            raise self._refuse(node, "it mixes the pictures of a batch")
        return {node.input[0]: matrix}, 0.0

    def _negate(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        return {node.input[0]: -matrix}, 0.0

    def _add(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        return self._sum(node, matrix, [1.0] * len(node.input))

    def _subtract(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        return self._sum(node, matrix, [1.0, -1.0])

    def _sum(self, node: onnx.NodeProto, matrix: Matrix, signs: list[float]) -> Pulled:
        pulled: dict[str, Matrix] = {}
        constant: Matrix | float = 0.0
        for index, (name, sign) in enumerate(zip(node.input, signs, strict=True)):
            if name not in self.view.dynamic:
                constant = constant + sign * (matrix @ self._spread(node, index))
            elif self.shape(name) != self.shape(node.output[0]):
                raise self._refuse(node, "it broadcasts the tensor that depends on the input")
            else:
                pulled[name] = pulled.get(name, 0.0) + sign * matrix
        return pulled, constant

    def _multiply(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        data = self._operand(node)
        return {node.input[data]: matrix * self._spread(node, 1 - data)}, 0.0

    def _divide(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        if self._operand(node) != 0:
            raise self._refuse(node, "it divides by a tensor that depends on the input")
        return {node.input[0]: matrix / self._spread(node, 1)}, 0.0

    def _batch_norm(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        """Fold γ (x − μ) / √(σ² + ε) + β, per channel."""
        gamma, beta, mean, variance = (self._value(node, i) for i in range(1, 5))
        epsilon = float(attribute(node, "epsilon", 1e-5))
        scale = gamma / np.sqrt(variance + epsilon)
        positions = self.size(node.input[0]) // scale.size
        shift = np.repeat(beta - mean * scale, positions)
        return {node.input[0]: matrix * np.repeat(scale, positions)}, matrix @ shift

    def _gemm(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        """Fold α x W + β c."""
        if attribute(node, "transA", 0) or node.input[0] not in self.view.dynamic:
            raise self._refuse(node, "its first operand must be the data, not transposed")
        alpha, beta = (float(attribute(node, name, 1.0)) for name in ("alpha", "beta"))
        weight = self._value(node, 1)
        weight = weight if attribute(node, "transB", 0) else weight.T
        constant = matrix @ np.broadcast_to(beta * self._value(node, 2), (1, weight.shape[0])).ravel()
        return {node.input[0]: alpha * (matrix @ weight)}, constant

    def _matmul(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        weight = self._value(node, 1)
        if len(self.shape(node.input[0])) != 1 or weight.ndim != 2:
            raise self._refuse(node, "its operands must be a vector per picture and a matrix")
        return {node.input[0]: matrix @ weight.T}, 0.0

    def _mean(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        positions = self.size(node.input[0]) // self.shape(node.input[0])[0]
        return {node.input[0]: np.repeat(matrix / positions, positions, axis=1)}, 0.0

    def _transpose(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        order = attribute(node, "perm")
        if not order or order[0] != 0:
            raise self._refuse(node, "it moves the batch dimension")
        back = np.argsort(order)
        stacked = matrix.reshape(-1, *self.shape(node.output[0])).transpose(back)
        return {node.input[0]: stacked.reshape(len(matrix), -1)}, 0.0

    def _conv(self, node: onnx.NodeProto, matrix: Matrix) -> Pulled:
        """Fold a convolution with one output position: the part of its kernel inside the map."""
        if self.shape(node.output[0])[1:] != (1, 1):
            raise self._refuse(node, f"its output {self.shape(node.output[0])} is larger than 1×1")
        weight = self._value(node, 1)
        channels, *extent = self.shape(node.input[0])
        groups = int(attribute(node, "group", 1))
        dense = np.zeros((groups, len(weight) // groups, groups, channels // groups, *extent))
        (rows, kernel_rows), (columns, kernel_columns) = (self._taken(node, axis, extent) for axis in (0, 1))
        part = weight[:, :, kernel_rows][:, :, :, kernel_columns]
        for group, kernels in enumerate(np.split(part, groups)):
            view = dense[group, :, group]
            view[:, :, rows[:, None], columns] = kernels
        flat = dense.reshape(len(weight), -1)
        bias = np.broadcast_to(self._value(node, 2), len(weight))
        return {node.input[0]: matrix @ flat}, matrix @ bias

    def _taken(
        self, node: onnx.NodeProto, axis: int, extent: list[int]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the positions of the map that the kernel covers along an axis, and the kernel's own positions there."""
        if attribute(node, "auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
            raise self._refuse(node, "auto_pad is not supported; wanted explicit pads")
        pads, dilations = attribute(node, "pads", [0] * 4), attribute(node, "dilations", [1, 1])
        kernel = np.arange(self._value(node, 1).shape[2 + axis])
        position = kernel * dilations[axis] - pads[axis]
        inside = (position >= 0) & (position < extent[axis])
        return position[inside], kernel[inside]
