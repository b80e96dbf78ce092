"""ONNX operators with weights, and the normalisations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- torch's own name for it

from fiqx_trt.runtime.torch.node import Node, align
from fiqx_trt.runtime.torch.windows import explicit_pads

__all__ = ["OPERATORS"]


_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def _conv(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    rank = weight.ndim - 2
    strides, dilations = node.attr("strides", [1] * rank), node.attr("dilations", [1] * rank)
    before, after = explicit_pads(node, x.shape[2:], weight.shape[2:], strides, dilations)
    padding = before
    if before != after:
        x = F.pad(x, [n for pair in reversed(list(zip(before, after, strict=True))) for n in pair])
        padding = [0] * rank
    return _CONV[rank](x, weight, bias, strides, padding, dilations, node.attr("group", 1))


def _conv_transpose(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    rank = weight.ndim - 2
    strides, dilations = node.attr("strides", [1] * rank), node.attr("dilations", [1] * rank)
    extra, pads = node.attr("output_padding", [0] * rank), node.attr("pads", [0] * 2 * rank)
    if "output_shape" in node.attributes or node.attr("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise node.refuse("output_shape and auto_pad")
    groups, steps = node.attr("group", 1), [max(pair) for pair in zip(strides, dilations, strict=True)]
    if pads[:rank] == pads[rank:] and all(more < step for more, step in zip(extra, steps, strict=True)):
        return _TRANSPOSED[rank](x, weight, bias, strides, pads[:rank], extra, groups, dilations)
    full = _TRANSPOSED[rank](x, weight, None, strides, 0, 0, groups, dilations)
    # Crop the border explicitly: torch has one padding for both ends, ONNX one for each.
    crop = [n for i in reversed(range(rank)) for n in (-pads[i], extra[i] - pads[rank + i])]
    y = F.pad(full, crop)
    return y if bias is None else y + bias.reshape(-1, *[1] * rank)


def _gemm(node: Node, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a = a.t() if node.attr("transA", 0) else a
    b = b.t() if node.attr("transB", 0) else b
    alpha, beta = node.attr("alpha", 1.0), node.attr("beta", 1.0)
    y = a @ b
    y = y if alpha == 1.0 else alpha * y
    if c is None:
        return y
    return y + (c if beta == 1.0 else beta * c)


def _batch_norm(
    node: Node, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor
) -> Tensor:
    if node.attr("training_mode", 0):
        raise node.refuse("training_mode")
    return F.batch_norm(x, mean, variance, scale, shift, False, 0.0, node.attr("epsilon", 1e-5))


def _instance_norm(node: Node, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    axes, ones = list(range(2, x.ndim)), [1] * (x.ndim - 2)
    mean = x.mean(axes, keepdim=True)
    variance = (x - mean).square().mean(axes, keepdim=True)
    unit = (x - mean) / torch.sqrt(variance + node.attr("epsilon", 1e-5))
    return unit * scale.reshape(-1, *ones) + shift.reshape(-1, *ones)


def _layer_norm(node: Node, x: Tensor, scale: Tensor, shift: Tensor | None = None) -> Tensor:
    if any(node.outputs[1:]):
        raise node.refuse("the mean and deviation as outputs")
    axes = list(range(node.attr("axis", -1) % x.ndim, x.ndim))
    centred = x - x.mean(axes, keepdim=True)
    variance = centred.square().mean(axes, keepdim=True)
    y = centred / torch.sqrt(variance + node.attr("epsilon", 1e-5)) * scale
    return y if shift is None else y + shift


def _lp_normalization(node: Node, x: Tensor) -> Tensor:
    norm = torch.linalg.vector_norm(x, node.attr("p", 2), node.attr("axis", -1), keepdim=True)
    return x / torch.where(norm == 0, torch.ones_like(norm), norm)


def _softmax(node: Node, x: Tensor) -> Tensor:
    if node.opset >= 13:
        return torch.softmax(x, node.attr("axis", -1))
    axis = node.attr("axis", 1) % x.ndim  # before opset 13: over everything from the axis on
    return torch.softmax(x.flatten(axis), -1).reshape(x.shape)


OPERATORS: dict[str, Callable[..., Any]] = {
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LpNormalization": _lp_normalization,
    "MatMul": lambda node, a, b: torch.matmul(*align(a, b)),
    "Softmax": _softmax,
}
