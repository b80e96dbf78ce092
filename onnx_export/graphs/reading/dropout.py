"""Remove Dropout, which is inactive at inference."""

from __future__ import annotations

import onnx

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.reading.walk import graphs
from fiqx_trt.onnx_export.graphs.view import reads


def deactivate_dropout(model: onnx.ModelProto) -> None:
    """Turn every Dropout into Identity, in place, in whatever mode it was exported.

    In training mode a back end would drop units at random in addition to the masks of SER-FIQ, and not every back end
    supports each form of an inactive one. ModelError where the mask of a Dropout is used.
    """
    for graph in graphs(model):
        used = {name for node in graph.node for name in reads(node)} | {value.name for value in graph.output}
        for node in graph.node:
            if node.op_type == "Dropout" and node.domain in ("", "ai.onnx"):
                _deactivate(node, used)


def _deactivate(node: onnx.NodeProto, used: set[str]) -> None:
    if any(name in used for name in node.output[1:] if name):
        raise ModelError(
            f"node {node.name or node.output[0]!r} (Dropout): its mask is used; export the model after model.eval()"
        )
    node.op_type = "Identity"
    del node.input[1:], node.output[1:], node.attribute[:]
