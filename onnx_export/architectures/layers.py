"""Build layers of a convolutional network as ONNX nodes that are named after their parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from fiqx_trt.onnx_export.architectures.state import Parameters
from fiqx_trt.onnx_export.graphs.builder import Attribute, GraphBuilder

_BATCH = "N"


class NetworkBuilder:
    """A graph from one image to one embedding.

    Every method adds a layer and returns the name of its output, which is the layer's name. Shapes are
    tracked, so that a layer requests its parameters with their exact shape.

    Parameters
    ----------
    name
        Name of the architecture.
    parameters
        Source of the weights.
    size
        Height and width of the input ``image``, the normalised ``(N, 3, H, W)`` float32 tensor.
    """

    def __init__(self, name: str, parameters: Parameters, size: tuple[int, int]) -> None:
        self._name = name
        self._parameters = parameters
        self._builder = GraphBuilder(name)
        self.shapes: dict[str, tuple[int, ...]] = {"image": (3, *size)}

    def conv(
        self,
        x: str,
        name: str,
        channels: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
        groups: int = 1,
        bias: bool = False,
        gain: float = 1.0,
    ) -> str:
        """Add a convolution; reads ``<name>.weight`` and, with `bias`, ``<name>.bias``."""
        (kh, kw), (ph, pw) = _pair(kernel), _pair(padding)
        depth, height, width = self.shapes[x]
        inputs = [x, self._weight(f"{name}.weight", (channels, depth // groups, kh, kw), gain=gain)]
        if bias:
            inputs.append(self._weight(f"{name}.bias", (channels,)))
        extent = ((height + 2 * ph - kh) // stride + 1, (width + 2 * pw - kw) // stride + 1)
        attributes: dict[str, Attribute] = {
            "kernel_shape": [kh, kw],
            "strides": [stride, stride],
            "pads": [ph, pw, ph, pw],
            "group": groups,
        }
        return self._node("Conv", inputs, name, (channels, *extent), attributes)

    def batch_norm(self, x: str, name: str, *, epsilon: float, output: str = "", gain: float = 1.0) -> str:
        """Add a batch norm at inference; reads ``weight``, ``bias``, ``running_mean`` and ``running_var``."""
        channels = self.shapes[x][:1]
        statistics = ("weight", "bias", "running_mean", "running_var")
        inputs = [self._weight(f"{name}.{s}", channels, gain=gain) for s in statistics]
        return self._node(
            "BatchNormalization", [x, *inputs], output or name, self.shapes[x], {"epsilon": epsilon}
        )

    def prelu(self, x: str, name: str) -> str:
        """Add a leaky rectifier with one slope per channel; reads ``<name>.weight``."""
        slope = self._parameters.take(f"{name}.weight", self.shapes[x][:1], gain=0.25)
        weight = self._builder.constant(f"{name}.weight", slope.reshape(-1, 1, 1))
        return self._node("PRelu", [x, weight], name, self.shapes[x])

    def relu(self, x: str, name: str) -> str:
        """Add a rectifier."""
        return self._node("Relu", [x], name, self.shapes[x])

    def add(self, x: str, y: str, name: str) -> str:
        """Add the sum of two tensors of one shape."""
        return self._node("Add", [x, y], name, self.shapes[x])

    def scale(self, x: str, factor: float, name: str) -> str:
        """Add a product with a number."""
        constant = self._builder.constant(f"{name}.factor", np.array(factor, np.float32))
        return self._node("Mul", [x, constant], name, self.shapes[x])

    def concat(self, parts: Sequence[str], name: str) -> str:
        """Concatenate tensors along the channels."""
        channels = sum(self.shapes[p][0] for p in parts)
        return self._node("Concat", parts, name, (channels, *self.shapes[parts[0]][1:]), {"axis": 1})

    def max_pool(self, x: str, name: str, kernel: int, *, stride: int) -> str:
        """Add a max pool without padding."""
        channels, *extent = self.shapes[x]
        small = [(e - kernel) // stride + 1 for e in extent]
        attributes: dict[str, Attribute] = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2}
        return self._node("MaxPool", [x], name, (channels, *small), attributes)

    def global_average_pool(self, x: str, name: str) -> str:
        """Add the mean over all positions."""
        return self._node("GlobalAveragePool", [x], name, (self.shapes[x][0], 1, 1))

    def flatten(self, x: str, name: str) -> str:
        """Flatten an image to one row, channels first."""
        return self._node("Flatten", [x], name, (int(np.prod(self.shapes[x])),), {"axis": 1})

    def linear(self, x: str, name: str, units: int, *, bias: bool = True) -> str:
        """Add a fully connected layer; reads ``<name>.weight`` and, with `bias`, ``<name>.bias``."""
        inputs = [x, self._weight(f"{name}.weight", (units, *self.shapes[x]))]
        if bias:
            inputs.append(self._weight(f"{name}.bias", (units,)))
        return self._node("Gemm", inputs, name, (units,), {"transB": 1})

    def model(self, output: str) -> onnx.ModelProto:
        """Return the checked model from ``image`` to `output`; ModelError where the parameters do not fit."""
        self._parameters.check(self._name)
        return self._builder.model(
            {"image": [_BATCH, *self.shapes["image"]]}, {output: [_BATCH, *self.shapes[output]]}
        )

    def _weight(self, name: str, shape: tuple[int, ...], *, gain: float = 1.0) -> str:
        return self._builder.constant(name, self._parameters.take(name, shape, gain=gain))

    def _node(
        self,
        op: str,
        inputs: Sequence[str],
        output: str,
        shape: tuple[int, ...],
        attributes: dict[str, Attribute] | None = None,
    ) -> str:
        self.shapes[output] = shape
        return self._builder.node(op, inputs, output, attributes)


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)
