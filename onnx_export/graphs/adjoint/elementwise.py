"""Adjoints of elementwise arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable

import onnx

from fiqx_trt.onnx_export.graphs.adjoint.tape import Rule, Tape


def unbroadcast(tape: Tape, gradient: str, gradient_shape: tuple[int, ...], name: str) -> str:
    """Sum a gradient of shape `given` over the axes along which the tensor `name` was repeated."""
    wanted = tape.shape(name)
    short = len(gradient_shape) - len(wanted)
    axes = [i + 1 for i, d in enumerate(gradient_shape) if i < short or (wanted[i - short] == 1 and d != 1)]
    if axes:
        gradient = tape.reduce("ReduceSum", gradient, axes)
    return tape.reshape(gradient, wanted) if short else gradient


def _same(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: gradient}


def _abs(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: tape.emit("Mul", [gradient, tape.emit("Sign", [node.input[0]])])}


def _exp(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: tape.emit("Mul", [gradient, node.output[0]])}


def _log(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: tape.emit("Div", [gradient, node.input[0]])}


def _erf(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Slope 2/√π exp(−x²)."""
    x = node.input[0]
    bell = tape.emit("Exp", [tape.emit("Neg", [tape.emit("Mul", [x, x])])])
    slope = tape.emit("Mul", [bell, tape.number(2 / math.sqrt(math.pi))])
    return {x: tape.emit("Mul", [gradient, slope])}


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
    "Div": _binary(_of_quotient),
    "Dropout": _same,
    "Erf": _erf,
    "Exp": _exp,
    "Identity": _same,
    "Log": _log,
    "Mul": _binary(_of_product),
    "Neg": _neg,
    "Pow": _pow,
    "Reciprocal": _reciprocal,
    "Sqrt": _sqrt,
    "Sub": _binary(_of_difference),
    "Sum": _binary(_of_sum),
}
