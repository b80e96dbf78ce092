"""Read convolutional networks of TensorFlow Lite, and convert them to ONNX.

`schema` reads the file into records, `rectifiers` joins parametric rectifiers that were written as several
operators, `writer` and `operators` write the ONNX graph. Pictures become channels first, the batch symbolic, and every
layer keeps the name of its output tensor.
"""

from __future__ import annotations

import onnx

__all__ = ["is_tflite", "read_tflite"]

_IDENTIFIER = b"TFL3"


def is_tflite(data: bytes) -> bool:
    """Return whether a file's bytes begin as a TensorFlow Lite model."""
    return data[4:8] == _IDENTIFIER


def read_tflite(data: bytes, name: str = "the bytes given") -> onnx.ModelProto:
    """Convert a TensorFlow Lite network, given as the bytes of its file, to ONNX; messages call the file `name`.

    The result has opset 17, float32, channels first, and the symbolic batch ``N``. Inputs, outputs and layers have the names
    of the file's tensors. Weights in half precision or quantised with a scale become float32. ModelError where the file is
    damaged, computes in integers, or has an operator that is not supported; the message names it.
    """
    from fiqx_trt.onnx_export.graphs.tflite.rectifiers import join_rectifiers
    from fiqx_trt.onnx_export.graphs.tflite.schema import read_network
    from fiqx_trt.onnx_export.graphs.tflite.writer import write_network

    return write_network(join_rectifiers(read_network(data, name)), name)
