"""Networks for tests, changed."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import DTypeLike
from onnx import TensorProto, numpy_helper

#: Where the parameters of batch norms are drawn: scale, shift, mean, variance. Those of the builders are the identity.
DRAWN = ((0.5, 1.5), (-0.3, 0.3), (-0.3, 0.3), (0.5, 2))


def with_drawn_norms(model: onnx.ModelProto, dtype: DTypeLike = np.float32) -> onnx.ModelProto:
    """Return a network whose batch norms are no identity, with weights of a dtype."""
    rng = np.random.default_rng(0)
    norms = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
    drawn = {name: limits for node in norms for name, limits in zip(node.input[1:5], DRAWN, strict=True)}
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for tensor in changed.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.name in drawn:
            values = rng.uniform(*drawn[tensor.name], tensor.dims)
        if values.dtype.kind == "f":
            tensor.CopyFrom(numpy_helper.from_array(values.astype(dtype), tensor.name))
    if np.dtype(dtype) == np.float64:
        for value in (*changed.graph.input, *changed.graph.output):
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
        del changed.graph.value_info[:]
    return changed
