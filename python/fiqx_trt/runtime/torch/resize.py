"""ONNX Resize, axis by axis: nearest and linear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fiqx_trt.runtime.torch.node import Node, as_ints

__all__ = ["OPERATORS"]

Positions = NDArray[np.float32]


def _resize(node: Node, x: Tensor, *rest: Tensor | None) -> Tensor:
    mode = node.attr("mode", "nearest")
    policy = node.attr("keep_aspect_ratio_policy", "stretch")
    if mode not in ("nearest", "linear") or node.attr("antialias", 0) or policy != "stretch":
        raise node.refuse(f"mode '{mode}', antialias {node.attr('antialias', 0)}, policy '{policy}'")
    for axis, (size, scale) in _targets(node, x, rest).items():
        if size != x.shape[axis] or scale != 1.0:
            at = _positions(node, x.shape[axis], size, scale)
            x = _nearest(node, x, axis, at) if mode == "nearest" else _linear(x, axis, at)
    return x


def _targets(node: Node, x: Tensor, rest: tuple[Tensor | None, ...]) -> dict[int, tuple[int, float]]:
    """Return the new length and the scale of each axis."""
    given = [None, *rest] if node.opset < 11 else list(rest)  # before opset 11 there was no roi
    given += [None] * (3 - len(given))
    _, scales, sizes = given[:3]
    axes = [axis % x.ndim for axis in node.attr("axes", range(x.ndim))]
    if sizes is not None and sizes.numel():
        return {a: (n, n / x.shape[a]) for a, n in zip(axes, as_ints(sizes), strict=True)}
    if scales is None:
        raise node.refuse("neither scales nor sizes")
    factors = [float(s) for s in scales.reshape(-1).tolist()]
    return {a: (int(np.floor(x.shape[a] * s)), s) for a, s in zip(axes, factors, strict=True)}


def _positions(node: Node, old: int, new: int, factor: float) -> Positions:
    """Return the position of each new sample between the old ones."""
    default = "asymmetric" if node.opset < 11 else "half_pixel"
    rule = node.attr("coordinate_transformation_mode", default)
    # float32 as in the other engines: a position at a whole number must fall on the same side of it
    index, scale = np.arange(new, dtype=np.float32), np.float32(factor)
    if rule == "half_pixel" or (rule == "pytorch_half_pixel" and new > 1):
        return (index + np.float32(0.5)) / scale - np.float32(0.5)
    if rule == "pytorch_half_pixel":
        return np.zeros(1, np.float32)
    if rule == "asymmetric":
        return index / scale
    if rule == "align_corners":
        return index * np.float32(old - 1) / np.float32(new - 1) if new > 1 else np.zeros(1, np.float32)
    raise node.refuse(f"coordinate_transformation_mode '{rule}'")


def _nearest(node: Node, x: Tensor, axis: int, at: Positions) -> Tensor:
    rounding: dict[str, Callable[[Positions], Positions]] = {
        "round_prefer_floor": lambda p: np.ceil(p - 0.5),
        "round_prefer_ceil": lambda p: np.floor(p + 0.5),
        "floor": np.floor,
        "ceil": np.ceil,
    }
    rule = node.attr("nearest_mode", "floor" if node.opset < 11 else "round_prefer_floor")
    picked = np.clip(rounding[rule](at), 0, x.shape[axis] - 1).astype(np.int64)
    return torch.index_select(x, axis, torch.from_numpy(picked).to(x.device))


def _linear(x: Tensor, axis: int, at: Positions) -> Tensor:
    at = np.clip(at, 0, x.shape[axis] - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, x.shape[axis] - 1)
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    share = torch.from_numpy(at - low).to(x.device, x.dtype).reshape(shape)
    left, right = (torch.index_select(x, axis, torch.from_numpy(i).to(x.device)) for i in (low, high))
    return left * (1 - share) + right * share


OPERATORS: dict[str, Callable[..., Any]] = {"Resize": _resize}
