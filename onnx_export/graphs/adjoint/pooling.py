"""Adjoints of pooling: a depthwise transposed convolution distributes the gradient of each window."""

from __future__ import annotations

import numpy as np
import onnx

from fiqx_trt.onnx_export.graphs.adjoint.convolution import Window, window
from fiqx_trt.onnx_export.graphs.adjoint.tape import Rule, Tape
from fiqx_trt.onnx_export.graphs.view import attribute

#: Below every value of a network; finite, because some runtimes turn -inf into NaN.
_LOWEST = -1e30


def _global_average(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    height, width = tape.shape(node.input[0])[1:]
    plane = np.full((1, 1, height, width), 1 / (height * width))
    return {node.input[0]: tape.emit("Mul", [gradient, tape.number(plane)])}


def _average(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Divide by the number of values of each window, then distribute the quotient over the window."""
    geometry = window(tape, node, tuple(attribute(node, "kernel_shape")), node.input[0], node.output[0])
    counts = _counts(
        geometry, attribute(node, "pads", [0] * 4), bool(attribute(node, "count_include_pad", 0))
    )
    share = tape.emit("Mul", [gradient, tape.number(1 / counts[None, None])])
    channels = tape.shape(node.input[0])[0]
    ones = tape.number(np.ones((channels, 1, *geometry.kernel)))
    return {
        node.input[0]: tape.emit("ConvTranspose", [share, ones], {**geometry.transposed(), "group": channels})
    }


def _counts(geometry: Window, pads: list[int], padding_counts: bool) -> np.ndarray:
    """Count, for each window, the positions on the map, or on the map and its declared padding."""
    sides = []
    for axis in (0, 1):
        first = np.arange(geometry.after[axis]) * geometry.strides[axis] - geometry.start[axis]
        position = first[:, None] + np.arange(geometry.kernel[axis]) * geometry.dilations[axis]
        low = -pads[axis] if padding_counts else 0
        high = geometry.before[axis] + (pads[2 + axis] if padding_counts else 0)
        sides.append(((position >= low) & (position < high)).sum(axis=1))
    return np.outer(*sides)


def _max(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Give each window's gradient to the first position, row by row, that holds its maximum."""
    x, y = node.input[0], node.output[0]
    geometry = window(tape, node, tuple(attribute(node, "kernel_shape")), x, y)
    channels = tape.shape(x)[0]
    padded = _pad(tape, x, geometry)
    parts, free = [], ""
    for row in range(geometry.kernel[0]):
        for column in range(geometry.kernel[1]):
            seen = _offset(tape, padded, geometry, (row, column))
            hit = tape.emit("Equal", [seen, y])
            first = tape.emit("And", [hit, free]) if free else hit
            parts.append(tape.emit("Where", [first, gradient, tape.number(0)]))
            missed = tape.emit("Not", [hit])
            free = tape.emit("And", [free, missed]) if free else missed
    stacked = tape.emit(
        "Concat", [tape.emit("Unsqueeze", [p, tape.integers([2])]) for p in parts], {"axis": 2}
    )
    flat = tape.reshape(stacked, (channels * len(parts), *geometry.after))
    places = np.eye(len(parts)).reshape(len(parts), 1, *geometry.kernel)
    kernels = tape.number(np.tile(places, (channels, 1, 1, 1)))
    return {x: tape.emit("ConvTranspose", [flat, kernels], {**geometry.transposed(), "group": channels})}


def _pad(tape: Tape, x: str, geometry: Window) -> str:
    end = [max(e, 0) for e in geometry.end]
    if not any((*geometry.start, *end)):
        return x
    pads = tape.integers([0, 0, *geometry.start, 0, 0, *end])
    return tape.emit("Pad", [x, pads, tape.number(_LOWEST)])


def _offset(tape: Tape, padded: str, geometry: Window, place: tuple[int, int]) -> str:
    """Return the values of all windows at one position of the kernel."""
    starts = [place[a] * geometry.dilations[a] for a in (0, 1)]
    ends = [starts[a] + (geometry.after[a] - 1) * geometry.strides[a] + 1 for a in (0, 1)]
    ranges = [tape.integers(v) for v in (starts, ends, [2, 3], geometry.strides)]
    return tape.emit("Slice", [padded, *ranges])


RULES: dict[str, Rule] = {"AveragePool": _average, "GlobalAveragePool": _global_average, "MaxPool": _max}
