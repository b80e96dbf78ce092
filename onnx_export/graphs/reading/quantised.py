"""Refuse quantised networks as recognition networks."""

from __future__ import annotations

import onnx

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.reading.walk import needed_nodes
from fiqx_trt.onnx_export.graphs.view import describe

_OPERATORS = frozenset(("ConvInteger", "MatMulInteger", "QGemm"))


def refuse_quantised(model: onnx.ModelProto) -> None:
    """Raise ModelError for a graph with integer layers: it has no affine head and no gradient."""
    for node in needed_nodes(model):
        if node.op_type.startswith("QLinear") or node.op_type in _OPERATORS:
            raise ModelError(
                f"{describe(node)} computes in whole numbers: a quantised network has no head and no gradients here; give the "
                "float32 or float16 model that it was made from"
            )
