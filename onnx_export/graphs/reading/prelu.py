"""Convert PReLU slopes that are one list per channel."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.reading.walk import opset_of
from fiqx_trt.onnx_export.graphs.view import GraphView, describe

#: Since this opset a list of slopes belongs to the last axis; before it, to the channels.
_BROADCAST = 7


def slopes_per_channel(model: onnx.ModelProto) -> None:
    """Reshape slopes (C,) to (C, 1, 1) where the input is a map of C channels, in place.

    MXNet and old exporters write such lists. The standard applies a list along the last axis, where it does not fit; some
    back ends apply it per channel, others refuse it. For a rank of 2 the list is correct.

    Raises
    ------
    ModelError
        The map is as wide as it has channels, so that both readings fit.
    """
    view = GraphView(model)
    for node in view.nodes:
        slopes = view.constant(node.input[1]) if node.op_type == "PRelu" else None
        if slopes is None or slopes.ndim != 1 or slopes.size == 1:
            continue
        shape = view.shapes.get(node.input[0], ())
        if len(shape) < 3 or shape[1] != slopes.size:
            continue
        if shape[-1] == slopes.size and opset_of(model) >= _BROADCAST:
            raise ModelError(
                f"{describe(node)}: {slopes.size} slopes fit the channels and the width of its input; write them as "
                f"({slopes.size}, 1, 1) for one per channel"
            )
        name = f"{node.input[1]}.per_channel.{len(shape)}"
        if name not in {tensor.name for tensor in model.graph.initializer}:
            shaped = np.ascontiguousarray(slopes.reshape(-1, *[1] * (len(shape) - 2)))
            model.graph.initializer.append(numpy_helper.from_array(shaped, name))
        node.input[1] = name
