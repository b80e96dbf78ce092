"""ONNX reductions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from fiqx_trt.runtime.torch.node import Node, as_ints

__all__ = ["OPERATORS"]


def _reduce(function: Callable[[Tensor, tuple[int, ...], bool], Tensor]) -> Callable[..., Tensor]:
    def run(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
        axes_list: Sequence[int] = as_ints(axes) if axes is not None else as_ints(node.attr("axes", []))
        if not axes_list and node.attr("noop_with_empty_axes", 0):
            return x
        chosen = tuple(axis % x.ndim for axis in axes_list) or tuple(range(x.ndim))
        return function(x, chosen, bool(node.attr("keepdims", 1)))

    return run


def _prod(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    for axis in sorted(axes, reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


def _norm(order: int) -> Callable[[Tensor, tuple[int, ...], bool], Tensor]:
    # vector_norm has the gradient 0 at the zero vector, where a square root of a sum has NaN
    return lambda x, axes, keep: torch.linalg.vector_norm(x, order, axes, keep)


def _arg(function: Callable[..., Tensor]) -> Callable[[Node, Tensor], Tensor]:
    def run(node: Node, x: Tensor) -> Tensor:
        axis = node.attr("axis", 0) % x.ndim
        keep = bool(node.attr("keepdims", 1))
        if not node.attr("select_last_index", 0):
            return function(x, axis, keep)
        return x.shape[axis] - 1 - function(x.flip(axis), axis, keep)

    return run


OPERATORS: dict[str, Callable[..., Any]] = {
    "ArgMax": _arg(torch.argmax),
    "ArgMin": _arg(torch.argmin),
    "ReduceL1": _reduce(_norm(1)),
    "ReduceL2": _reduce(_norm(2)),
    "ReduceMax": _reduce(lambda x, axes, keep: torch.amax(x, axes, keep)),
    "ReduceMean": _reduce(lambda x, axes, keep: torch.mean(x, axes, keep)),
    "ReduceMin": _reduce(lambda x, axes, keep: torch.amin(x, axes, keep)),
    "ReduceProd": _reduce(_prod),
    "ReduceSum": _reduce(lambda x, axes, keep: torch.sum(x, axes, keep)),
    "ReduceSumSquare": _reduce(lambda x, axes, keep: torch.sum(x * x, axes, keep)),
}
