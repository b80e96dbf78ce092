"""Reading a model file: where a graph of another program becomes one that this package supports.

Each pass is a function of its own that changes the model it is given or refuses it; `PASSES` is their order. What they leave
is float32, fixed in every shape but the batch where the file allows it, and free of operators that draw random numbers.
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
    """Load an ONNX model with its external data, or a TensorFlow Lite model, as this package runs it.

    Parameters
    ----------
    source
        A file, the bytes of one, or a model, which is returned as it is.

    Returns
    -------
    onnx.ModelProto
        A model with at least one node and one output, without local functions, after all `PASSES`.

    Raises
    ------
    ModelError
        The file is missing, empty, truncated, neither ONNX nor TensorFlow Lite, or not usable, or its weights lie in a file
        that is not there.
    """
    if isinstance(source, onnx.ModelProto):
        return source
    name, folder, _, raw = _parsed(source if isinstance(source, bytes) else Path(source))
    return _cleaned(name, raw, folder)


def read_hashed(source: Path | bytes) -> tuple[onnx.ModelProto, str]:
    """Return what `read_model` does, and the hash of what was read; see `model_sha256`.

    Raises
    ------
    ModelError
        As in `read_model`.
    """
    name, folder, data, raw = _parsed(source)
    digest = combined_sha256(hashlib.sha256(data), folder, locations(raw), name)
    return _cleaned(name, raw, folder), digest


def model_sha256(path: Path) -> str:
    """Return the hash that tells one model from another, wherever a hash is a key.

    Parameters
    ----------
    path
        An ONNX file.

    Returns
    -------
    str
        Hexadecimal. Without external data the SHA-256 of the file; with it the SHA-256 of a text that holds the file's SHA-256
        and, for each file of external data in the order of their names, its name and its SHA-256.

    Raises
    ------
    ModelError
        A file cannot be read, or is not ONNX.
    """
    name, folder, data, raw = _parsed(path)
    return combined_sha256(hashlib.sha256(data), folder, locations(raw), name)


def clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Apply all `PASSES` to a model, in place, and return it.

    Raises
    ------
    ModelError
        A pass refuses it.
    """
    for change in PASSES:
        change(model)
    return model


def _parsed(source: Path | bytes) -> tuple[str, Path | None, bytes, onnx.ModelProto]:
    """Return how messages call a model, its folder, its bytes and what they hold."""
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
