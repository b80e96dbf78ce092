"""ONNX operators that move, copy and slice data, and those that compute shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- torch's own name for it

from fiqx_trt.runtime.torch.node import Node, align, as_ints

__all__ = ["OPERATORS"]


def _axes(node: Node, axes_input: Tensor | None) -> list[int] | None:
    """Return the axes: an input since some opset and an attribute before it."""
    if axes_input is not None:
        return as_ints(axes_input)
    axes = node.attr("axes")
    return None if axes is None else as_ints(axes)


def _concat(node: Node, *values: Tensor) -> Tensor:
    return torch.cat(align(*values), dim=node.attr("axis"))


def _constant(node: Node) -> Tensor:
    if "value" in node.attributes:
        value: Tensor = node.attributes["value"]
        return value
    for name, dtype in (("value_float", node.float_type), ("value_int", torch.int64)):
        for key in (name, name + "s"):
            if key in node.attributes:
                return torch.tensor(node.attributes[key], dtype=dtype)
    raise node.refuse(f"the attribute {', '.join(node.attributes) or 'nothing'}")


def _constant_of_shape(node: Node, shape: Tensor) -> Tensor:
    value = node.attr("value", torch.zeros(1, dtype=node.float_type))
    return value.reshape(()).expand(as_ints(shape)).clone()


def _dropout(node: Node, x: Tensor, *_: Tensor | None) -> Any:
    if len(node.outputs) > 1:
        return x, torch.ones_like(x, dtype=torch.bool)
    return x


def _expand(node: Node, x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(torch.broadcast_shapes(x.shape, as_ints(shape)))


def _flatten(node: Node, x: Tensor) -> Tensor:
    axis = node.attr("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(int(np.prod(x.shape[:axis], dtype=np.int64)), -1)


def _gather(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    axis = node.attr("axis", 0) % x.ndim
    flat = indices.reshape(-1).to(x.device, torch.int64)
    flat = torch.where(flat < 0, flat + x.shape[axis], flat)
    picked = torch.index_select(x, axis, flat)
    return picked.reshape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))  # (): a scalar


def _pad(
    node: Node, x: Tensor, pads: Tensor | None = None, value: Tensor | None = None, axes: Tensor | None = None
) -> Tensor:
    amounts = as_ints(node.attr("pads") if pads is None else pads)
    chosen = list(range(x.ndim)) if axes is None else [a % x.ndim for a in as_ints(axes)]
    before, after = [0] * x.ndim, [0] * x.ndim
    for axis, low, high in zip(chosen, amounts[: len(chosen)], amounts[len(chosen) :], strict=True):
        before[axis], after[axis] = low, high
    mode = node.attr("mode", "constant")
    if mode == "constant":
        fill = node.attr("value", 0.0) if value is None else value.item()
        pairs = [n for axis in reversed(range(x.ndim)) for n in (before[axis], after[axis])]
        return F.pad(x, pairs, value=fill)
    if mode not in ("reflect", "edge") or min(before + after) < 0:
        raise node.refuse(f"mode '{mode}' with pads {amounts}")
    for axis in range(x.ndim):
        if before[axis] or after[axis]:
            source = np.pad(np.arange(x.shape[axis]), (before[axis], after[axis]), mode=mode)
            x = torch.index_select(x, axis, torch.from_numpy(source).to(x.device))
    return x


def _reshape(node: Node, x: Tensor, shape: Tensor) -> Tensor:
    target = as_ints(shape)
    if not node.attr("allowzero", 0):
        target = [x.shape[i] if size == 0 else size for i, size in enumerate(target)]
    return x.reshape(target)


def _shape(node: Node, x: Tensor) -> Tensor:
    return torch.tensor(list(x.shape)[node.attr("start", 0) : node.attr("end")], dtype=torch.int64)


def _slice(node: Node, x: Tensor, *bounds: Tensor | None) -> Tensor:
    names = ("starts", "ends", "axes", "steps")
    given = [node.attr(n) for n in names] if node.opset < 10 else [*bounds, None, None]
    starts, ends, axes, steps = (None if v is None else as_ints(v) for v in given[:4])
    if starts is None or ends is None:
        raise node.refuse("missing starts or ends")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        x = _slice_axis(x, axis % x.ndim, slice(start, end, step))
    return x


def _slice_axis(x: Tensor, axis: int, part: slice) -> Tensor:
    if part.step > 0:
        index: Sequence[slice] = [slice(None)] * axis + [part]
        return x[tuple(index)]
    picked = list(range(*part.indices(x.shape[axis])))
    return torch.index_select(x, axis, torch.tensor(picked, dtype=torch.int64, device=x.device))


def _split(node: Node, x: Tensor, split: Tensor | None = None) -> tuple[Tensor, ...]:
    axis = node.attr("axis", 0)
    sizes = node.attr("split") if split is None else split
    if sizes is not None:
        return tuple(torch.split(x, as_ints(sizes), dim=axis))
    parts = len(node.outputs)
    return tuple(torch.split(x, -(-x.shape[axis] // parts), dim=axis))


def _squeeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    chosen = _axes(node, axes)
    if chosen is None:
        return x.squeeze()
    return x.squeeze(tuple(axis % x.ndim for axis in chosen))


def _transpose(node: Node, x: Tensor) -> Tensor:
    return x.permute(node.attr("perm", list(reversed(range(x.ndim)))))


def _unsqueeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    chosen = _axes(node, axes) or []
    rank = x.ndim + len(chosen)
    for axis in sorted(axis % rank for axis in chosen):
        x = x.unsqueeze(axis)
    return x


OPERATORS: dict[str, Callable[..., Any]] = {
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Dropout": _dropout,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Identity": lambda node, x: x,
    "Pad": _pad,
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
