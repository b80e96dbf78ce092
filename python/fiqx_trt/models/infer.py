"""Find out what a bare ONNX recognition network leaves unsaid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.errors import ModelError
from fiqx_trt.models.spec import ModelSpec
from fiqx_trt.onnx_export.taps import find_taps, tensor_shapes

if TYPE_CHECKING:
    import onnx

__all__ = ["infer_spec"]

TAPS = ("image", "embedding", "pre_dropout", "features")
#: Input height → alignment template. Other sizes take ArcFace's, scaled.
TEMPLATE_OF_HEIGHT = {112: "arcface", 150: "dlib", 160: "facenet"}
#: Exporters that normalise inside the graph begin with these (InsightFace's own rule looks for them as well).
SCALING_OPERATORS = ("Sub", "Mul", "Div", "Add", "BatchNormalization")


def infer_spec(graph: onnx.ModelProto, fields: dict[str, Any], *, path: Path, sha256: str) -> ModelSpec:
    """Complete the given fields from the graph; what is neither given nor found takes the field's usual default.

    Parameters
    ----------
    graph
        The network.
    fields
        What the user and the sidecar said.
    path
        Where the file lies, for its name.
    sha256
        Its hash.

    Raises
    ------
    ModelError
        The graph is not a recognition network.
    """
    taps = find_taps(graph, **{name: fields.get(name) or None for name in TAPS})
    found: dict[str, Any] = {name: getattr(taps, name) for name in TAPS}
    guesses: list[str] = []
    shape = tensor_shapes(graph)[taps.image]
    if "input_size" not in fields:
        found["input_size"] = _input_size(shape, guesses)
    height = (fields.get("input_size") or found["input_size"])[0]
    for name, value in _contract(graph, taps.image, shape, height).items():
        if name not in fields:
            found[name] = value
            guesses.append(name)
    given = {name: value for name, value in fields.items() if value not in ("", None)}
    base: dict[str, Any] = {"name": path.stem, **found, **given, "sha256": sha256, "guesses": tuple(guesses)}
    return ModelSpec(**base)


def _input_size(shape: tuple[int | None, ...], guesses: list[str]) -> tuple[int, int]:
    height, width = shape[2], shape[3]
    if height is None or width is None:
        guesses.append("input_size")
        return 112, 112
    return height, width


def _contract(
    graph: onnx.ModelProto, image: str, shape: tuple[int | None, ...], height: int
) -> dict[str, Any]:
    channels = shape[1] or 3
    if channels not in (1, 3):
        raise ModelError(
            f"the input {image} has {channels} channels; a recogniser of pictures has 1 or 3 (layout N, C, H, W)"
        )
    number = (0.0, 1.0) if scales_itself(graph, image) else (127.5, 127.5)
    return {
        "mean": (number[0],) * channels,
        "std": (number[1],) * channels,
        "color": "rgb" if channels == 3 else "gray",
        "template": TEMPLATE_OF_HEIGHT.get(height, "arcface"),
    }


def scales_itself(graph: onnx.ModelProto, image: str) -> bool:
    """Whether the network subtracts and scales its raw input before the first convolution."""
    reached = {image}
    seen = set()
    for node in graph.graph.node:
        if not reached.intersection(node.input):
            continue
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            break
        seen.add(node.op_type)
        reached.update(node.output)
    return bool(seen.intersection(SCALING_OPERATORS))
