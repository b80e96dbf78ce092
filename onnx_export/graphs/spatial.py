"""Find the deepest feature map of a network, which explanations are computed from."""

from __future__ import annotations

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.view import GraphView, Shape, attribute, shape_text
from fiqx_trt.text import field_words

#: What the name of a transformer's tokens gets where they are laid out as a map.
AS_MAP = ".as_map"


def deepest_spatial(view: GraphView, pre_dropout: str) -> str:
    """Return the deepest map of at least 4×4 positions on the path, else the deepest of more than one.

    ModelError where there is none, or where the tokens of a transformer come after it and are not laid out as a map.
    """
    small = ""
    for name in view.bottlenecks(pre_dropout):
        if is_tokens(view, name):
            return _token_map(view, name)
        if name in view.inputs or _channels_last(view, name):
            continue
        height, width = extent(view.shapes.get(name, ()))
        if min(height, width) >= 4:
            return name
        if height * width > 1:
            small = small or name
    if small:
        return small
    raise ModelError(
        f"no spatial layer: no rank-4 tensor with more than one position leads to {pre_dropout!r}; "
        f"name one with {field_words('features')}"
    )


def is_tokens(view: GraphView, name: str) -> bool:
    """Return whether a tensor is the output of a transformer's block: a sum of two branches, rank 3, several positions."""
    shape = view.shapes.get(name, ())
    node = view.producers.get(name)
    if node is None or node.op_type != "Add" or len(shape) != 3:
        return False
    summed = [view.shapes.get(x) for x in view.data_inputs(node)]
    return 1 not in shape[1:] and len(summed) == 2 and summed[0] == summed[1]


def extent(shape: Shape) -> tuple[int, int]:
    """Return height and width of a rank-4 shape; (0, 0) for any other."""
    if len(shape) != 4 or shape[2] is None or shape[3] is None:
        return 0, 0
    return shape[2], shape[3]


def _token_map(view: GraphView, tokens: str) -> str:
    if tokens + AS_MAP in view.producers:
        return tokens + AS_MAP
    raise ModelError(
        f"the network is a transformer, and its tokens {tokens!r} {shape_text(view.shapes[tokens])} are no map of the picture; "
        f"name a layer (N, C, h, w) with {field_words('features')}"
    )


def _channels_last(view: GraphView, name: str) -> bool:
    """Return whether a rank-4 tensor is (N, h, w, C): transposed before it is flattened, as in converted TensorFlow graphs."""
    while (node := view.producers.get(name)) is not None:
        if node.op_type == "Transpose":
            return tuple(attribute(node, "perm", ())) == (0, 2, 3, 1)
        maps = [x for x in view.data_inputs(node) if len(view.shapes.get(x, ())) == 4]
        if node.op_type == "Conv" or not maps:
            return False
        name = maps[0]
    return False
