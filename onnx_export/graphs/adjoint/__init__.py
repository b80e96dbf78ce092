"""Adjoints of ONNX operators: how the gradient of a node's output becomes those of its inputs.

One module per family of operators, each with a table `RULES` from operator to rule. A rule writes ordinary
ONNX nodes, such as TensorRT accepts, so that forward and backward are one graph for any runtime.
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
    """Write the nodes that carry gradients back through a graph.

    Parameters
    ----------
    tape
        The forward graph, and where the nodes go.
    seeds
        Tensor of the forward graph to the tensor that holds its gradient.
    wrt
        The tensor whose gradient is wanted; it comes before every seed.

    Returns
    -------
    str
        The tensor that holds the gradient of `wrt`, of its shape.

    Raises
    ------
    ModelError
        An operator on the way has no rule, or is used in a way that its rule does not cover.
    """
    parts: dict[str, list[str]] = {name: [gradient] for name, gradient in seeds.items()}
    for node in reversed(tape.view.nodes):
        gradient = tape.total(parts.pop(node.output[0], []))
        if gradient is None or wrt in node.output:
            continue
        rule = RULES.get(node.op_type)
        if rule is None:
            raise ModelError(
                f"no gradient: {describe(node)} has no adjoint; there are {', '.join(sorted(RULES))}"
            )
        for name, part in rule(tape, node, gradient).items():
            if name in tape.view.dynamic:
                parts.setdefault(name, []).append(part)
    found = tape.total(parts.get(wrt, []))
    if found is None:
        raise ModelError(f"no gradient: {sorted(seeds)} do not depend on {wrt!r}")
    return found
