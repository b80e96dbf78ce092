"""Small networks with random weights, and their parts, for the runtime's tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, tuple[Any, ...]],
    outputs: dict[str, tuple[Any, ...] | None],
    *,
    initializers: dict[str, NDArray[Any]] | None = None,
    types: dict[str, int] | None = None,
    opset: int = OPSET,
) -> onnx.ModelProto:
    """Wrap nodes in a model; float32 tensors where `types` says nothing else."""
    types = types or {}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(n, types.get(n, TensorProto.FLOAT), s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, types.get(n, TensorProto.FLOAT), s) for n, s in outputs.items()],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in (initializers or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


class _Builder:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, NDArray[Any]] = {}

    def weight(self, value: NDArray[Any]) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = value.astype(np.float32)
        return name

    def add(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def conv(self, x: str, c: int, out: int, k: int, stride: int = 1) -> str:
        w = self.weight(self.rng.standard_normal((out, c, k, k)) / np.sqrt(c * k * k))
        return self.add("Conv", [x, w], kernel_shape=[k, k], strides=[stride] * 2, pads=[k // 2] * 4)

    def norm(self, x: str, c: int) -> str:
        shift = [0.1 * self.rng.standard_normal(c) for _ in range(2)]
        scale = [1 + 0.2 * self.rng.random(c) for _ in range(2)]
        return self.add(
            "BatchNormalization", [x, *map(self.weight, (scale[0], *shift, scale[1]))], epsilon=1e-5
        )

    def prelu(self, x: str, c: int) -> str:
        return self.add("PRelu", [x, self.weight(0.25 * self.rng.random((c, 1, 1)))])


def residual_net(
    *,
    size: int = 32,
    widths: Sequence[int] = (16, 24, 32),
    embedding: int = 64,
    batch: int | str = "N",
    seed: int = 3,
) -> onnx.ModelProto:
    """Return a residual network like the face recognisers': image -> embedding, h and features."""
    b, c = _Builder(seed), widths[0]
    x = b.prelu(b.norm(b.conv("image", 3, c, 3), c), c)
    for width in widths:
        y = b.prelu(b.norm(b.conv(b.norm(x, c), c, width, 3), width), width)
        y = b.norm(b.conv(y, width, width, 3, stride=2), width)
        x = b.add("Add", [y, b.norm(b.conv(x, c, width, 1, stride=2), width)])
        c = width
    side = size // 2 ** len(widths)
    flat = c * side * side
    h = b.add("Flatten", [b.norm(x, c)])
    w = b.weight(b.rng.standard_normal((embedding, flat)) / np.sqrt(flat))
    e = b.add("Gemm", [h, w, b.weight(0.1 * b.rng.standard_normal(embedding))], transB=1)
    outputs = {e: (batch, embedding), h: (batch, flat), x: (batch, c, side, side)}
    return model(b.nodes, {"image": (batch, 3, size, size)}, outputs, initializers=b.weights)


def head_net(features: int = 25088, embedding: int = 512) -> onnx.ModelProto:
    """Return the last linear layer of a ResNet-100: h -> embedding."""
    rng = np.random.default_rng(5)
    weights = {
        "w": (rng.standard_normal((embedding, features), dtype=np.float32) / np.float32(np.sqrt(features))),
        "b": rng.standard_normal(embedding, dtype=np.float32),
    }
    node = helper.make_node("Gemm", ["h", "w", "b"], ["e"], transB=1)
    return model([node], {"h": ("N", features)}, {"e": ("N", embedding)}, initializers=weights)


def convolutional_net() -> onnx.ModelProto:
    """Return a fully convolutional network of free height and width, like MTCNN's first."""
    b = _Builder(7)
    x = b.prelu(b.conv("image", 3, 10, 3), 10)
    x = b.add("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    x = b.prelu(b.conv(x, 10, 16, 3), 16)
    p = b.add("Softmax", [b.conv(x, 16, 2, 1)], axis=1)
    return model(b.nodes, {"image": ("N", 3, "H", "W")}, {p: ("N", 2, None, None)}, initializers=b.weights)


def images(rows: int, size: int = 32, seed: int = 11) -> NDArray[np.float32]:
    """Return random normalised images (N, 3, size, size)."""
    return np.random.default_rng(seed).standard_normal((rows, 3, size, size), dtype=np.float32)
