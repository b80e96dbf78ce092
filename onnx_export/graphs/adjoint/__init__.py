"""Adjoints of ONNX operators: rules from the gradient of a node's output to the gradients of its inputs.

One module per family of operators, each with a table `RULES` from operator to rule. A rule writes ordinary
ONNX nodes that TensorRT supports, so that forward and backward are one graph for any runtime.
"""

from __future__ import annotations

from collections.abc import Mapping

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.adjoint import (
    activations,
    convolution,
    elementwise,
    linear,
    pooling,
    reductions,
    shaping,
)
from fiqx_trt.onnx_export.graphs.adjoint.tape import Rule, Tape
from fiqx_trt.onnx_export.graphs.view import describe

__all__ = ["RULES", "backward"]

#: Operator to rule.
RULES: dict[str, Rule] = {
    **activations.RULES,
    **convolution.RULES,
    **elementwise.RULES,
    **linear.RULES,
    **pooling.RULES,
    **reductions.RULES,
    **shaping.RULES,
}


def backward(tape: Tape, seeds: Mapping[str, str], wrt: str) -> str:
    """Write the nodes of the backward pass of a graph, and return the tensor with the gradient of `wrt`.

    Parameters
    ----------
    tape
        The forward graph, to which nodes are added.
    seeds
        Tensor of the forward graph → the tensor with its gradient.
    wrt
        The tensor to differentiate with respect to; it comes before every seed.

    Raises
    ------
    ModelError
        The gradient of an operator on the path, or of this use of it, is not implemented.
    """
    parts: dict[str, list[str]] = {name: [gradient] for name, gradient in seeds.items()}
    for node in reversed(tape.view.nodes):
        gradient = tape.total(parts.pop(node.output[0], []))
        if gradient is None or wrt in node.output:
            continue
        rule = RULES.get(node.op_type)
        if rule is None:
            raise ModelError(
                f"gradient not implemented for operator {node.op_type}, {describe(node)}; implemented are "
                f"{', '.join(sorted(RULES))}"
            )
        for name, part in rule(tape, node, gradient).items():
            if name in tape.view.dynamic:
                parts.setdefault(name, []).append(part)
    total = tape.total(parts.get(wrt, []))
    if total is None:
        raise ModelError(f"no gradient: {sorted(seeds)} do not depend on {wrt!r}")
    return total
