"""Adjoints of operators that move values without changing them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from fiqx_trt.onnx_export.graphs.adjoint.elementwise import unbroadcast
from fiqx_trt.onnx_export.graphs.adjoint.tape import Rule, Tape
from fiqx_trt.onnx_export.graphs.view import attribute


def _reshape(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: tape.reshape(gradient, tape.shape(node.input[0]))}


def _transpose(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    rank = len(tape.shape(node.input[0])) + 1
    order = attribute(node, "perm", list(range(rank))[::-1])
    if order[0] != 0:
        raise tape.refuse(node, "it moves the batch dimension")
    return {node.input[0]: tape.emit("Transpose", [gradient], {"perm": np.argsort(order).tolist()})}


def _concat(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    axis = attribute(node, "axis") % (len(tape.shape(node.output[0])) + 1)
    if axis == 0:
        raise tape.refuse(node, "it joins pictures of a batch")
    found: dict[str, str] = {}
    position = 0
    for name in node.input:
        constant = tape.view.constant(name)
        extent = tape.shape(name)[axis - 1] if constant is None else constant.shape[axis]
        own = _slice_of(tape, gradient, [position], [position + extent], [axis])
        found[name] = tape.emit("Add", [found[name], own]) if name in found else own
        position += extent
    return found


def _slice_of(tape: Tape, name: str, starts: list[int], ends: list[int], axes: list[int]) -> str:
    return tape.emit("Slice", [name, *(tape.integers(v) for v in (starts, ends, axes))])


def _pad(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Crop the border; values that a negative padding had cropped get no gradient."""
    if attribute(node, "mode", b"constant") != b"constant" or len(node.input) > 3:
        raise tape.refuse(node, "only mode constant over all axes is covered")
    pads = tape.value(node, 1).astype(int).tolist()
    rank = len(pads) // 2
    if pads[0] or pads[rank]:
        raise tape.refuse(node, "it pads the batch")
    return {node.input[0]: _unpad(tape, gradient, pads[1:rank], pads[rank + 1 :], tape.shape(node.output[0]))}


def _unpad(tape: Tape, name: str, before: Sequence[int], after: Sequence[int], shape: Sequence[int]) -> str:
    """Undo the padding of a tensor of `shape` (without the batch): slice positive padding, pad negative."""
    axes = [i for i in range(len(shape)) if before[i] > 0 or after[i] > 0]
    if axes:
        starts = [max(before[i], 0) for i in axes]
        ends = [shape[i] - max(after[i], 0) for i in axes]
        name = _slice_of(tape, name, starts, ends, [i + 1 for i in axes])
    widths = [0, *(max(-b, 0) for b in before), 0, *(max(-a, 0) for a in after)]
    return tape.emit("Pad", [name, tape.integers(widths)]) if any(widths) else name


def _slice(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Put the values back: first the gaps of a stride, then the parts before and after."""
    shape = list(tape.shape(node.input[0]))
    current = list(tape.shape(node.output[0]))
    before, after = [0] * len(shape), [0] * len(shape)
    for axis, (start, step) in _ranges(tape, node, [0, *shape]).items():
        count = current[axis - 1]
        if step > 1:
            gradient = _with_gaps(tape, gradient, current, axis - 1, step)
            count *= step
            current[axis - 1] = count
        before[axis - 1], after[axis - 1] = -start, start + count - shape[axis - 1]
    return {node.input[0]: _unpad(tape, gradient, before, after, current)}


def _ranges(tape: Tape, node: onnx.NodeProto, shape: list[int]) -> dict[int, tuple[int, int]]:
    """Return the first index and the step of every sliced axis."""
    given = [tape.value(node, i).astype(int).tolist() for i in range(1, len(node.input)) if node.input[i]]
    starts = given[0]
    axes = [a % len(shape) for a in (given[2] if len(given) > 2 else range(len(starts)))]
    steps = given[3] if len(given) > 3 else [1] * len(starts)
    if min(steps) < 1 or 0 in axes:
        raise tape.refuse(node, "negative steps and slices of the batch are not covered")
    return {
        a: (min(s + shape[a], shape[a]) if s < 0 else min(s, shape[a]), step)
        for a, s, step in zip(axes, starts, steps, strict=True)
    }


def _with_gaps(tape: Tape, name: str, shape: list[int], axis: int, step: int) -> str:
    """Insert step − 1 zeros after every value along an axis."""
    single = [*shape[: axis + 1], 1, *shape[axis + 1 :]]
    widths = [0] * (len(single) + 1) + [step - 1 if i == axis + 2 else 0 for i in range(len(single) + 1)]
    spaced = tape.emit("Pad", [tape.reshape(name, single), tape.integers(widths)])
    return tape.reshape(spaced, [*shape[:axis], shape[axis] * step, *shape[axis + 1 :]])


def _expand(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    return {node.input[0]: unbroadcast(tape, gradient, tape.shape(node.output[0]), node.input[0])}


RULES: dict[str, Rule] = {
    "Concat": _concat,
    "Expand": _expand,
    "Flatten": _reshape,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Squeeze": _reshape,
    "Transpose": _transpose,
    "Unsqueeze": _reshape,
}
