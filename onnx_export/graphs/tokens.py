"""Transformers: lay out the tokens of the last block as a feature map."""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import helper, numpy_helper

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.spatial import AS_MAP, extent, is_tokens
from fiqx_trt.onnx_export.graphs.taps import embedding_output
from fiqx_trt.onnx_export.graphs.view import GraphView

_ATTENTION = frozenset(["Attention", "MultiHeadAttention", "Softmax"])
#: At most this many tokens stand before those of the picture: class, distillation, registers.
_EXTRA = 8


def with_token_map(model: onnx.ModelProto, *, embedding: str | None = None) -> onnx.ModelProto:
    """Add the tokens of a transformer's last block as a map ``(N, C, h, w)``, named after them with the suffix ``.as_map``.

    The tokens ``(N, T, C)`` are the last sum of two branches that every path to the `embedding` (default: the graph's
    output) passes, before the final normalisation. Tokens before the h·w of the picture (the class token) are left out.
    ``model``, with a constant height and width, is returned where it is no transformer, or where no h·w fits its tokens.
    """
    if not any(node.op_type in _ATTENTION for node in model.graph.node):
        return model
    view = GraphView(model)
    try:
        start = view.require(embedding, "embedding") if embedding else embedding_output(view)
    except ModelError:
        return model  # whoever looks for the taps says what is wrong
    path = list(view.bottlenecks(start))
    tokens = next((n for n in path if is_tokens(view, n) or min(extent(view.shapes.get(n, ()))) >= 4), start)
    layout = _layout(view, tokens, path) if is_tokens(view, tokens) else None
    return model if layout is None else _with_map(model, tokens, view.shapes[tokens], layout)


def _layout(view: GraphView, tokens: str, path: list[str]) -> tuple[int, int] | None:
    """Return height and width of a token in the picture: those of the patches, else from the picture's shape."""
    rows, count, channels = view.shapes[tokens]
    if count is None or channels is None or (rows is None) != (view.shapes[path[0]][0] is None):
        return None
    grids = [extent(view.shapes.get(name, ())) for name in path]
    patches = [
        (h, w) for name, (h, w) in zip(path, grids, strict=True) if h * w > 1 and name not in view.inputs
    ]
    picture = [(h, w) for name, (h, w) in zip(path, grids, strict=True) if name in view.inputs]
    for height, width in patches:
        if 0 <= count - height * width <= _EXTRA:
            return height, width
    return next(
        (found for extra in (0, 1) for h, w in picture if (found := _like(count - extra, h, w))), None
    )


def _like(count: int, height: int, width: int) -> tuple[int, int] | None:
    """Return the factors of a number in the proportion of height and width."""
    side = math.isqrt(count * height // width)
    return (side, count // side) if side and side * side * width == count * height else None


def _with_map(
    model: onnx.ModelProto, tokens: str, shape: tuple[int | None, ...], layout: tuple[int, int]
) -> onnx.ModelProto:
    height, width = layout
    count, channels = shape[1] or 0, shape[2] or 0
    name = tokens + AS_MAP
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    constants = {
        "starts": [count - height * width],
        "ends": [count],
        "axes": [1],
        "shape": [-1, channels, height, width],
    }
    changed.graph.initializer.extend(
        numpy_helper.from_array(np.array(value, np.int64), f"{name}.{part}")
        for part, value in constants.items()
    )
    cut = [tokens, *(f"{name}.{part}" for part in ("starts", "ends", "axes"))]
    changed.graph.node.extend(
        [
            helper.make_node("Slice", cut, [f"{name}.places"], name=f"{name}.places"),
            helper.make_node(
                "Transpose", [f"{name}.places"], [f"{name}.channels"], name=f"{name}.channels", perm=[0, 2, 1]
            ),
            helper.make_node("Reshape", [f"{name}.channels", f"{name}.shape"], [name], name=name),
        ]
    )
    return changed
