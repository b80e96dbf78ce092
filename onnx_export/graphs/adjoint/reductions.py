"""Adjoints of sums, means and lengths over axes."""

from __future__ import annotations

import math

import numpy as np
import onnx

from fiqx_trt.onnx_export.graphs.adjoint.tape import Rule, Tape
from fiqx_trt.onnx_export.graphs.view import attribute


def _axes(tape: Tape, node: onnx.NodeProto) -> list[int]:
    rank = len(tape.shape(node.input[0])) + 1
    given = attribute(node, "axes")
    if given is None and len(node.input) > 1 and node.input[1]:
        given = tape.value(node, 1).astype(int).tolist()
    axes = sorted(a % rank for a in (range(rank) if given is None else given))
    if 0 in axes:
        raise tape.refuse(node, "it reduces over the batch")
    return axes


def _spread(tape: Tape, node: onnx.NodeProto, gradient: str, factor: float) -> str:
    """Repeat a gradient over the summed axes, times a number."""
    axes, shape = _axes(tape, node), tape.shape(node.input[0])
    plane = [d if i + 1 in axes else 1 for i, d in enumerate(shape)]
    kept = _kept(tape, node, gradient)
    return tape.emit("Mul", [kept, tape.number(np.full((1, *plane), factor))])


def _kept(tape: Tape, node: onnx.NodeProto, name: str) -> str:
    """Restore the dropped axes of a reduced tensor."""
    if attribute(node, "keepdims", 1):
        return name
    axes = _axes(tape, node)
    return tape.reshape(name, [1 if i + 1 in axes else d for i, d in enumerate(tape.shape(node.input[0]))])


def _sum(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: _spread(tape, node, gradient, 1.0)}


def _mean(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    shape = tape.shape(node.input[0])
    values = math.prod(shape[a - 1] for a in _axes(tape, node))
    return {node.input[0]: _spread(tape, node, gradient, 1 / values)}


def _square_sum(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: tape.emit("Mul", [_spread(tape, node, gradient, 2.0), node.input[0]])}


def _length(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Slope x / ‖x‖."""
    share = tape.emit("Div", [_kept(tape, node, gradient), _kept(tape, node, node.output[0])])
    return {node.input[0]: tape.emit("Mul", [node.input[0], share])}


def _normalise(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Adjoint of y = x / ‖x‖: (g − y (g·y)) / ‖x‖."""
    if attribute(node, "p", 2) != 2:
        raise tape.refuse(node, "only p = 2 is covered")
    axis = attribute(node, "axis", -1)
    x, y = node.input[0], node.output[0]
    along = tape.reduce("ReduceSum", tape.emit("Mul", [gradient, y]), [axis])
    across = tape.emit("Sub", [gradient, tape.emit("Mul", [y, along])])
    return {x: tape.emit("Div", [across, tape.reduce("ReduceL2", x, [axis])])}


def _layer_norm(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Adjoint of y = γ z + β, z = (x − μ) / σ: with u = γ g, (u − mean(u) − z mean(u z)) / σ.

    μ and σ are computed again; a runtime merges the common expressions.
    """
    x, rank = node.input[0], len(tape.shape(node.input[0])) + 1
    axis = attribute(node, "axis", -1) % rank
    if axis == 0:
        raise tape.refuse(node, "it reduces over the batch")
    over = list(range(axis, rank))
    centred = tape.emit("Sub", [x, tape.reduce("ReduceMean", x, over)])
    power = tape.reduce("ReduceMean", tape.emit("Mul", [centred, centred]), over)
    sigma = tape.emit("Sqrt", [tape.emit("Add", [power, tape.number(attribute(node, "epsilon", 1e-5))])])
    z = tape.emit("Div", [centred, sigma])
    u = tape.emit("Mul", [gradient, tape.number(tape.value(node, 1))])
    along = tape.emit("Mul", [z, tape.reduce("ReduceMean", tape.emit("Mul", [u, z]), over)])
    across = tape.emit("Sub", [tape.emit("Sub", [u, tape.reduce("ReduceMean", u, over)]), along])
    return {x: tape.emit("Div", [across, sigma])}


RULES: dict[str, Rule] = {
    "LayerNormalization": _layer_norm,
    "LpNormalization": _normalise,
    "ReduceL2": _length,
    "ReduceMean": _mean,
    "ReduceSum": _sum,
    "ReduceSumSquare": _square_sum,
}
