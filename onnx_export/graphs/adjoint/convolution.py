"""Adjoints of convolutions: transposed convolutions, written as ordinary ones where the stride is 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from fiqx_trt.onnx_export.graphs.adjoint.tape import Rule, Tape
from fiqx_trt.onnx_export.graphs.view import attribute


@dataclass(frozen=True)
class Window:
    """Geometry of a sliding window from a map of height and width `before` to one of `after`."""

    before: tuple[int, int]
    after: tuple[int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    start: tuple[int, int]

    @property
    def end(self) -> tuple[int, int]:
        """Padding after the map that the last position needs; negative where the window omits values."""
        height, width = (
            (self.after[a] - 1) * self.strides[a] + self.reach(a) - self.before[a] - self.start[a]
            for a in (0, 1)
        )
        return height, width

    def reach(self, axis: int) -> int:
        """Return the extent of the dilated kernel."""
        return (self.kernel[axis] - 1) * self.dilations[axis] + 1

    def transposed(self) -> dict[str, list[int]]:
        """Return the attributes of the ConvTranspose from `after` back to `before`."""
        return {
            "kernel_shape": list(self.kernel),
            "strides": list(self.strides),
            "dilations": list(self.dilations),
            "pads": [*self.start, *(max(e, 0) for e in self.end)],
            "output_padding": [max(-e, 0) for e in self.end],
        }


def window(tape: Tape, node: onnx.NodeProto, kernel: tuple[int, int], before: str, after: str) -> Window:
    """Read the geometry of a node that slides from tensor `before` to tensor `after`."""
    (height, width), (rows, columns) = tape.shape(before)[1:], tape.shape(after)[1:]
    strides, dilations = (tuple(attribute(node, name, [1, 1])) for name in ("strides", "dilations"))
    start = tuple(attribute(node, "pads", [0] * 4)[:2])
    kind = attribute(node, "auto_pad", b"NOTSET")
    whole = Window((height, width), (rows, columns), kernel, strides, dilations, start)
    if kind in (b"SAME_UPPER", b"SAME_LOWER"):
        total = [max(e + s, 0) for e, s in zip(whole.end, whole.start, strict=True)]
        first = tuple((t + (kind == b"SAME_LOWER")) // 2 for t in total)
        return Window((height, width), (rows, columns), kernel, strides, dilations, first)
    return whole


def _conv(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    x, weight = node.input[0], tape.value(node, 1)
    if weight.ndim != 4:
        raise tape.refuse(
            node, f"only convolutions over height and width are covered, not rank {weight.ndim}"
        )
    geometry = window(tape, node, weight.shape[2:], x, node.output[0])
    groups = attribute(node, "group", 1)
    start = [geometry.reach(a) - 1 - geometry.start[a] for a in (0, 1)]
    end = [geometry.reach(a) - 1 - geometry.end[a] for a in (0, 1)]
    if geometry.strides == (1, 1) and min(start + end) >= 0:
        attributes = {
            "kernel_shape": list(geometry.kernel),
            "dilations": list(geometry.dilations),
            "pads": start + end,
            "group": groups,
        }
        return {x: tape.emit("Conv", [gradient, tape.number(_turned(weight, groups))], attributes)}
    attributes = {**geometry.transposed(), "group": groups}
    return {x: tape.emit("ConvTranspose", [gradient, tape.number(weight)], attributes)}


def _turned(weight: np.ndarray, groups: int) -> np.ndarray:
    """Swap the input and output channels within each group and rotate the kernels by 180°."""
    outer, inner, *kernel = weight.shape
    swapped = weight.reshape(groups, outer // groups, inner, *kernel).swapaxes(1, 2)
    return swapped.reshape(groups * inner, outer // groups, *kernel)[:, :, ::-1, ::-1]


def _conv_transpose(tape: Tape, node: onnx.NodeProto, gradient: str) -> dict[str, str]:
    """Apply the layer's own transpose, an ordinary convolution, to the gradient."""
    x, weight = node.input[0], tape.value(node, 1)
    if (
        weight.ndim != 4
        or attribute(node, "auto_pad", b"NOTSET") != b"NOTSET"
        or attribute(node, "output_shape")
    ):
        raise tape.refuse(node, "only explicit pads over height and width are covered")
    geometry = window(tape, node, weight.shape[2:], node.output[0], x)
    attributes = {
        "kernel_shape": list(geometry.kernel),
        "strides": list(geometry.strides),
        "dilations": list(geometry.dilations),
        "pads": [*geometry.start, *(max(e, 0) for e in geometry.end)],
        "group": attribute(node, "group", 1),
    }
    return {x: tape.emit("Conv", [gradient, tape.number(weight)], attributes)}


RULES: dict[str, Rule] = {"Conv": _conv, "ConvTranspose": _conv_transpose}
