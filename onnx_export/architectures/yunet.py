"""The face detector YuNet: its published graph with a free batch, height and width.

The file ``face_detection_yunet_2023mar.onnx`` (W. Wu, H. Peng, S. Yu: YuNet: A Tiny Millisecond-level Face Detector,
Machine Intelligence Research 20, 2023; MIT) is exported for one picture of 640×640 pixels. The network is fully
convolutional; only the targets of its last reshapes and the declared shapes fix the size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fiqx_trt.errors import ModelError

if TYPE_CHECKING:
    import onnx

__all__ = ["YUNET_STRIDES", "build_yunet"]

YUNET_STRIDES = (8, 16, 32)
"""Pixels between the cells of its three outputs of each kind."""

_KINDS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
_OUTPUTS = {f"{kind}_{stride}": count for kind, count in _KINDS.items() for stride in YUNET_STRIDES}


def build_yunet(data: bytes) -> onnx.ModelProto:
    """Return the network for any number of pictures whose height and width are multiples of 32.

    ``data`` is the published file; ModelError for another network.

    Returns
    -------
    onnx.ModelProto
        ``input`` (N, 3, height, width), BGR, 0..255. For each stride s, with K = height / s * width / s cells row by
        row: ``cls_s`` and ``obj_s`` (N, K, 1), probabilities; ``bbox_s`` (N, K, 4); ``kps_s`` (N, K, 10).
    """
    from onnx import numpy_helper

    model = _parsed(data)
    targets = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    for tensor in model.graph.initializer:
        if tensor.name in targets:
            count = int(numpy_helper.to_array(tensor)[-1])
            tensor.CopyFrom(numpy_helper.from_array(np.array([0, -1, count], np.int64), tensor.name))
    for axis, name in ((0, "N"), (2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    for value in model.graph.output:
        rows, cells = value.type.tensor_type.shape.dim[:2]
        rows.dim_param, cells.dim_param = "N", "cells_" + value.name.partition("_")[2]
    return model


def _parsed(data: bytes) -> onnx.ModelProto:
    """Return the network of the file, checked by its tensors."""
    from fiqx_trt.onnx_export.graphs.reading.source import parse_model

    model = parse_model("the detector yunet", data)
    inputs = [_extents(value) for value in model.graph.input]
    outputs = {value.name: _extents(value)[-1] for value in model.graph.output}
    if inputs != [(1, 3, 640, 640)] or outputs != _OUTPUTS:
        raise ModelError(
            f"the file is not the detector YuNet of 2023: its inputs are {inputs}, its outputs "
            f"{', '.join(outputs)}; give face_detection_yunet_2023mar.onnx"
        )
    return model


def _extents(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim) or (0,)
