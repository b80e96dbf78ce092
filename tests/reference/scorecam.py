"""Score-CAM and four published programs for it, each written from its own description, one face and one channel at a time.

Everything is float64 torch. ``Net`` has the weights of the ONNX graph that :func:`graph` writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from fiqx_trt.onnx_export.graphs.builder import GraphBuilder

SIZE, CHANNELS, DIMENSIONS = 32, 10, 12
CONSTANT, EMPTY = 4, 7  # channels without contrast: one at a value, one at zero
Target = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Net:
    """conv, PReLU, conv → features (C, 8, 8), with negative values → PReLU → flatten → linear."""

    w1: Tensor
    slope1: Tensor
    w2: Tensor
    b2: Tensor
    slope2: Tensor
    w3: Tensor
    b3: Tensor

    def features(self, x: Tensor) -> Tensor:
        x = F.prelu(F.conv2d(x, self.w1, stride=2, padding=1), self.slope1)
        return F.prelu(F.conv2d(x, self.w2, self.b2, stride=2, padding=1), self.slope2)

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(self.features(x).flatten(1), self.w3, self.b3)


def net(seed: int = 0) -> Net:
    rng = np.random.default_rng(seed)

    def weight(*shape: int, scale: float = 1.0) -> Tensor:
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
        return torch.from_numpy(
            (rng.standard_normal(shape) * scale / np.sqrt(fan_in)).astype(np.float32)
        ).double()

    w2, b2 = weight(CHANNELS, 6, 3, 3, scale=1.5), weight(CHANNELS, scale=0.3)
    w2[[CONSTANT, EMPTY]] = 0
    b2[CONSTANT], b2[EMPTY] = 0.7, 0.0
    slopes = (torch.full((n,), 0.25, dtype=torch.float64) for n in (6, CHANNELS))
    slope1, slope2 = slopes
    return Net(
        weight(6, 3, 3, 3),
        slope1,
        w2,
        b2,
        slope2,
        weight(DIMENSIONS, CHANNELS * 64, scale=4.0),
        weight(DIMENSIONS),
    )


def graph(model: Net) -> onnx.ModelProto:
    build = GraphBuilder("scorecam")

    def constant(name: str, value: Tensor) -> str:
        return build.constant(name, value.numpy().astype(np.float32))

    conv = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}
    x = build.node("Conv", ["image", constant("w1", model.w1)], "c1", conv)
    x = build.node("PRelu", [x, constant("s1", model.slope1.reshape(6, 1, 1))], "p1")
    x = build.node("Conv", [x, constant("w2", model.w2), constant("b2", model.b2)], "c2", conv)
    x = build.node("PRelu", [x, constant("s2", model.slope2.reshape(CHANNELS, 1, 1))], "features")
    x = build.node("Flatten", [x], "pre_dropout", {"axis": 1})
    build.node("Gemm", [x, constant("w3", model.w3), constant("b3", model.b3)], "embedding", {"transB": 1})
    return build.model({"image": ("N", 3, SIZE, SIZE)}, {"embedding": ("N", DIMENSIONS)})


def up(maps: Tensor, size: tuple[int, int], align_corners: bool = False) -> Tensor:
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=align_corners)


def target_of(name: str, own: Tensor, other: Tensor | None = None) -> Target:
    """The score of raw embeddings (K, D), for the face whose raw embedding is ``own`` (1, D)."""
    top = int(own.argmax())
    return {
        "self": lambda e: F.cosine_similarity(e, own),
        "reference": lambda e: F.cosine_similarity(e, own if other is None else other),
        "argmax": lambda e: F.softmax(e, dim=1)[:, top],
        "norm": lambda e: e.norm(dim=1) / own.norm(),
        "logit": lambda e: e[:, top],
    }[name]


def definition(
    model: Net, x: Tensor, *, target: str = "self", weights: str = "score", other: Tensor | None = None
) -> tuple[Tensor, list[float]]:
    """Map (H, W) and weights (C,): masks scaled after upsampling, constant channels skipped, ReLU on the small grid."""
    a, score = model.features(x)[0], target_of(target, model(x), other)
    masks = up(a[None], x.shape[2:])[0]
    live = [k for k in range(len(a)) if a[k].max() > a[k].min()]
    s = {}
    for k in live:
        mask = (masks[k] - masks[k].min()) / (masks[k].max() - masks[k].min())
        s[k] = float(score(model(x * mask))[0])
    if weights == "softmax":
        total = sum(np.exp(v) for v in s.values())
        s = {k: float(np.exp(v)) / total for k, v in s.items()}
    elif weights == "increase":
        zero = float(score(model(torch.zeros_like(x)))[0])
        s = {k: v - zero for k, v in s.items()}
    elif weights == "uniform":
        s = dict.fromkeys(live, 1.0)
    w = [s.get(k, 0.0) for k in range(len(a))]
    grid = torch.relu(sum(w[k] * a[k] for k in range(len(a))))
    return min_max(up(grid[None, None], x.shape[2:])[0, 0]), w


def min_max(values: Tensor) -> Tensor:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else torch.zeros_like(values)


def authors(model: Net, x: Tensor, target: str = "argmax") -> Tensor:
    """Upsample, skip flat, min-max, probability as weight, sum of upsampled maps, ReLU, min-max."""
    a, score = model.features(x), target_of(target, model(x))
    total = torch.zeros(x.shape[2:], dtype=x.dtype)
    for k in range(a.shape[1]):
        big = up(a[:, k : k + 1], x.shape[2:])[0, 0]
        if big.max() == big.min():
            continue
        total += score(model(x * (big - big.min()) / (big.max() - big.min())))[0] * big
    return min_max(torch.relu(total))


def grad_cam_package(model: Net, x: Tensor, target: str = "logit") -> Tensor:
    """Corners aligned; divided by range + 1e-8; softmax of raw scores over all channels; scaled on the grid and again."""
    a, score = model.features(x), target_of(target, model(x))
    big = up(a, x.shape[2:], align_corners=True)[0]
    low, high = big.amin((1, 2), keepdim=True), big.amax((1, 2), keepdim=True)
    masks = (big - low) / (high - low + 1e-8)
    w = torch.softmax(score(model(x * masks[:, None])), dim=0)
    grid = torch.relu((w[:, None, None] * a[0]).sum(0))
    grid = grid - grid.min()
    grid = grid / (1e-7 + grid.max())
    full = up(grid[None, None], x.shape[2:])[0, 0]
    full = full - full.min()
    return full / (1e-7 + full.max())


def torchcam_package(model: Net, x: Tensor, target: str = "logit") -> Tensor:
    """Copies scaled before upsampling are the masks; softmax of score minus unmasked score; raw activations are summed;
    the map ends on the grid."""
    a, score = model.features(x)[0], target_of(target, model(x))
    small = a - a.amin((1, 2), keepdim=True)
    masks = up((small / (small.amax((1, 2), keepdim=True) + 1e-8))[None], x.shape[2:])[0]
    w = torch.softmax(score(model(x * masks[:, None])) - score(model(x)), dim=0)
    grid = torch.relu(torch.nansum(w[:, None, None] * a, dim=0))
    grid -= grid.min()
    grid /= grid.max() + 1e-8
    return up(grid[None, None], x.shape[2:])[0, 0]


def fu_damer(model: Net, x: Tensor, target: str = "argmax") -> Tensor:
    """ReLU, upsample, divide by the range (1 where there is none), probability as weight, sum of what masked, ReLU, min-max."""
    a, score = torch.relu(model.features(x)), target_of(target, model(x))
    big = up(a, x.shape[2:])[0]
    span = big.amax((1, 2), keepdim=True) - big.amin((1, 2), keepdim=True)
    masks = big / torch.where(span != 0, span, torch.ones_like(span))
    w = score(model(x * masks[:, None]))
    return min_max(torch.relu((w[:, None, None] * masks).sum(0)))


PROGRAMS = {
    "scorecam-author": authors,
    "pytorch-grad-cam": grad_cam_package,
    "torchcam": torchcam_package,
    "fu-damer": fu_damer,
}
