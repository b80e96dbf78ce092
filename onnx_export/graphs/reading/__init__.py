"""Read a model file: convert the graph of another program to one that this package supports.

Each pass is a function that changes the given model or raises; `PASSES` is their order. The result
is float32, fixed in every shape but the batch where the file allows it, and without random operators.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import onnx

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.reading.batch_norm import refuse_training_batch_norm
from fiqx_trt.onnx_export.graphs.reading.checks import check_names, check_size, check_tensors
from fiqx_trt.onnx_export.graphs.reading.dropout import deactivate_dropout
from fiqx_trt.onnx_export.graphs.reading.external import combined_sha256, load_external_data, locations
from fiqx_trt.onnx_export.graphs.reading.inlining import inline_functions
from fiqx_trt.onnx_export.graphs.reading.opset import raise_opset
from fiqx_trt.onnx_export.graphs.reading.pixels import float_pixels, takes_raw_pixels
from fiqx_trt.onnx_export.graphs.reading.precision import to_float32
from fiqx_trt.onnx_export.graphs.reading.prelu import slopes_per_channel
from fiqx_trt.onnx_export.graphs.reading.quantised import refuse_quantised
from fiqx_trt.onnx_export.graphs.reading.randomness import refuse_randomness
from fiqx_trt.onnx_export.graphs.reading.shapes import fold_shapes
from fiqx_trt.onnx_export.graphs.reading.source import file_bytes, parse_model

__all__ = [
    "PASSES",
    "clean",
    "fold_shapes",
    "model_sha256",
    "read_hashed",
    "read_model",
    "refuse_quantised",
    "takes_raw_pixels",
]

#: What a model goes through, in this order.
PASSES: tuple[Callable[[onnx.ModelProto], None], ...] = (
    check_size,
    check_tensors,
    deactivate_dropout,
    refuse_training_batch_norm,
    refuse_randomness,
    slopes_per_channel,
    raise_opset,
    fold_shapes,
    to_float32,
    float_pixels,
)


def read_model(source: Path | str | bytes | onnx.ModelProto) -> onnx.ModelProto:
    """Load an ONNX model with its external data, or a TensorFlow Lite model, and apply all `PASSES`.

    Parameters
    ----------
    source
        A file, the bytes of one, or a model, which is returned as it is.

    Returns
    -------
    onnx.ModelProto
        A model with at least one node and one output, without local functions.

    Raises
    ------
    ModelError
        The file is missing, empty, truncated, neither ONNX nor TensorFlow Lite, or not usable, or a file of external data is
        missing.
    """
    if isinstance(source, onnx.ModelProto):
        return source
    name, folder, _, raw = _parsed(source if isinstance(source, bytes) else Path(source))
    return _cleaned(name, raw, folder)


def read_hashed(source: Path | bytes) -> tuple[onnx.ModelProto, str]:
    """Return the result of `read_model`, and the hash of the file; see `model_sha256`."""
    name, folder, data, raw = _parsed(source)
    digest = combined_sha256(hashlib.sha256(data), folder, locations(raw), name)
    return _cleaned(name, raw, folder), digest


def model_sha256(path: Path) -> str:
    """Return the hash that identifies a model file, in hexadecimal.

    Without external data it is the SHA-256 of the file; with it the SHA-256 of a text of the file's SHA-256
    and, for each file of external data in the order of their names, its name and its SHA-256. ModelError where a file cannot
    be read or is not ONNX.
    """
    name, folder, data, raw = _parsed(path)
    return combined_sha256(hashlib.sha256(data), folder, locations(raw), name)


def clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Apply all `PASSES` to a model, in place, and return it; ModelError where a pass refuses it."""
    for change in PASSES:
        change(model)
    return model


def _parsed(source: Path | bytes) -> tuple[str, Path | None, bytes, onnx.ModelProto]:
    """Return a model's name for messages, its folder, its bytes and the parsed model."""
    if isinstance(source, bytes):
        return "the bytes given", None, source, parse_model("the bytes given", source)
    data = file_bytes(source)
    return str(source), source.parent, data, parse_model(str(source), data)


def _cleaned(name: str, model: onnx.ModelProto, folder: Path | None) -> onnx.ModelProto:
    try:
        check_names(model)
        load_external_data(model, folder, name)
        return clean(inline_functions(model))
    except ModelError as error:
        message = str(error)
        raise ModelError(message if name in message else f"{name}: {message}") from error
