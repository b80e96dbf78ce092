"""Parse a file's bytes to a ModelProto, or recognise another format."""

from __future__ import annotations

from pathlib import Path

import onnx

from fiqx_trt.errors import ModelError
from fiqx_trt.files import read_regular
from fiqx_trt.onnx_export.graphs.tflite import is_tflite, read_tflite

__all__ = ["file_bytes", "is_tflite", "parse_model"]

#: How files of other programs begin, and what they are.
_MAGIC = {
    b"PK\x03\x04": "a PyTorch checkpoint or zip archive; convert it with `fiqx-trt model export`",
    b"\x80\x02": "a pickle or an old PyTorch checkpoint; convert it with `fiqx-trt model export`",
    b"\x89HDF": "a Keras HDF5 file; convert it with tf2onnx",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself with `git lfs pull`",
    b"<?xml": "an XML file, such as OpenVINO's IR. Features, head and gradients are cut from the ONNX graph: give the "
    "ONNX file that the IR was converted from",
    b"<net": "OpenVINO's IR. Features, head and gradients are cut from the ONNX graph: give the ONNX file that the IR "
    "was converted from",
}


def file_bytes(path: Path) -> bytes:
    """Return a file's content; ModelError where it cannot be read or is no regular file."""
    try:
        return read_regular(path)
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror or error}") from error


def parse_model(name: str, data: bytes) -> onnx.ModelProto:
    """Return the model in a file's bytes, converted if TensorFlow Lite; messages call it `name`.

    ModelError for other formats; where one is recognised, the message names it and the cure.
    """
    if not data:
        raise ModelError(f"{name} is empty (0 bytes); wanted an ONNX model")
    if is_tflite(data):
        return read_tflite(data, name)
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, what in _MAGIC.items():
        if data.startswith(magic) or start.startswith(magic):
            raise ModelError(f"{name} is not an ONNX model but {what}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # google.protobuf's DecodeError; its import path differs between versions
        raise ModelError(f"{name} is not an ONNX model, or is cut short ({len(data)} bytes)") from error
    if not model.graph.node or not model.graph.output or not model.opset_import:
        raise ModelError(
            f"{name} is not an ONNX model: no graph with nodes and outputs in its {len(data)} bytes"
        )
    return model
