"""Small recognisers, quick to run, with everything that large ones have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from fiqx_trt.onnx_export.graphs.builder import GraphBuilder
from fiqx_trt.testing.network import DIMENSIONS, FEATURES, SIZE, small_recogniser

__all__ = [
    "DIMENSIONS",
    "FEATURES",
    "SIZE",
    "deep_headed",
    "noise_faces",
    "save",
    "small_recogniser",
]


def deep_headed(*, seed: int = 0, units: int = 64) -> onnx.ModelProto:
    """A MobileFaceNet in small: a map, its global depthwise convolution, and a head of two layers with a batch norm between."""
    rng = np.random.default_rng(seed)

    def weight(*shape: int) -> np.ndarray:
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
        return (rng.standard_normal(shape) * np.sqrt(2.0 / fan_in)).astype(np.float32)

    graph = GraphBuilder("deep")
    conv = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [4, 4]}
    x = graph.node("Conv", ["image", graph.constant("w1", weight(units, 3, 3, 3))], "c1", conv)
    x = graph.node("Relu", [x], "features")
    kernel = [graph.constant("w2", weight(units, 1, 8, 8)), graph.constant("b2", weight(units))]
    x = graph.node("Conv", [x, *kernel], "gdconv", {"group": units})
    x = graph.node("Flatten", [x], "flatten")
    layer = [graph.constant("w3", weight(units, units)), graph.constant("b3", weight(units))]
    x = graph.node("Gemm", [x, *layer], "first", {"transB": 1})
    moments = [graph.constant(n, rng.uniform(0.5, 1.5, units).astype(np.float32)) for n in "gbmv"]
    x = graph.node("BatchNormalization", [x, *moments], "between")
    layer = [graph.constant("w4", weight(DIMENSIONS, units)), graph.constant("b4", weight(DIMENSIONS))]
    graph.node("Gemm", [x, *layer], "embedding", {"transB": 1})
    return graph.model({"image": ("N", 3, SIZE, SIZE)}, {"embedding": ("N", DIMENSIONS)})


def save(model: onnx.ModelProto, path: Path) -> Path:
    """Write a model and return its path."""
    path.write_bytes(model.SerializeToString())
    return path


def noise_faces(count: int, *, size: int = SIZE, seed: int = 0) -> np.ndarray:
    """Random faces, ``(count, size, size, 3)`` uint8: smooth enough to differ in more than noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, 4, 3)).repeat(size // 4, 1).repeat(size // 4, 2)
    return np.clip(coarse + rng.integers(-20, 21, coarse.shape), 0, 255).astype(np.uint8)
