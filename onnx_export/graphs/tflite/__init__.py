"""Reading convolutional networks of TensorFlow Lite, and writing them as ONNX.

`schema` reads the file into plain records, `rectifiers` finds parametric rectifiers that were written as several
operators, `writer` and `operators` write the ONNX graph. Pictures become channels first, the batch symbolic, and every
layer keeps the name of the tensor it makes.
"""

from __future__ import annotations

import onnx

__all__ = ["is_tflite", "read_tflite"]

_IDENTIFIER = b"TFL3"


def is_tflite(data: bytes) -> bool:
    """Whether a file's bytes begin as a TensorFlow Lite model does."""
    return data[4:8] == _IDENTIFIER


def read_tflite(data: bytes, name: str = "the bytes given") -> onnx.ModelProto:
    """Convert a TensorFlow Lite network to ONNX.

    Parameters
    ----------
    data
        The whole file.
    name
        What the file is called in messages.

    Returns
    -------
    onnx.ModelProto
        Opset 17, float32, channels first, symbolic batch ``N``. Inputs, outputs and layers have the names of the file's
        tensors. Weights in half precision or in whole numbers with a scale become float32.

    Raises
    ------
    ModelError
        The file is damaged, computes in whole numbers, or has an operator that is not covered; the message names it.
    """
    from fiqx_trt.onnx_export.graphs.tflite.rectifiers import join_rectifiers
    from fiqx_trt.onnx_export.graphs.tflite.schema import read_network
    from fiqx_trt.onnx_export.graphs.tflite.writer import write_network

    return write_network(join_rectifiers(read_network(data, name)), name)
