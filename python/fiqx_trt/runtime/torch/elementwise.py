"""ONNX operators that work element by element, with broadcasting."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- torch's own name for it

from fiqx_trt.runtime.torch.node import Node, align, torch_dtype

__all__ = ["OPERATORS"]

Operator = Callable[..., Any]


def _unary(function: Callable[[Tensor], Tensor]) -> Operator:
    return lambda node, x: function(x)


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    return lambda node, a, b: function(*align(a, b))


def _variadic(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    return lambda node, *values: functools.reduce(function, align(*values))


def _div(node: Node, a: Tensor, b: Tensor) -> Tensor:
    a, b = align(a, b)
    return torch.div(a, b) if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _pow(node: Node, a: Tensor, b: Tensor) -> Tensor:
    a, b = align(a, b)
    return torch.pow(a, b).to(a.dtype)


def _where(node: Node, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(*align(condition, a, b))


def _cast(node: Node, x: Tensor) -> Tensor:
    dtype = torch_dtype(node.attr("to"), node.float_type)
    if dtype is None:
        raise node.refuse(f"the element type {node.attr('to')}")
    return x.to(dtype)


def _clip(node: Node, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    if node.opset < 11:
        return torch.clamp(x, node.attr("min"), node.attr("max")) if node.attributes else x
    if low is not None:
        x = torch.maximum(*align(x, low))
    if high is not None:
        x = torch.minimum(*align(x, high))
    return x


def _prelu(node: Node, x: Tensor, slope: Tensor) -> Tensor:
    x, slope = align(x, slope)
    dims = [1] * (x.ndim - slope.ndim) + list(slope.shape)
    if x.ndim > 1 and dims == [1, x.shape[1], *[1] * (x.ndim - 2)]:
        return F.prelu(x, slope.reshape(-1))
    return torch.where(x > 0, x, slope * x)


def _gelu(node: Node, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=node.attr("approximate", "none"))


def _hard_sigmoid(node: Node, x: Tensor) -> Tensor:
    return torch.clamp(node.attr("alpha", 0.2) * x + node.attr("beta", 0.5), 0, 1)


OPERATORS: dict[str, Operator] = {
    "Abs": _unary(torch.abs),
    "Add": _binary(torch.add),
    "And": _binary(torch.logical_and),
    "Cast": _cast,
    "Ceil": _unary(torch.ceil),
    "Clip": _clip,
    "Div": _div,
    "Elu": lambda node, x: F.elu(x, alpha=node.attr("alpha", 1.0)),
    "Equal": _binary(torch.eq),
    "Erf": _unary(torch.erf),
    "Exp": _unary(torch.exp),
    "Floor": _unary(torch.floor),
    "Gelu": _gelu,
    "Greater": _binary(torch.gt),
    "GreaterOrEqual": _binary(torch.ge),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _unary(lambda x: x * torch.clamp(x / 6 + 0.5, 0, 1)),
    "LeakyRelu": lambda node, x: F.leaky_relu(x, node.attr("alpha", 0.01)),
    "Less": _binary(torch.lt),
    "LessOrEqual": _binary(torch.le),
    "Log": _unary(torch.log),
    "Max": _variadic(torch.maximum),
    "Min": _variadic(torch.minimum),
    "Mul": _binary(torch.mul),
    "Neg": _unary(torch.neg),
    "Not": _unary(torch.logical_not),
    "Or": _binary(torch.logical_or),
    "PRelu": _prelu,
    "Pow": _pow,
    "Reciprocal": _unary(torch.reciprocal),
    "Relu": _unary(torch.relu),
    "Sigmoid": _unary(torch.sigmoid),
    "Sign": _unary(torch.sign),
    "Softplus": _unary(F.softplus),
    "Sqrt": _unary(torch.sqrt),
    "Sub": _binary(torch.sub),
    "Sum": _variadic(torch.add),
    "Tanh": _unary(torch.tanh),
    "Where": _where,
}
