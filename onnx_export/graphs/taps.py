"""Find the taps of a recognition network: the tensors that this package reads.

They are found by walking back from the embedding, without knowledge of the architecture; each can be named instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.head_walk import head_start
from fiqx_trt.onnx_export.graphs.normalisation import behind_normalisation
from fiqx_trt.onnx_export.graphs.spatial import deepest_spatial
from fiqx_trt.onnx_export.graphs.view import GraphView, Shape, reads, shape_text
from fiqx_trt.text import field_words

_FLOAT = onnx.TensorProto.FLOAT


@dataclass(frozen=True)
class TapNames:
    """Names of the tensors this package reads from a recognition network.

    Attributes
    ----------
    image
        The input, float32 of shape ``(N, 3, H, W)``.
    embedding
        The embedding before its L2 normalisation, ``(N, D)`` (``(N, D, 1, 1)`` where a convolution is last).
    pre_dropout
        The first vector from which everything up to the embedding is affine, ``(N, F)`` (``(N, C, h, w)`` when a
        convolution reads the whole map; its values in C order are then the F units).
    features
        The deepest rank-4 tensor with at least 4×4 positions, ``(N, C, h, w)``; of a transformer, the map of its last
        block's tokens (:func:`fiqx_trt.onnx_export.graphs.tokens.with_token_map`).
    """

    image: str
    embedding: str
    pre_dropout: str
    features: str


def find_taps(
    model: onnx.ModelProto,
    *,
    image: str | None = None,
    embedding: str | None = None,
    pre_dropout: str | None = None,
    features: str | None = None,
) -> TapNames:
    """Find the image input, embedding, pre-dropout vector and feature map of a face-recognition network.

    Given names replace the search; a final L2 normalisation before a given `embedding` is skipped in any case.

    Raises
    ------
    ModelError
        A name is not in the graph, or a tensor cannot be found; the message says what to give instead.

    Examples
    --------
    >>> from fiqx_trt.onnx_export.architectures.mobilefacenet import build_mobilefacenet
    >>> find_taps(build_mobilefacenet())
    TapNames(image='image', embedding='embedding', pre_dropout='flatten', features='conv_sep.prelu')
    """
    view = GraphView(model)
    image = _image_input(view, image)
    output = view.require(embedding, "embedding") if embedding else embedding_output(view)
    embedding = behind_normalisation(view, output)
    _check_inputs(view, image, embedding)
    pre_dropout = view.require(pre_dropout, "pre_dropout") if pre_dropout else head_start(view, embedding)
    features = view.require(features, "features") if features else deepest_spatial(view, pre_dropout)
    return TapNames(image, embedding, pre_dropout, features)


def tensor_shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """Return the inferred shape of every tensor by name; ``None`` stands for a dimension that is not constant (the batch).

    ModelError where the graph contradicts itself.
    """
    weights = {t.name: tuple(t.dims) for t in model.graph.initializer}
    return {**weights, **GraphView(model).shapes}


def _image_input(view: GraphView, name: str | None) -> str:
    """Return the one graph input that is a float picture ``(N, 3, H, W)``."""
    if name is not None and name not in view.inputs:
        raise ModelError(f"the graph has no input {name!r}; its inputs are {view.inputs}")
    candidates = [name] if name else [i for i in view.inputs if len(view.shapes.get(i, ())) == 4]
    if not candidates:
        listed = ", ".join(f"{i!r} {shape_text(view.shapes.get(i, ()))}" for i in view.inputs) or "none"
        raise ModelError(
            f"no image input: wanted one of rank 4, (N, 3, H, W); the graph's inputs are {listed}"
        )
    if len(candidates) > 1:
        raise ModelError(
            f"several image inputs: {candidates}; name the right one with {field_words('image')}"
        )
    _check_image(view, candidates[0])
    return candidates[0]


def _check_image(view: GraphView, name: str) -> None:
    """Raise for a picture in a layout, size or number format that this package does not support."""
    shape = view.shapes.get(name, ())
    description = f"image input {name!r} has shape {shape_text(shape)}"
    if len(shape) != 4:
        raise ModelError(f"{description}; wanted rank 4, (N, 3, H, W)")
    if shape[3] in (1, 3) and shape[1] not in (1, 3):
        raise ModelError(
            f"{description}: channels last; wanted channels first, (N, 3, H, W). Transpose it when converting "
            f"(tf2onnx: --inputs-as-nchw {name})"
        )
    if shape[1] not in (1, 3):
        raise ModelError(f"{description}; wanted 3 colour channels, (N, 3, H, W)")
    if None in shape[2:]:
        raise ModelError(
            f"{description}: its height and width are free; state the size that the network was trained for with "
            f"{field_words('input_size', 'HxW')}"
        )
    if view.types[name].elem_type != _FLOAT:
        kind = str(onnx.TensorProto.DataType.Name(view.types[name].elem_type)).lower()
        raise ModelError(f"image input {name!r} is {kind}; wanted float32")


def _check_inputs(view: GraphView, image: str, embedding: str) -> None:
    """Raise for a network that needs more than a picture, such as its key points."""
    pending, seen = [embedding], set[str]()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending.extend(reads(view.producers[name]) if name in view.producers else ())
    others = [f"{i!r} {shape_text(view.shapes.get(i, ()))}" for i in view.inputs if i in seen and i != image]
    if others:
        raise ModelError(
            f"the network needs the input {', '.join(others)} besides the picture {image!r}; only networks that read a "
            "picture alone can be run: export it with that input as a constant, or take another model"
        )


def embedding_output(view: GraphView) -> str:
    """Return the one float output with a vector per picture."""
    vectors = [o for o in view.outputs if o in view.dynamic and _is_vector(view, o)]
    chosen = [o for o in vectors if o.lower() in ("embedding", "embeddings")] or vectors
    if (
        len({behind_normalisation(view, o) for o in chosen}) == 1
    ):  # or one raw, the others the same normalised
        return str(chosen[0])
    listed = ", ".join(f"{o!r} {shape_text(view.shapes.get(o, ()))}" for o in view.outputs) or "none"
    what = "several outputs could be" if vectors else "no output is"
    raise ModelError(
        f"{what} the embedding, (N, D): the outputs are {listed}; name it with {field_words('embedding')}"
    )


def _is_vector(view: GraphView, name: str) -> bool:
    shape = view.shapes.get(name)
    if shape is None or len(shape) < 2 or view.types[name].elem_type != _FLOAT:
        return False
    return shape[1] != 1 and all(d == 1 for d in shape[2:])
