"""The converted architectures once more, as torch modules with the source programs' parameter names."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def randomise(net: nn.Module, seed: int = 0) -> nn.Module:
    """Give batch norms statistics that are not the identity, and return the net ready for inference."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight, 0.5, 1.5),
                (module.bias, -0.3, 0.3),
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.8, 3.0),
            ):
                with torch.no_grad():
                    tensor.uniform_(low, high, generator=generator)
        elif isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, -0.2, 0.6, generator=generator)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, generator=generator)
            if module.bias is not None:  # torch has drawn it with another seed in each process
                nn.init.uniform_(module.bias, -0.1, 0.1, generator=generator)
    return net.eval()


def state_of(net: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in net.state_dict().items()}


def outputs_of(net: nn.Module, images: np.ndarray, *layers: str) -> list[np.ndarray]:
    """The net's output, then those of the named layers."""
    kept: dict[str, torch.Tensor] = {}
    modules = dict(net.named_modules())
    hooks = [
        modules[name].register_forward_hook(
            lambda _m, _i, out, name=name: kept.__setitem__(name, out.clone())
        )
        for name in layers
    ]
    with torch.inference_mode():
        final = net(torch.from_numpy(images))
    for hook in hooks:
        hook.remove()
    return [final.numpy(), *(kept[name].numpy() for name in layers)]


class IResidual(nn.Module):
    """arXiv:2004.04989, the block of arcface_torch."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.downsample = nn.Identity()
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.downsample(x) + self.bn3(self.conv2(inner))


class IResNet(nn.Module):
    def __init__(self, units: tuple[int, int, int, int], size: int = 112) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        before = 64
        for index, count in enumerate(units):
            channels = 64 << index
            blocks = [IResidual(before, channels, 2)] + [
                IResidual(channels, channels, 1) for _ in range(count - 1)
            ]
            setattr(self, f"layer{index + 1}", nn.Sequential(*blocks))
            before = channels
        self.bn2 = nn.BatchNorm2d(512)
        self.dropout = nn.Dropout(0.4)
        self.fc = nn.Linear(512 * (size // 16) ** 2, 512)
        self.features = nn.BatchNorm1d(512)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.prelu(self.bn1(self.conv1(x)))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return self.features(self.fc(self.dropout(self.bn2(x).flatten(1))))


class Unit(nn.Module):
    """facenet-pytorch's convolution: no bias, epsilon 0.001, ReLU."""

    def __init__(
        self, before: int, channels: int, kernel: int | tuple[int, int], stride: int = 1, pad: object = 0
    ):
        super().__init__()
        self.conv = nn.Conv2d(before, channels, kernel, stride, pad, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.conv(x)).relu()


class Branches(nn.Module):
    """Parallel branches; with a `scale` their 1×1 mixture is added to the input."""

    def __init__(
        self, *branches: nn.Module, mixed: tuple[int, int] | None = None, scale: float = 0, relu: bool = True
    ):
        super().__init__()
        self.count, self.scale, self.relu = len(branches), scale, relu
        for index, branch in enumerate(branches):
            setattr(self, f"branch{index}", branch)
        if mixed:
            self.conv2d = nn.Conv2d(*mixed, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.cat([getattr(self, f"branch{i}")(x) for i in range(self.count)], dim=1)
        if not self.scale:
            return y
        y = x + self.scale * self.conv2d(y)
        return y.relu() if self.relu else y


def _block35() -> Branches:
    return Branches(
        Unit(256, 32, 1),
        nn.Sequential(Unit(256, 32, 1), Unit(32, 32, 3, pad=1)),
        nn.Sequential(Unit(256, 32, 1), Unit(32, 32, 3, pad=1), Unit(32, 32, 3, pad=1)),
        mixed=(96, 256),
        scale=0.17,
    )


def _block17() -> Branches:
    chain = nn.Sequential(
        Unit(896, 128, 1), Unit(128, 128, (1, 7), pad=(0, 3)), Unit(128, 128, (7, 1), pad=(3, 0))
    )
    return Branches(Unit(896, 128, 1), chain, mixed=(256, 896), scale=0.1)


def _block8(scale: float, relu: bool = True) -> Branches:
    chain = nn.Sequential(
        Unit(1792, 192, 1), Unit(192, 192, (1, 3), pad=(0, 1)), Unit(192, 192, (3, 1), pad=(1, 0))
    )
    return Branches(Unit(1792, 192, 1), chain, mixed=(384, 1792), scale=scale, relu=relu)


class InceptionResnetV1(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = Unit(3, 32, 3, 2)
        self.conv2d_2a = Unit(32, 32, 3)
        self.conv2d_2b = Unit(32, 64, 3, pad=1)
        self.maxpool_3a = nn.MaxPool2d(3, 2)
        self.conv2d_3b = Unit(64, 80, 1)
        self.conv2d_4a = Unit(80, 192, 3)
        self.conv2d_4b = Unit(192, 256, 3, 2)
        self.repeat_1 = nn.Sequential(*[_block35() for _ in range(5)])
        self.mixed_6a = Branches(
            Unit(256, 384, 3, 2),
            nn.Sequential(Unit(256, 192, 1), Unit(192, 192, 3, pad=1), Unit(192, 256, 3, 2)),
            nn.MaxPool2d(3, 2),
        )
        self.repeat_2 = nn.Sequential(*[_block17() for _ in range(10)])
        self.mixed_7a = Branches(
            nn.Sequential(Unit(896, 256, 1), Unit(256, 384, 3, 2)),
            nn.Sequential(Unit(896, 256, 1), Unit(256, 256, 3, 2)),
            nn.Sequential(Unit(896, 256, 1), Unit(256, 256, 3, pad=1), Unit(256, 256, 3, 2)),
            nn.MaxPool2d(3, 2),
        )
        self.repeat_3 = nn.Sequential(*[_block8(0.2) for _ in range(5)])
        self.block8 = _block8(1.0, relu=False)
        self.avgpool_1a = nn.AdaptiveAvgPool2d(1)
        self.last_linear = nn.Linear(1792, 512, bias=False)
        self.last_bn = nn.BatchNorm1d(512, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in list(self.children())[:-2]:
            x = layer(x)
        return nn.functional.normalize(self.last_bn(self.last_linear(x.flatten(1))))
