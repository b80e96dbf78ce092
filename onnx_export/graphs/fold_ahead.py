"""Fold batch norms into the convolutions after them, exactly also where those are padded."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from fiqx_trt.onnx_export.graphs.view import GraphView, attribute, reads

__all__ = ["fold_batch_norms_ahead"]

Doubles = NDArray[np.float64]


def fold_batch_norms_ahead(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with every batch norm folded into the convolutions that alone read it.

    ``W pad(s x + b) + c`` is ``(W s) pad(x) + m`` with the constant ``m = W pad(b) + c``. Where a convolution is padded with
    zeros, m differs at the borders: then it is a map ``(1, C, H, W)`` that is added after the convolution, in place of its
    bias; elsewhere it is a bias. One pass over the tensor less, since the batch norm would read and write all of it. Batch
    norms of an open picture size, and convolutions with ``auto_pad``, are left as they are. The given model is not changed.
    """
    view = GraphView(model)
    readers = _readers(view)
    folded: dict[str, onnx.NodeProto] = {
        node.output[0]: node
        for node in view.nodes
        if node.op_type == "BatchNormalization" and _can_fold(view, node, readers[node.output[0]])
    }
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.node[:], result.graph.value_info[:]
    for node in view.nodes:
        if node.op_type == "Conv" and node.input[0] in folded:
            nodes, constants = _merged(view, folded[node.input[0]], node)
            result.graph.node.extend(nodes)
            result.graph.initializer.extend(constants)
        elif node.output[0] not in folded:
            result.graph.node.append(node)
    needed = {name for node in result.graph.node for name in reads(node)} | set(view.outputs)
    kept = [tensor for tensor in result.graph.initializer if tensor.name in needed]
    del result.graph.initializer[:]
    result.graph.initializer.extend(kept)
    return result


def _readers(view: GraphView) -> dict[str, list[onnx.NodeProto]]:
    readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in view.nodes:
        for name in reads(node):
            readers[name].append(node)
    return readers


def _can_fold(view: GraphView, norm: onnx.NodeProto, readers: list[onnx.NodeProto]) -> bool:
    name = norm.output[0]
    known = all(view.constant(parameter) is not None for parameter in norm.input[1:])
    plain = len(norm.output) == 1 and not attribute(norm, "training_mode", 0)
    return bool(readers) and known and plain and name not in view.outputs and all(
        node.op_type == "Conv" and list(node.input).count(name) == 1 and _is_known(view, node) for node in readers
    )  # fmt: skip


def _is_known(view: GraphView, conv: onnx.NodeProto) -> bool:
    """Whether a convolution's weights, picture size and padding are known."""
    shape = view.shapes.get(conv.input[0], ())
    constants = [view.constant(name) for name in conv.input[1:] if name]
    auto = attribute(conv, "auto_pad", b"NOTSET")
    return (
        len(shape) == 4 and None not in shape[1:] and all(value is not None for value in constants)
        and auto in (b"NOTSET", "NOTSET", b"", "")
    )  # fmt: skip


def _merged(
    view: GraphView, norm: onnx.NodeProto, conv: onnx.NodeProto
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Return the nodes and constants in the place of a batch norm and a convolution that reads it."""
    weight, *given = (np.asarray(view.constant(name)) for name in conv.input[1:] if name)
    scale, shift = _affine(view, norm)
    groups, dtype, name = attribute(conv, "group", 1), weight.dtype, conv.output[0]
    scaled = weight * _per_group(scale, len(weight), groups)[:, :, None, None]
    bias = np.asarray(given[0], np.float64) if given else np.zeros(len(weight))
    constant = _response(view, conv, weight, _per_group(shift, len(weight), groups)) + bias[:, None, None]
    flat = bool((constant == constant[:, :1, :1]).all())
    own = onnx.NodeProto()
    own.CopyFrom(conv)
    names = [f"{name}.ahead.{part}" for part in ("weight", "constant")]
    values = scaled, (constant[:, 0, 0] if flat else constant[None])
    constants = [numpy_helper.from_array(v.astype(dtype), n) for v, n in zip(values, names, strict=True)]
    own.input[:] = [norm.input[0], names[0], *([names[1]] if flat else [])]
    if flat:
        return [own], constants
    own.output[0] = f"{name}.ahead"
    return [own, helper.make_node("Add", [own.output[0], names[1]], [name], name=f"{name}.shift")], constants


def _affine(view: GraphView, norm: onnx.NodeProto) -> tuple[Doubles, Doubles]:
    """Return s and b of a batch norm ``s x + b``, per channel."""
    gamma, beta, mean, variance = (np.asarray(view.constant(name), np.float64) for name in norm.input[1:5])
    scale = gamma / np.sqrt(variance + float(attribute(norm, "epsilon", 1e-5)))
    return scale, beta - mean * scale


def _per_group(values: Doubles, filters: int, groups: int) -> Doubles:
    """Return the channels' values that each filter reads, ``(filters, channels of a group)``."""
    return np.repeat(values.reshape(groups, -1), filters // groups, axis=0)


def _response(view: GraphView, conv: onnx.NodeProto, weight: NDArray[np.generic], shift: Doubles) -> Doubles:
    """Return what a convolution makes of a picture that is one constant per channel, ``(C, H, W)``, without its bias."""
    taps = np.einsum("oikl,oi->okl", weight.astype(np.float64), shift)
    sizes = [int(size) for size in view.shapes[conv.input[0]][2:] if size is not None]
    pads = attribute(conv, "pads", [0, 0, 0, 0])
    strides, dilations = (attribute(conv, name, [1, 1]) for name in ("strides", "dilations"))
    rows, columns = (
        _inside(size, taps.shape[1 + axis], strides[axis], dilations[axis], pads[axis], pads[2 + axis])
        for axis, size in enumerate(sizes)
    )
    return np.asarray(np.einsum("okl,yk,xl->oyx", taps, rows, columns))


def _inside(size: int, taps: int, stride: int, dilation: int, before: int, after: int) -> Doubles:
    """Return 1 where a tap of a filter at a position reads the picture, 0 where it reads the padding: ``(positions, taps)``."""
    count = (size + before + after - dilation * (taps - 1) - 1) // stride + 1
    at = np.arange(count)[:, None] * stride + np.arange(taps)[None] * dilation - before
    return ((at >= 0) & (at < size)).astype(np.float64)
