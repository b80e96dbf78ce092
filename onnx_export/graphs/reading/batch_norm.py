"""Refuse batch normalisation in training mode."""

from __future__ import annotations

import onnx

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.reading.walk import graphs, opset_of
from fiqx_trt.onnx_export.graphs.view import attribute, describe


def refuse_training_batch_norm(model: onnx.ModelProto) -> None:
    """Raise ModelError for a batch norm in training mode; drop outputs that only training has.

    Training mode is ``training_mode=1`` from opset 14 on, more outputs than one before it, and ``is_test=0`` (the default) before
    opset 7.
    """
    version = opset_of(model)
    for graph in graphs(model):
        for node in graph.node:
            if node.op_type == "BatchNormalization" and _trains(node, version):
                raise ModelError(
                    f"{describe(node)} is in training mode: a face's score would depend on the other faces; export the "
                    "model after model.eval()"
                )


def _trains(node: onnx.NodeProto, version: int) -> bool:
    if attribute(node, "training_mode", 0):
        return True
    if attribute(node, "is_test", int(version >= 7)) == 0:
        return True
    return any(node.output[1:])
