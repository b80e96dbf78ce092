"""ONNX pooling, and the padding of sliding windows that convolutions share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- torch's own name for it

from fiqx_trt.runtime.torch.node import Node

__all__ = ["OPERATORS", "explicit_pads"]


_AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_MAXIMUM = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def explicit_pads(
    node: Node, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the padding before and after each spatial axis, with ``auto_pad`` resolved."""
    rank, auto = len(kernel), node.attr("auto_pad", "NOTSET")
    if auto in ("NOTSET", "VALID"):
        pads = node.attr("pads", [0] * 2 * rank) if auto == "NOTSET" else [0] * 2 * rank
        return list(pads[:rank]), list(pads[rank:])
    before, after = [], []
    for size, width, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        total = max((-(-size // stride) - 1) * stride + dilation * (width - 1) + 1 - size, 0)
        small, large = total // 2, total - total // 2
        before.append(small if auto == "SAME_UPPER" else large)
        after.append(large if auto == "SAME_UPPER" else small)
    return before, after


def _window(node: Node, x: Tensor) -> tuple[list[int], list[int], list[int], list[int], list[int], list[int]]:
    """Return kernel, strides, dilations, pads before, pads after, and the extra padding of rounding up."""
    kernel = list(node.attr("kernel_shape"))
    strides = list(node.attr("strides", [1] * len(kernel)))
    dilations = list(node.attr("dilations", [1] * len(kernel)))
    before, after = explicit_pads(node, x.shape[2:], kernel, strides, dilations)
    extra = [0] * len(kernel)
    if node.attr("ceil_mode", 0):
        for i, size in enumerate(x.shape[2:]):
            reach = dilations[i] * (kernel[i] - 1) + 1
            windows = -(-(size + before[i] + after[i] - reach) // strides[i]) + 1
            if (windows - 1) * strides[i] >= size + before[i]:
                windows -= 1  # a window that starts in the padding after the data is left out
            extra[i] = max((windows - 1) * strides[i] + reach - (size + before[i] + after[i]), 0)
    return kernel, strides, dilations, before, after, extra


def _pad(x: Tensor, before: Sequence[int], after: Sequence[int], value: float) -> Tensor:
    pairs = [n for pair in reversed(list(zip(before, after, strict=True))) for n in pair]
    return F.pad(x, pairs, value=value) if any(pairs) else x


def _max_pool(node: Node, x: Tensor) -> Tensor:
    if len(node.outputs) > 1:
        raise node.refuse("the output Indices")
    kernel, strides, dilations, before, after, extra = _window(node, x)
    after = [a + e for a, e in zip(after, extra, strict=True)]
    lowest = float("-inf") if x.is_floating_point() else torch.iinfo(x.dtype).min
    return _MAXIMUM[len(kernel)](_pad(x, before, after, lowest), kernel, strides, 0, dilations)


def _average_pool(node: Node, x: Tensor) -> Tensor:
    kernel, strides, dilations, before, after, extra = _window(node, x)
    if set(dilations) != {1}:
        raise node.refuse("dilations")
    pool = _AVERAGE[len(kernel)]
    zeros = [0] * len(kernel)
    sums = pool(_pad(_pad(x, before, after, 0.0), zeros, extra, 0.0), kernel, strides)
    if not any(before + after + extra):
        return sums
    # The share of each window that counts: the data, and the written padding where the node says so.
    ones = x.new_ones(1, 1, *x.shape[2:])
    counted = _pad(ones, before, after, float(node.attr("count_include_pad", 0)))
    return sums / pool(_pad(counted, zeros, extra, 0.0), kernel, strides)


def _global(function: Callable[..., Tensor]) -> Callable[[Node, Tensor], Tensor]:
    return lambda node, x: function(x, dim=tuple(range(2, x.ndim)), keepdim=True)


OPERATORS: dict[str, Callable[..., Any]] = {
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global(torch.mean),
    "GlobalMaxPool": _global(torch.amax),
    "MaxPool": _max_pool,
}
