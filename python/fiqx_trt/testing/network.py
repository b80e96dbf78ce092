"""A small recogniser with random weights: quick to run, with everything that a large one has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

__all__ = ["DIMENSIONS", "FEATURES", "SIZE", "small_recogniser"]

#: Height and width of its faces, numbers in its last feature map, and length of its embedding.
SIZE, FEATURES, DIMENSIONS = 32, 8 * 8 * 8, 24


def small_recogniser(
    *, seed: int = 0, batch: int | str = "N", norm: bool = True, channels: int = 3, size: int | str = SIZE
) -> onnx.ModelProto:
    """Return a network ``image (N, 3, 32, 32)`` → conv, relu, conv, relu → flatten → gemm → batch norm → ``embedding``.

    Parameters
    ----------
    seed
        Of the random weights.
    batch, channels, size
        Shape of its input: rows (a number, or a text where it is free), channels, height and width.
    norm
        Whether a batch norm follows the linear layer.

    Examples
    --------
    >>> [output.name for output in small_recogniser().graph.output]
    ['embedding']
    """
    from fiqx_trt.onnx_export.graphs.builder import GraphBuilder

    rng = np.random.default_rng(seed)
    graph = GraphBuilder("small")

    def weight(name: str, *shape: int) -> str:
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
        return graph.constant(name, (rng.standard_normal(shape) * np.sqrt(2.0 / fan_in)).astype(np.float32))

    conv = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}
    x = graph.node("Conv", ["image", weight("w1", 6, channels, 3, 3)], "c1", conv)
    x = graph.node("Relu", [x], "r1")
    x = graph.node("Conv", [x, weight("w2", 8, 6, 3, 3)], "c2", conv)
    x = graph.node("Relu", [x], "features")
    x = graph.node("Flatten", [x], "pre_dropout", {"axis": 1})
    last = "linear" if norm else "embedding"
    x = graph.node(
        "Gemm", [x, weight("w3", DIMENSIONS, FEATURES), weight("b3", DIMENSIONS)], last, {"transB": 1}
    )
    if norm:
        moments = [
            graph.constant(name, rng.uniform(0.5, 1.5, DIMENSIONS).astype(np.float32)) for name in "gbmv"
        ]
        graph.node("BatchNormalization", [x, *moments], "embedding", {"epsilon": 1e-5})
    return graph.model({"image": (batch, channels, size, size)}, {"embedding": (batch, DIMENSIONS)})
