"""Convert old operator sets to a later one."""

from __future__ import annotations

import logging

import onnx
from onnx import version_converter

from fiqx_trt.onnx_export.graphs.builder import OPSET
from fiqx_trt.onnx_export.graphs.reading.walk import all_nodes, opset_of
from fiqx_trt.onnx_export.graphs.view import skeleton

logger = logging.getLogger(__name__)

#: From here on axes, limits and ratios are inputs, as everything else in this package expects them.
_OLDEST = 13


def raise_opset(model: onnx.ModelProto) -> None:
    """Convert a model of an operator set before 13 to the one this package writes, in place, with ONNX's own converter.

    A model that cannot be converted stays unchanged, with a log entry: back ends read old files, but gradients and half
    precision may fail.
    """
    if opset_of(model) >= _OLDEST or any(node.domain not in ("", "ai.onnx") for node in all_nodes(model)):
        return
    try:
        converted = version_converter.convert_version(_with_numbers(skeleton(model)), OPSET)
    except Exception as error:  # C++ exceptions without a common base class
        logger.info("the graph stays in opset %d: %s", opset_of(model), " ".join(str(error).split())[:200])
        return
    graph = model.graph
    large = {value.name for value in converted.graph.input}
    weights = [tensor for tensor in graph.initializer if tensor.name in large]
    inputs = [value for value in graph.input if value.name not in {t.name for t in graph.initializer}]
    for part, kept in ((graph.initializer, [*converted.graph.initializer, *weights]), (graph.input, inputs)):
        copies = [type(item).FromString(item.SerializeToString()) for item in kept]
        del part[:]
        part.extend(copies)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(converted.graph.node)
    del model.opset_import[:]
    model.opset_import.extend(converted.opset_import)
    model.ir_version = max(model.ir_version, 8)


def _with_numbers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Set a symbolic batch of the inputs to one, which the converter needs; the inputs are restored afterwards."""
    for value in model.graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if not dim.HasField("dim_value"):
                dim.dim_value = 1
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    return model
