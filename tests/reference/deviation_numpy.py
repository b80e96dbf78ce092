"""The deviation from the usual in plain NumPy and float64, slow and obvious."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def relative_log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smoothed logarithm of a map over its median, not below a thousandth."""
    height = values.shape[0]
    sigma = 3.0 * height / 112.0
    logs = np.log(np.maximum(values / np.median(values), 1e-3))
    radius = (round(sigma * 8 + 1) | 1) // 2
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (radius, radius)
        wide = np.pad(logs, pad, mode="reflect")
        logs = sum(
            tap * np.take(wide, np.arange(k, k + logs.shape[axis]), axis) for k, tap in enumerate(taps)
        )
    return logs


def lower_z(
    maps: list[NDArray[np.float64]], means: list[NDArray[np.float64]], stds: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """The lowest standardised value at every pixel."""
    return np.min([(m - a) / s for m, a, s in zip(maps, means, stds, strict=True)], axis=0)
