"""MobileFaceNet: a recogniser of a million parameters (Chen et al. 2018, arXiv:1804.07573, Table 1)."""

from __future__ import annotations

import onnx

from fiqx_trt.onnx_export.architectures.layers import NetworkBuilder
from fiqx_trt.onnx_export.architectures.state import Parameters, State

_EPSILON = 1e-5
#: Inverted residuals: channels inside and out, how many, stride of the first.
_STAGES = (
    (128, 64, 1, 2),
    (128, 64, 4, 1),
    (256, 128, 1, 2),
    (256, 128, 6, 1),
    (512, 128, 1, 2),
    (256, 128, 2, 1),
)


def build_mobilefacenet(
    *, state: State | None = None, seed: int = 0, dimensions: int = 512
) -> onnx.ModelProto:
    """Build MobileFaceNet: ``image`` (N, 3, 112, 112) to ``embedding`` (N, D), opset 17.

    One 7×7 kernel per channel weights the map ``conv_sep.prelu`` (N, 512, 7, 7); the 512 values of
    ``flatten`` are the input of the last, linear 1×1 convolution, written as a matrix product.

    Parameters
    ----------
    state
        Parameters by name; ``None``: random ones.
    seed
        Seed of the random parameters.
    dimensions
        D, 512 or, as in the paper, 128.

    Raises
    ------
    ModelError
        The parameters are not those of this network.

    Examples
    --------
    >>> build_mobilefacenet(dimensions=128).graph.output[0].type.tensor_type.shape.dim[1].dim_value
    128
    """
    net = NetworkBuilder("MobileFaceNet", Parameters(state, seed=seed, anchor="conv1.weight"), (112, 112))
    x = _unit(net, "image", "conv1", 64, 3, stride=2)
    x = _unit(net, x, "conv2", 64, 3, groups=64)
    for stage, (inner, outer, repeats, stride) in enumerate(_STAGES, start=1):
        for block in range(repeats):
            x = _bottleneck(
                net, x, f"stage{stage}.{block}", inner, outer, stride=stride, residual=stride == 1
            )
    x = _unit(net, x, "conv_sep", 512, 1)
    x = net.conv(x, "gdconv", 512, 7, groups=512)
    x = net.batch_norm(x, "gdconv.bn", epsilon=_EPSILON)
    x = net.linear(net.flatten(x, "flatten"), "linear", dimensions, bias=False)
    return net.model(net.batch_norm(x, "linear.bn", epsilon=_EPSILON, output="embedding"))


def _unit(
    net: NetworkBuilder, x: str, name: str, channels: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> str:
    """Convolution, batch norm, PReLU."""
    x = net.conv(x, name, channels, kernel, stride=stride, padding=kernel // 2, groups=groups, gain=1.4)
    return net.prelu(net.batch_norm(x, f"{name}.bn", epsilon=_EPSILON), f"{name}.prelu")


def _bottleneck(
    net: NetworkBuilder, x: str, name: str, inner: int, outer: int, *, stride: int, residual: bool
) -> str:
    """Expand, filter each channel, project without a rectifier; add to the input with `residual`."""
    y = _unit(net, x, f"{name}.expand", inner, 1)
    y = _unit(net, y, f"{name}.filter", inner, 3, stride=stride, groups=inner)
    y = net.conv(y, f"{name}.project", outer, 1)
    y = net.batch_norm(y, f"{name}.project.bn", epsilon=_EPSILON, gain=0.5 if residual else 1.0)
    return net.add(x, y, f"{name}.add") if residual else y
