"""Fold batch norms into the convolutions before them, in float64."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from fiqx_trt.onnx_export.graphs.view import GraphView, attribute, reads


def fold_batch_norms(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with every batch norm folded into the convolution before it, where only that batch norm reads it.

    ``γ (W x + c − μ) / √(σ² + ε) + β`` is a convolution with ``W' = s W`` and ``c' = s (c − μ) + β``, where
    ``s = γ / √(σ² + ε)``. The output keeps the batch norm's name; the given model is not changed.
    """
    view = GraphView(model)
    readers = Counter([*view.outputs, *(name for node in view.nodes for name in reads(node))])
    folded = onnx.ModelProto()
    folded.CopyFrom(model)
    del folded.graph.node[:]
    moved: dict[str, onnx.NodeProto] = {}
    for node in view.nodes:
        conv = view.producers.get(node.input[0]) if node.op_type == "BatchNormalization" else None
        values = [view.constant(n) for n in (*(conv.input[1:] if conv else ()), *node.input[1:])]
        if conv is not None and conv.op_type == "Conv" and readers[node.input[0]] == 1 and _all(values):
            weight, bias = _merge(view, conv, node)
            own = moved[conv.output[0]]
            names = [f"{node.output[0]}.folded.{part}" for part in ("weight", "bias")]
            folded.graph.initializer.extend(
                numpy_helper.from_array(v, n) for v, n in zip((weight, bias), names, strict=True)
            )
            own.input[:] = [conv.input[0], *names]
            own.output[0] = node.output[0]
        else:
            folded.graph.node.append(node)
            moved[node.output[0]] = folded.graph.node[-1]
    needed = {name for node in folded.graph.node for name in reads(node)}
    kept = [t for t in folded.graph.initializer if t.name in needed]
    del folded.graph.initializer[:]
    folded.graph.initializer.extend(kept)
    del folded.graph.value_info[:]
    return folded


def _all(values: list[NDArray[np.generic] | None]) -> bool:
    return all(value is not None for value in values)


def _merge(
    view: GraphView, conv: onnx.NodeProto, norm: onnx.NodeProto
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    weight, *given = (np.asarray(view.constant(n)) for n in conv.input[1:])
    gamma, beta, mean, variance = (np.asarray(view.constant(n), np.float64) for n in norm.input[1:])
    scale = gamma / np.sqrt(variance + attribute(norm, "epsilon", 1e-5))
    bias = scale * ((given[0] if given else 0.0) - mean) + beta
    scaled = weight.astype(np.float64) * scale.reshape(-1, *[1] * (weight.ndim - 1))
    return scaled.astype(weight.dtype), bias.astype(weight.dtype)
