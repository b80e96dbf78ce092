"""Colours as people without red or green vision see them, and how far apart two colours look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
#: What linear RGB becomes, by the name of a vision.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": PROTANOPIA,
    "deuteranopia": DEUTERANOPIA,
}
#: sRGB to XYZ, divided by the white point D65.
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _XYZ.sum(axis=1, keepdims=True)


def seen(rgb: np.ndarray, vision: str) -> np.ndarray:
    """Return CIELAB ``(..., 3)`` of sRGB colours in [0, 1] under a vision of :data:`VISIONS`."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ VISIONS[vision].T, 0.0, 1.0)
    x, y, z = np.moveaxis(_cube_root(linear @ (_XYZ / _WHITE).T), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _cube_root(t: np.ndarray) -> np.ndarray:
    return np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)


def least_distance(colours: Sequence[np.ndarray], vision: str) -> float:
    """Return the smallest distance (ΔE 1976) between any two of the colours under a vision; about 2 is just seen."""
    points = [seen(np.asarray(colour, np.float64), vision) for colour in colours]
    return min(float(np.linalg.norm(a - b)) for i, a in enumerate(points) for b in points[i + 1 :])
