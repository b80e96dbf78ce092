"""The vectors that the linear layers of a head read."""

from __future__ import annotations

import numpy as np

from fiqx_trt.onnx_export.graphs.builder import GraphBuilder
from fiqx_trt.onnx_export.graphs.head_walk import linear_inputs
from fiqx_trt.onnx_export.graphs.taps import find_taps


def test_two_layers_behind_a_pool_read_two_vectors() -> None:
    graph = GraphBuilder("two")
    rng = np.random.default_rng(0)

    def weight(name: str, *shape: int) -> str:
        return graph.constant(name, rng.standard_normal(shape).astype(np.float32))

    x = graph.node(
        "Conv", ["image", weight("w", 8, 3, 4, 4)], "conv", {"kernel_shape": [4, 4], "strides": [2, 2]}
    )
    x = graph.node("Relu", [x], "map")
    x = graph.node("GlobalAveragePool", [x], "pool")
    x = graph.node("Flatten", [x], "vector")
    x = graph.node("Gemm", [x, weight("a", 8, 6)], "middle")
    graph.node("Gemm", [x, weight("b", 6, 5)], "embedding")
    model = graph.model({"image": ("N", 3, 16, 16)}, {"embedding": ("N", 5)})
    taps = find_taps(model)
    found = linear_inputs(model, taps.embedding, taps.pre_dropout)
    assert found[-1] == "middle"
    assert len(found) == 2
    assert found[0] in ("pool", "vector")
