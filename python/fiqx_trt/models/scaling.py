"""Infer from the operators before a network's first layer which input range it expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.onnx_export.graphs.reading import takes_raw_pixels
from fiqx_trt.onnx_export.graphs.view import GraphView, attribute

if TYPE_CHECKING:
    import onnx

__all__ = ["InputScaling", "input_scaling"]

Numbers = NDArray[np.float64]
_SAME = frozenset(["Cast", "Dropout", "Identity", "Pad", "Squeeze", "Transpose", "Unsqueeze"])
_SCALING = frozenset(["Add", "BatchNormalization", "Div", "Mul", "Neg", "Sub"])
#: A subtracted middle above this, or a divisor above the next, belongs to intensities 0 … 255.
_RAW_MIDDLE = 2.0
_RAW_SPREAD = 16.0
#: A middle of pictures in 0 … 1, and the largest spread around it.
_UNIT_MIDDLE = 0.15
_UNIT_SPREAD = 0.75


@dataclass(frozen=True)
class InputScaling:
    """The input of a network: ``(x - mean) / std`` of intensities 0 … 255, and from what it was inferred."""

    mean: float
    std: float
    reason: str


def input_scaling(graph: onnx.ModelProto, image: str) -> InputScaling:
    """Infer from the constants before the first layer which range of intensities a network expects.

    Additions, divisions and the like between the input `image` and the first layer are composed to ``(x - m) / s``. A mean m
    or a spread s of the size of intensities means that the network scales 0 … 255 itself; both below 1, that it expects 0 … 1;
    anything else (no such operator, ``x + 0``, a small factor) gives no information, and −1 … 1 is assumed, the most frequent
    convention. Of a batch normalisation, the running mean and deviation are used.
    """
    if takes_raw_pixels(graph):
        return InputScaling(0.0, 1.0, "its file takes whole numbers: intensities 0 … 255")
    view = GraphView(graph)
    middle, spread, source = _first_scaling(view, image)
    shown = f"(x − {_text(middle)}) / {_text(spread)} by its {source}"
    m, s = float(np.abs(middle).mean()), float(np.abs(spread).mean())
    if not source:
        return InputScaling(127.5, 127.5, "nothing before its first layer scales the input: −1 … 1 is usual")
    if m > _RAW_MIDDLE or s > _RAW_SPREAD:
        return InputScaling(0.0, 1.0, f"it computes {shown}: intensities 0 … 255")
    if m > _UNIT_MIDDLE and s < _UNIT_SPREAD:
        return InputScaling(0.0, 255.0, f"it computes {shown}: intensities 0 … 1")
    return InputScaling(127.5, 127.5, f"it computes {shown}, which implies no range: −1 … 1 is usual")


def _first_scaling(view: GraphView, image: str) -> tuple[Numbers, Numbers, str]:
    """Return m, s and the operators of ``(x - m) / s`` before the first layer; no operators where it is the identity."""
    factor, offset = np.ones(1), np.zeros(1)
    used: list[str] = []
    name = image
    while (node := _only_reader(view, name)) is not None:
        if node.op_type == "BatchNormalization" and _is_same(factor, offset):
            mean, variance = (_constant(view, node, i) for i in (3, 4))
            if mean is None or variance is None:
                break
            return mean, np.sqrt(variance + float(attribute(node, "epsilon", 1e-5))), "batch normalisation"
        step = _step(view, node, name)
        if step is None:
            break
        if node.op_type in _SCALING:
            used.append(node.op_type)
        factor, offset = step[0] * factor, step[0] * offset + step[1]
        name = node.output[0]
    if _is_same(factor, offset) or not np.all(factor):
        return np.zeros(1), np.ones(1), ""
    return -offset / factor, 1.0 / factor, " and ".join(used)


def _only_reader(view: GraphView, name: str) -> onnx.NodeProto | None:
    readers = [node for node in view.nodes if name in node.input and node.op_type not in ("Shape", "Size")]
    return readers[0] if len(readers) == 1 else None


def _step(view: GraphView, node: onnx.NodeProto, name: str) -> tuple[Numbers, Numbers] | None:
    """Return factor and offset of one operator; None for one that does not scale its input by constants."""
    one, zero = np.ones(1), np.zeros(1)
    if node.op_type in _SAME:
        return one, zero
    if node.op_type == "Neg":
        return -one, zero
    if node.op_type not in ("Add", "Sub", "Mul", "Div"):
        return None
    first = node.input[0] == name
    value = _constant(view, node, 1 if first else 0)
    if value is None or (node.op_type == "Div" and (not first or not np.all(value))):
        return None
    return {
        "Add": (one, value),
        "Sub": (one, -value) if first else (-one, value),
        "Mul": (value, zero),
        "Div": (1.0 / np.where(value == 0, 1.0, value), zero),
    }[node.op_type]


def _constant(view: GraphView, node: onnx.NodeProto, index: int) -> Numbers | None:
    """Return a constant input of an operator, one number or one per channel; None for any other input."""
    value = view.constant(node.input[index]) if len(node.input) > index else None
    return None if value is None or value.size not in (1, 3) else value.astype(np.float64).ravel()


def _is_same(factor: Numbers, offset: Numbers) -> bool:
    return bool(np.allclose(factor, 1.0, rtol=1e-6) and np.allclose(offset, 0.0, atol=1e-6))


def _text(values: Numbers) -> str:
    return (
        ", ".join(f"{v:.4g}" for v in np.unique(np.round(values, 6))[:3])
        if values.size == 1
        else f"[{', '.join(f'{v:.4g}' for v in values)}]"
    )
