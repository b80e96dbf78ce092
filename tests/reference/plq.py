"""Pixel-level quality from its definition, in float64, with torch's autograd: slow and obvious."""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import numpy_helper


class SmallNet(torch.nn.Module):
    """`support.nets.small_recogniser`, read from its weights."""

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        self.w = {
            t.name: torch.from_numpy(numpy_helper.to_array(t).astype(np.float64))
            for t in model.graph.initializer
        }

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return embedding and pre-dropout vector of normalised pixels."""
        w = self.w
        x = torch.relu(torch.nn.functional.conv2d(x, w["w1"], stride=2, padding=1))
        h = torch.relu(torch.nn.functional.conv2d(x, w["w2"], stride=2, padding=1)).flatten(1)
        e = h @ w["w3"].T + w["b3"]
        return (e - w["m"]) / torch.sqrt(w["v"] + 1e-5) * w["g"] + w["b"], h

    def head(self) -> np.ndarray:
        """Return A of e = A h + b."""
        w = self.w
        return ((w["g"] / torch.sqrt(w["v"] + 1e-5))[:, None] * w["w3"]).numpy()


def saliency(
    net: SmallNet, face: np.ndarray, quality: float, weights: str, *, mean: float, std: float
) -> np.ndarray:
    """Return Ŝ (H, W) of one face (H, W, 3) uint8 RGB: T Eq. 3 to 5, gradient per unit of raw intensity."""
    pixels = torch.from_numpy(face.astype(np.float64)).requires_grad_()
    e, h = net(((pixels - mean) / std).permute(2, 0, 1)[None])
    unit = e[0] / e[0].norm()
    fixed = unit.detach()
    if weights == "exact":
        A = torch.from_numpy(net.head())
        t = (h[0] ** 2 * (A**2).sum(0)).sum() / (e[0] ** 2).sum()  # dropout 0.5: p / (1 - p) = 1
        value = -torch.sqrt(2 * t / (1 + t))
    else:
        w = {
            "l1": quality / fixed.abs().sum() * torch.ones_like(fixed),
            "sum": quality / fixed.sum() * torch.ones_like(fixed),
            "signed": quality * fixed.sign() / fixed.abs().sum(),
        }[weights]
        value = (w * unit).sum()
    value.backward()
    assert pixels.grad is not None
    return pixels.grad.abs().mean(dim=2).numpy()


def quality_map(saliency: np.ndarray, gamma: float) -> np.ndarray:
    """Return P of Ŝ: T Eq. 6."""
    return 1 - 1 / (1 + 10.0**gamma * saliency**2)
