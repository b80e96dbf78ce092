"""Find the start of a network's head: the first vector from which everything up to the embedding is affine."""

from __future__ import annotations

import math

import onnx

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.graphs.view import GraphView, Shape, attribute, describe
from fiqx_trt.text import field_words

#: Operators that hand their data on unchanged, in another shape or number format at most.
SAME_VALUES = frozenset(["Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"])
#: Affine operators that treat every value by itself, the other operands being constants.
_ELEMENTWISE = frozenset(["Add", "BatchNormalization", "Div", "Mul", "Neg", "Sub", "Sum"])
#: Operators that mix the values of a vector linearly.
_MIXING = frozenset(["Conv", "Gemm", "MatMul"])
_CURE = f"name the output of the last linear layer as the embedding with {field_words('embedding')}"


def head_start(view: GraphView, embedding: str) -> str:
    """Return the first vector on the path to the raw `embedding` from which everything up to the embedding is affine.

    The search goes back from the embedding through affine operators with constant operands, as long as the tensor has no
    spatial extent. A global pool, a global depthwise convolution or a flattened map makes the vector; a non-linearity ends
    the search. A convolution over a whole map that mixes its channels is a flattening and a linear layer in one, so it
    belongs to the head. An elementwise scaling directly after the depthwise convolution (its batch norm) belongs to that
    convolution: exporters fold it or not, and the vector must not depend on that.

    The result is a tensor ``(N, F)``, ``(N, F, 1, 1)``, or the map ``(N, C, h, w)`` whose values, in C order, are the input
    of the first linear layer. An inactive Dropout on it belongs to the head. ModelError where there is no linear layer
    between such a vector and the embedding.
    """
    name = first = embedding  # `first` is what the first layer of the head reads, as far as the walk has come
    mixed = ""  # what the first mixing layer of the head reads
    while (node := view.producers.get(name)) is not None and _is_affine(view, node):
        source = view.data_inputs(node)[0]
        if not is_vector(view.shapes.get(source, ())):
            return _at_map(view, node, source, mixed=mixed, first=first, embedding=embedding)
        if node.op_type not in SAME_VALUES and node.op_type != "Transpose":
            first = source
            mixed = source if node.op_type in _MIXING else mixed
        name = source
    if not mixed:
        raise ModelError(_no_layer(view, name, embedding))
    return _before_dropout(view, first)


def linear_inputs(model: onnx.ModelProto, embedding: str, pre_dropout: str) -> list[str]:
    """Return the inputs of the linear layers of a head, from the first layer to the last.

    ``embedding`` is the raw embedding, ``pre_dropout`` the start of the head (:func:`head_start`).

    Examples
    --------
    >>> from fiqx_trt.onnx_export.architectures.mobilefacenet import build_mobilefacenet
    >>> linear_inputs(build_mobilefacenet(), "embedding", "flatten")
    ['flatten']
    """
    view = GraphView(model)
    found, name = [], embedding
    while name != pre_dropout and (node := view.producers.get(name)) is not None:
        data = view.data_inputs(node)
        if node.op_type in _MIXING:
            found.append(_before_dropout(view, str(data[0])))
        name = str(data[0])
    return found[::-1]


def is_vector(shape: Shape) -> bool:
    """Return whether a tensor has no spatial extent: all its dimensions but the batch and one are 1."""
    return len(shape) >= 2 and sum(d != 1 for d in shape[1:]) <= 1


def _at_map(
    view: GraphView, node: onnx.NodeProto, source: str, *, mixed: str, first: str, embedding: str
) -> str:
    """Return the vector that a node makes of a map."""
    if node.op_type == "Conv":
        reads_all = not _is_depthwise(view, node)
        return _before_dropout(view, source if reads_all or not mixed else mixed)
    if not mixed:
        raise ModelError(_no_layer(view, node.output[0], embedding))
    return _before_dropout(view, first)


def _is_affine(view: GraphView, node: onnx.NodeProto) -> bool:
    """Return whether a node is an affine map of one tensor to a vector, with constant other operands."""
    data = view.data_inputs(node)
    if len(data) != 1:
        return False
    before, after = (view.shapes.get(name, ()) for name in (data[0], node.output[0]))
    if not is_vector(after):
        return False
    if node.op_type in SAME_VALUES:
        return math.prod(d or 0 for d in before[1:]) == math.prod(d or 0 for d in after[1:])
    if node.op_type == "Transpose":
        return is_vector(before) and attribute(node, "perm", [1])[0] == 0
    if node.op_type in _ELEMENTWISE:
        return before == after and (node.op_type != "Div" or node.input[0] == data[0])
    return node.op_type in _MIXING and node.input[0] == data[0] and not attribute(node, "transA", 0)


def _is_depthwise(view: GraphView, node: onnx.NodeProto) -> bool:
    """Return whether a convolution filters each channel separately."""
    groups = attribute(node, "group", 1)
    return bool(groups > 1 and view.shapes.get(node.input[0], (None, groups))[1] == groups)


def _before_dropout(view: GraphView, name: str) -> str:
    while (node := view.producers.get(name)) is not None and node.op_type in ("Dropout", "Identity"):
        name = str(node.input[0])
    return name


def _no_layer(view: GraphView, name: str, embedding: str) -> str:
    node = view.producers.get(name)
    if node is None:
        return f"there is no linear layer between the input {name!r} and the embedding {embedding!r}; {_CURE}"
    data = view.data_inputs(node)
    why = f"joins the branches {data}" if len(data) > 1 else f"is not affine (it reads {data[0]!r})"
    return (
        f"no linear layer (Gemm, MatMul or a convolution with a 1×1 output) ends the network: walking back from "
        f"{embedding!r}, {describe(node)} {why}; {_CURE}"
    )
