"""IResNet, the backbone of ArcFace, from the checkpoints of InsightFace's arcface_torch.

Every convolution is between batch norms: bn1, 3×3, bn2, PReLU, 3×3, bn3, plus the input (Duta et al. 2020,
arXiv:2004.04989). Parameter names, their shapes and the epsilon are those of arcface_torch.
"""

from __future__ import annotations

from functools import partial

import onnx

from fiqx_trt.errors import ModelError
from fiqx_trt.onnx_export.architectures.layers import NetworkBuilder
from fiqx_trt.onnx_export.architectures.state import Parameters, State

_EPSILON = 1e-5
_CHANNELS = (64, 128, 256, 512)
#: Residual units of the four layers, by depth.
_UNITS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}


def build_iresnet(
    depth: int = 100, *, state: State | None = None, seed: int = 0, size: int = 112
) -> onnx.ModelProto:
    """Build an IResNet: ``image`` (N, 3, size, size) to ``embedding`` (N, 512), opset 17.

    Feature map ``bn2`` (N, 512, 7, 7); pre-dropout vector ``flatten`` (N, 25088).

    Parameters
    ----------
    depth
        18, 34, 50 or 100.
    state
        An arcface_torch state dict as arrays; ``None``: random parameters.
    seed
        Seed of the random parameters.
    size
        Side of the input in pixels.

    Raises
    ------
    ModelError
        The depth is not known, or the parameters are not those of this network.
    """
    if depth not in _UNITS:
        raise ModelError(f"no IResNet of depth {depth}; there are {sorted(_UNITS)}")
    net = NetworkBuilder(
        f"IResNet-{depth}", Parameters(state, seed=seed, anchor="conv1.weight"), (size, size)
    )
    x = net.conv("image", "conv1", 64, 3, padding=1)
    x = net.prelu(net.batch_norm(x, "bn1", epsilon=_EPSILON), "prelu")
    for layer, (units, channels) in enumerate(zip(_UNITS[depth], _CHANNELS, strict=True), start=1):
        for unit in range(units):
            x = _residual(net, x, f"layer{layer}.{unit}", channels, stride=1 if unit else 2)
    x = net.flatten(net.batch_norm(x, "bn2", epsilon=_EPSILON), "flatten")
    x = net.linear(x, "fc", 512)
    return net.model(net.batch_norm(x, "features", epsilon=_EPSILON, output="embedding"))


build_iresnet18 = partial(build_iresnet, 18)
build_iresnet34 = partial(build_iresnet, 34)
build_iresnet50 = partial(build_iresnet, 50)
build_iresnet100 = partial(build_iresnet, 100)


def _residual(net: NetworkBuilder, x: str, name: str, channels: int, *, stride: int) -> str:
    """Add a unit to its input, which a strided unit first converts to the new size and depth."""
    y = net.batch_norm(x, f"{name}.bn1", epsilon=_EPSILON)
    y = net.conv(y, f"{name}.conv1", channels, 3, padding=1)
    y = net.prelu(net.batch_norm(y, f"{name}.bn2", epsilon=_EPSILON), f"{name}.prelu")
    y = net.conv(y, f"{name}.conv2", channels, 3, stride=stride, padding=1, gain=1.4)
    y = net.batch_norm(y, f"{name}.bn3", epsilon=_EPSILON, gain=0.4)
    if stride > 1:
        x = net.conv(x, f"{name}.downsample.0", channels, 1, stride=stride)
        x = net.batch_norm(x, f"{name}.downsample.1", epsilon=_EPSILON)
    return net.add(y, x, f"{name}.add")
