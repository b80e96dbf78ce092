"""Replace computed shapes, such as ``x.view(x.size(0), -1)``, by constants."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from fiqx_trt.onnx_export.graphs.reading.propagation import Propagation, propagate
from fiqx_trt.onnx_export.graphs.view import SHAPE_ONLY, reads


def fold_shapes(model: onnx.ModelProto) -> None:
    """Replace the values that the graph computes from shapes by constants where the batch allows it, in place.

    Shapes are propagated at batches of 2 and 3. A computed value that is equal at both is a constant. A Reshape
    whose result differs in one dimension only gets a constant shape with −1 there. Other values are unchanged.
    """
    if not any(node.op_type in SHAPE_ONLY for node in model.graph.node):
        return
    known = propagate(model, 2), propagate(model, 3)
    _free_reshapes(model, known)
    _fold_values(model, known)
    _drop_unused(model, set(known[0].computed))


def _fold_values(model: onnx.ModelProto, known: tuple[Propagation, Propagation]) -> None:
    """Replace nodes whose values are known, and equal at both batches, by constants."""
    first, second = known
    kept = []
    for node in model.graph.node:
        names = [name for name in node.output if name]
        if names and all(_constant(name, first, second) for name in names):
            for name in names:
                model.graph.initializer.append(numpy_helper.from_array(first.computed[name], name))
        else:
            kept.append(onnx.NodeProto.FromString(node.SerializeToString()))
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _constant(name: str, first: Propagation, second: Propagation) -> bool:
    if name not in first.computed or name not in second.computed:
        return False
    return np.array_equal(first.computed[name], second.computed[name])


def _free_reshapes(model: onnx.ModelProto, known: tuple[Propagation, Propagation]) -> None:
    """Give Reshape nodes with a computed shape a constant one."""
    first, second = known
    for index, node in enumerate(model.graph.node):
        if node.op_type != "Reshape" or node.input[1] not in first.computed:
            continue
        shapes = first.shape(node.output[0]), second.shape(node.output[0])
        target = _target(*shapes)
        if target is not None:
            name = f"{node.output[0]}.shape.{index}"
            model.graph.initializer.append(numpy_helper.from_array(target, name))
            node.input[1] = name
            del node.attribute[:]  # allowzero: there is no zero


def _target(first: tuple[int, ...] | None, second: tuple[int, ...] | None) -> NDArray[np.int64] | None:
    """Return the constant shape that gives both results, if there is one."""
    if first is None or second is None or len(first) != len(second) or 0 in first:
        return None
    differ = [axis for axis, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
    if len(differ) > 1:
        return None
    target = np.array(first, np.int64)
    target[differ] = -1
    return target


def _drop_unused(model: onnx.ModelProto, computed: set[str]) -> None:
    """Drop the unused nodes among the computed shapes and constants."""
    used = {value.name for value in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if used.isdisjoint(node.output) and computed.issuperset(filter(None, node.output)):
            continue
        kept.append(onnx.NodeProto.FromString(node.SerializeToString()))
        used.update(reads(node))
    del model.graph.node[:]
    model.graph.node.extend(kept[::-1])
    _keep(model, (t for t in model.graph.initializer if t.name not in computed or t.name in used))


def _keep(model: onnx.ModelProto, tensors: Iterable[onnx.TensorProto]) -> None:
    kept = list(tensors)
    if len(kept) < len(model.graph.initializer):
        copies = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
        del model.graph.initializer[:]
        model.graph.initializer.extend(copies)
