"""Inception-ResNet-v1, the network of FaceNet, from the checkpoints of facenet-pytorch.

Szegedy et al. 2016 (arXiv:1602.07261). Parameter names, scales of the residuals and the epsilon are those of
facenet-pytorch. Its final L2 normalisation is left out, as in every graph here.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from fiqx_trt.onnx_export.architectures.layers import NetworkBuilder
from fiqx_trt.onnx_export.architectures.state import Parameters, State

_EPSILON = 1e-3

#: A convolution of a branch: channels, kernel height and width, stride, padding (of the long sides).
Layer = tuple[int, tuple[int, int], int, tuple[int, int]]


def _same(channels: int, height: int, width: int) -> Layer:
    return channels, (height, width), 1, (height // 2, width // 2)


def _valid(channels: int, kernel: int, stride: int) -> Layer:
    return channels, (kernel, kernel), stride, (0, 0)


#: Branches of the residual blocks and of the two reductions, in the order of their outputs.
_BLOCK35 = [
    [_same(32, 1, 1)],
    [_same(32, 1, 1), _same(32, 3, 3)],
    [_same(32, 1, 1), _same(32, 3, 3), _same(32, 3, 3)],
]
_BLOCK17 = [[_same(128, 1, 1)], [_same(128, 1, 1), _same(128, 1, 7), _same(128, 7, 1)]]
_BLOCK8 = [[_same(192, 1, 1)], [_same(192, 1, 1), _same(192, 1, 3), _same(192, 3, 1)]]
_MIXED_6A = [[_valid(384, 3, 2)], [_same(192, 1, 1), _same(192, 3, 3), _valid(256, 3, 2)]]
_MIXED_7A = [
    [_same(256, 1, 1), _valid(384, 3, 2)],
    [_same(256, 1, 1), _valid(256, 3, 2)],
    [_same(256, 1, 1), _same(256, 3, 3), _valid(256, 3, 2)],
]


def build_inception_resnet_v1(
    *, state: State | None = None, seed: int = 0, size: int = 160
) -> onnx.ModelProto:
    """Build Inception-ResNet-v1: ``image`` (N, 3, size, size) to ``embedding`` (N, 512), opset 17.

    Pre-dropout vector ``flatten`` (N, 1792), the mean over the last map, which has 3×3 positions. The deepest
    map of at least 4×4 is ``repeat_2.9.relu`` (N, 896, 8, 8). The embedding is the output of ``last_bn``, not normalised.

    Parameters
    ----------
    state
        A facenet-pytorch state dict as arrays, its ``logits`` ignored; ``None``: random parameters.
    seed
        Seed of the random parameters.
    size
        Side of the input in pixels, at least 75.

    Raises
    ------
    ModelError
        The parameters are not those of this network.
    """
    parameters = Parameters(state, seed=seed, anchor="conv2d_1a.conv.weight", ignore=["logits."])
    net = NetworkBuilder("Inception-ResNet-v1", parameters, (size, size))
    x = _chain(
        net,
        "image",
        ["conv2d_1a", "conv2d_2a", "conv2d_2b"],
        [_valid(32, 3, 2), _valid(32, 3, 1), _same(64, 3, 3)],
    )
    x = net.max_pool(x, "maxpool_3a", 3, stride=2)
    x = _chain(
        net,
        x,
        ["conv2d_3b", "conv2d_4a", "conv2d_4b"],
        [_valid(80, 1, 1), _valid(192, 3, 1), _valid(256, 3, 2)],
    )
    for i in range(5):
        x = _block(net, x, f"repeat_1.{i}", _BLOCK35, scale=0.17)
    x = _reduction(net, x, "mixed_6a", _MIXED_6A)
    for i in range(10):
        x = _block(net, x, f"repeat_2.{i}", _BLOCK17, scale=0.10)
    x = _reduction(net, x, "mixed_7a", _MIXED_7A)
    for i in range(5):
        x = _block(net, x, f"repeat_3.{i}", _BLOCK8, scale=0.20)
    x = _block(net, x, "block8", _BLOCK8, scale=1.0, relu=False)
    x = net.flatten(net.global_average_pool(x, "avgpool_1a"), "flatten")
    x = net.linear(x, "last_linear", 512, bias=False)
    return net.model(net.batch_norm(x, "last_bn", epsilon=_EPSILON, output="embedding"))


def _unit(net: NetworkBuilder, x: str, name: str, layer: Layer) -> str:
    """Convolution, batch norm, ReLU."""
    channels, kernel, stride, padding = layer
    x = net.conv(x, f"{name}.conv", channels, kernel, stride=stride, padding=padding, gain=1.4)
    return net.relu(net.batch_norm(x, f"{name}.bn", epsilon=_EPSILON), f"{name}.relu")


def _chain(net: NetworkBuilder, x: str, names: Sequence[str], layers: Sequence[Layer]) -> str:
    for name, layer in zip(names, layers, strict=True):
        x = _unit(net, x, name, layer)
    return x


def _branches(net: NetworkBuilder, x: str, name: str, branches: Sequence[Sequence[Layer]]) -> list[str]:
    """Add parallel branches; a branch of a single convolution has no index in its parameters' names."""
    outputs = []
    for i, layers in enumerate(branches):
        branch = f"{name}.branch{i}"
        names = [branch] if len(layers) == 1 else [f"{branch}.{k}" for k in range(len(layers))]
        outputs.append(_chain(net, x, names, layers))
    return outputs


def _block(
    net: NetworkBuilder,
    x: str,
    name: str,
    branches: Sequence[Sequence[Layer]],
    *,
    scale: float,
    relu: bool = True,
) -> str:
    """Add the branches to the input, after a 1×1 convolution to its depth and a scaling."""
    y = net.concat(_branches(net, x, name, branches), f"{name}.concat")
    y = net.conv(y, f"{name}.conv2d", net.shapes[x][0], 1, bias=True)
    y = net.scale(y, scale, f"{name}.scale") if scale != 1 else y
    y = net.add(y, x, f"{name}.add")
    return net.relu(y, f"{name}.relu") if relu else y


def _reduction(net: NetworkBuilder, x: str, name: str, branches: Sequence[Sequence[Layer]]) -> str:
    """Halve height and width: strided branches beside a max pool."""
    parts = _branches(net, x, name, branches)
    pool = net.max_pool(x, f"{name}.branch{len(parts)}", 3, stride=2)
    return net.concat([*parts, pool], name)
