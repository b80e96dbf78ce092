"""Adjoints of operators that act on each element: rectifiers, squashing functions, arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import onnx

from fiqx_trt.onnx_export.adjoint.tape import Rule, Tape
from fiqx_trt.onnx_export.view import attribute


def unbroadcast(tape: Tape, gradient: str, given: tuple[int, ...], name: str) -> str:
    """Sum a gradient of shape `given` over the axes along which the tensor `name` was repeated."""
    wanted = tape.shape(name)
    short = len(given) - len(wanted)
    axes = [i + 1 for i, d in enumerate(given) if i < short or (wanted[i - short] == 1 and d != 1)]
    if axes:
        gradient = tape.emit("ReduceSum", [gradient, tape.integers(axes)], {"keepdims": 1})
    return tape.reshape(gradient, wanted) if short else gradient


def _same(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: gradient}


def _positive(tape: Tape, name: str) -> str:
    return tape.emit("Greater", [name, tape.number(0)])


def _relu(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: tape.emit("Where", [_positive(tape, node.input[0]), gradient, tape.number(0)])}


def _sloped(tape: Tape, node: onnx.NodeProto, gradient: str, slope: str) -> dict[str, str]:
    factor = tape.emit("Where", [_positive(tape, node.input[0]), tape.number(1), slope])
    return {node.input[0]: tape.emit("Mul", [gradient, factor])}


def _leaky_relu(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return _sloped(tape, node, gradient, tape.number(attribute(node, "alpha", 0.01)))


def _prelu(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return _sloped(tape, node, gradient, tape.number(tape.value(node, 1)))


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
    """Pass the gradient where the value lies within the limits, as torch does."""
    for index, comparison in ((1, "Less"), (2, "Greater")):
        if len(node.input) > index and node.input[index]:
            outside = tape.emit(comparison, [node.input[0], tape.number(tape.value(node, index))])
            gradient = tape.emit("Where", [outside, tape.number(0), gradient])
    return {node.input[0]: gradient}


def _abs(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: tape.emit("Mul", [gradient, tape.emit("Sign", [node.input[0]])])}


def _neg(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: tape.emit("Neg", [gradient])}


def _sqrt(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    half = tape.emit("Mul", [gradient, tape.number(0.5)])
    return {node.input[0]: tape.emit("Div", [half, node.output[0]])}


def _reciprocal(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    squared = tape.emit("Mul", [node.output[0], node.output[0]])
    return {node.input[0]: tape.emit("Neg", [tape.emit("Mul", [gradient, squared])])}


def _pow(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    exponent = tape.value(node, 1)
    if exponent.size != 1:
        raise tape.refuse(node, "its exponent must be one number")
    power = tape.emit("Pow", [node.input[0], tape.number(exponent.ravel()[0] - 1)])
    slope = tape.emit("Mul", [power, tape.number(exponent.ravel()[0])])
    return {node.input[0]: tape.emit("Mul", [gradient, slope])}


#: Gradient of operand 0 or 1 of a binary operator, before broadcasting is undone.
_Part = Callable[[Tape, onnx.NodeProto, str, int], str]


def _binary(part: _Part) -> Rule:
    def rule(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for index, name in enumerate(node.input):
            if name in tape.view.dynamic:
                own = unbroadcast(tape, part(tape, node, gradient, index), tape.shape(node.output[0]), name)
                found[name] = tape.emit("Add", [found[name], own]) if name in found else own
        return found

    return rule


def _of_sum(tape: Tape, node: onnx.NodeProto, gradient: str, index: int) -> str:
    return gradient


def _of_difference(tape: Tape, node: onnx.NodeProto, gradient: str, index: int) -> str:
    return tape.emit("Neg", [gradient]) if index else gradient


def _of_product(tape: Tape, node: onnx.NodeProto, gradient: str, index: int) -> str:
    return tape.emit("Mul", [gradient, node.input[1 - index]])


def _of_quotient(tape: Tape, node: onnx.NodeProto, gradient: str, index: int) -> str:
    """1/b for the dividend, −y/b for the divisor."""
    share = tape.emit("Div", [gradient, node.input[1]])
    return tape.emit("Neg", [tape.emit("Mul", [share, node.output[0]])]) if index else share


RULES: dict[str, Rule] = {
    "Abs": _abs,
    "Add": _binary(_of_sum),
    "Cast": _same,
    "Clip": _clip,
    "Div": _binary(_of_quotient),
    "Dropout": _same,
    "Identity": _same,
    "LeakyRelu": _leaky_relu,
    "Mul": _binary(_of_product),
    "Neg": _neg,
    "PRelu": _prelu,
    "Pow": _pow,
    "Reciprocal": _reciprocal,
    "Relu": _relu,
    "Sigmoid": _sigmoid,
    "Sqrt": _sqrt,
    "Sub": _binary(_of_difference),
    "Sum": _binary(_of_sum),
    "Tanh": _tanh,
}
