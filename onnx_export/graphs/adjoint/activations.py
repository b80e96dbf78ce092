"""Adjoints of activation functions: rectifiers and squashing functions."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from fiqx_trt.onnx_export.graphs.adjoint.tape import Rule, Tape
from fiqx_trt.onnx_export.graphs.view import attribute


def _relu(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: tape.emit("Where", [_positive(tape, node.output[0]), gradient, tape.number(0)])}


def _sloped(tape: Tape, node: onnx.NodeProto, gradient: str, slope: NDArray[np.float64]) -> dict[str, str]:
    """Slope 1 where the value is positive, `slope` elsewhere.

    Where no slope is negative, the sign is read from the result, which has the sign of the value: then no other node reads
    the value, and a runtime may fuse the rectifier with the convolution before it.
    """
    sign_source = node.output[0] if (slope >= 0).all() else node.input[0]
    rank = len(tape.shape(node.input[0])) + 1
    # Of the other operands' rank: OpenVINO keeps a map's layout only where all ranks are equal.
    aligned = slope.reshape([1] * (rank - slope.ndim) + list(slope.shape))
    factor = tape.emit("Where", [_positive(tape, sign_source), tape.number(1), tape.number(aligned)])
    return {node.input[0]: tape.emit("Mul", [gradient, factor])}


def _positive(tape: Tape, name: str) -> str:
    return tape.emit("Greater", [name, tape.number(0)])


def _leaky_relu(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return _sloped(tape, node, gradient, np.asarray(attribute(node, "alpha", 0.01), np.float64))


def _prelu(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return _sloped(tape, node, gradient, tape.value(node, 1))


def _sigmoid(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Slope y (1 − y)."""
    y = node.output[0]
    slope = tape.emit("Mul", [y, tape.emit("Sub", [tape.number(1), y])])
    return {node.input[0]: tape.emit("Mul", [gradient, slope])}


def _tanh(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Slope 1 − y²."""
    y = node.output[0]
    slope = tape.emit("Sub", [tape.number(1), tape.emit("Mul", [y, y])])
    return {node.input[0]: tape.emit("Mul", [gradient, slope])}


def _clip(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Pass the gradient where the value is within the limits, as torch does."""
    for index, comparison in ((1, "Less"), (2, "Greater")):
        if len(node.input) > index and node.input[index]:
            outside = tape.emit(comparison, [node.input[0], tape.number(tape.value(node, index))])
            gradient = tape.emit("Where", [outside, tape.number(0), gradient])
    return {node.input[0]: gradient}


def _elu(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Slope 1 where the value is positive, y + α elsewhere."""
    below = tape.emit("Add", [node.output[0], tape.number(attribute(node, "alpha", 1.0))])
    slope = tape.emit("Where", [_positive(tape, node.input[0]), tape.number(1), below])
    return {node.input[0]: tape.emit("Mul", [gradient, slope])}


def _softplus(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: tape.emit("Mul", [gradient, tape.emit("Sigmoid", [node.input[0]])])}


def _hard_sigmoid(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Slope α where the result is between 0 and 1."""
    y, alpha = node.output[0], attribute(node, "alpha", 0.2)
    slope = tape.emit("Where", [_positive(tape, y), tape.number(alpha), tape.number(0)])
    slope = tape.emit("Where", [tape.emit("Less", [y, tape.number(1)]), slope, tape.number(0)])
    return {node.input[0]: tape.emit("Mul", [gradient, slope])}


def _hard_swish(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Slope 0 up to −3, x/3 + 1/2 up to 3, 1 beyond."""
    x = node.input[0]
    line = tape.emit("Add", [tape.emit("Mul", [x, tape.number(1 / 3)]), tape.number(0.5)])
    slope = tape.emit("Where", [tape.emit("Less", [x, tape.number(3)]), line, tape.number(1)])
    slope = tape.emit("Where", [tape.emit("Greater", [x, tape.number(-3)]), slope, tape.number(0)])
    return {x: tape.emit("Mul", [gradient, slope])}


RULES: dict[str, Rule] = {
    "Clip": _clip,
    "Elu": _elu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "LeakyRelu": _leaky_relu,
    "PRelu": _prelu,
    "Relu": _relu,
    "Sigmoid": _sigmoid,
    "Softplus": _softplus,
    "Tanh": _tanh,
}
