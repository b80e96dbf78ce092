"""Infer the contract of a recognition network from its ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.errors import ModelError
from fiqx_trt.models.scaling import input_scaling
from fiqx_trt.models.spec import ModelSpec
from fiqx_trt.onnx_export.graphs.taps import find_taps, tensor_shapes
from fiqx_trt.text import field_words

if TYPE_CHECKING:
    import onnx

__all__ = ["infer_spec"]

TAPS = ("image", "embedding", "pre_dropout", "features")
#: Input height → alignment template. Other sizes take ArcFace's, scaled.
TEMPLATE_OF_HEIGHT = {112: "arcface", 150: "dlib", 160: "facenet"}


def infer_spec(graph: onnx.ModelProto, fields: dict[str, Any], *, path: Path, sha256: str) -> ModelSpec:
    """Complete the given fields from the graph; fields neither given nor inferred get the usual default.

    ``fields`` are those of the user and the sidecar; ``path`` is the file, for its name; ``sha256`` is its hash.

    Raises
    ------
    ModelError
        The graph is not a recognition network.
    """
    taps = find_taps(graph, **{name: fields.get(name) or None for name in TAPS})
    inferred: dict[str, Any] = {name: getattr(taps, name) for name in TAPS}
    shape = tensor_shapes(graph)[taps.image]
    inferred["input_size"] = (shape[2], shape[3])
    channels = shape[1] or 3
    _check_color(taps.image, channels, fields.get("color"))
    scaling = input_scaling(graph, taps.image)
    open_fields = {
        "mean": scaling.mean,
        "std": scaling.std,
        "color": "rgb" if channels == 3 else "gray",
        "template": TEMPLATE_OF_HEIGHT.get(shape[2] or 0, "arcface"),
    }
    stated = {name: value for name, value in fields.items() if value not in ("", None)}
    guesses = tuple(name for name in open_fields if name not in stated)
    base: dict[str, Any] = {"name": path.stem, **inferred, **open_fields, **stated}
    for name in ("mean", "std"):
        base[name] = _per_channel(base[name], channels)
    scaling_reason = scaling.reason if {"mean", "std"} & set(guesses) else ""
    return ModelSpec(**{**base, "sha256": sha256, "guesses": guesses, "scaling": scaling_reason})


def _per_channel(value: float | Sequence[float], channels: int) -> tuple[float, ...]:
    """Repeat a single number for every channel."""
    numbers = (value,) if isinstance(value, (int, float)) else tuple(value)
    return tuple(map(float, numbers * channels if len(numbers) == 1 else numbers))


def _check_color(image: str, channels: int, color: str | None) -> None:
    if channels not in (1, 3):
        raise ModelError(
            f"the input {image} has {channels} channels; a recogniser of pictures has 1 or 3 (layout N, C, H, W)"
        )
    if color and (color == "gray") != (channels == 1):
        raise ModelError(
            f"color is {color!r}, but the image input {image!r} has {channels} channel{'s' * (channels > 1)}; "
            f"state {'gray' if channels == 1 else 'rgb or bgr'} with {field_words('color', 'ORDER')}"
        )
