"""Refuse operators that draw random numbers."""

from __future__ import annotations

import onnx

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.reading.walk import needed_nodes, subgraphs
from fiqx_trt.onnx_export.graphs.view import describe

_RANDOM = frozenset(
    ["Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"]
)


def refuse_randomness(model: onnx.ModelProto) -> None:
    """Raise ModelError for a graph whose outputs depend on operators that draw random numbers."""
    pending = needed_nodes(model)
    while pending:
        node = pending.pop()
        if node.op_type in _RANDOM:
            raise ModelError(
                f"{describe(node)} draws random numbers, so scores would differ at every call; export the model after "
                "model.eval()"
            )
        for graph in subgraphs([node]):
            pending.extend(graph.node)
