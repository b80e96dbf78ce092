"""Compute finished maps from channel weights: weighted sum, ReLU, upsampling, scaling to [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.explain.channels import Channels
from fiqx_trt.kernels import Array
from fiqx_trt.statistics.upsampling import axis_weights, upsample

__all__ = ["Finished", "correlation", "finish", "uniform_correlation"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Size = tuple[int, int]


@dataclass(frozen=True)
class Finished:
    """Finished maps and the grids they are upsampled from.

    Parameters
    ----------
    maps
        ``(n, H, W)`` float32 in [0, 1]; all 0 where ``flat``. In host memory, or in the context of the channels.
    grids
        ``(n, h, w)`` float32 before upsampling.
    low, high
        ``(n,)`` float64: a map is ``(U grid - low) / (high - low)``, except where the recipe sets negative pixels to 0 after
        upsampling.
    flat
        ``(n,)`` bool: the map has no contrast.
    """

    maps: Array
    grids: Floats
    low: Doubles
    high: Doubles
    flat: NDArray[np.bool_]


def finish(channels: Channels, weights: Doubles, *, on_device: bool = False) -> Finished:
    """Compute the maps of some faces from the weights ``(n, C)`` of their channels, by the recipe.

    With ``on_device`` the maps are arrays of the channels' context; the rest is always in host memory.
    """
    context, scale = channels.context, channels.recipe.scale
    combined = channels.combine(weights)
    kept = on_device or scale == "grid"
    grids, limits, *rest = context.fetch(combined.grid, combined.limits, *(() if kept else (combined.maps,)))
    flat = limits[:, 0] == limits[:, 1]
    maps = combined.maps if kept else rest[0]
    if scale == "grid":
        maps, grids, limits = _scaled_grids(grids, channels.size)
        maps = context.upload(maps) if on_device else maps
    broken = ~np.isfinite(limits).all(axis=1)
    for i in np.flatnonzero(broken).tolist():
        kernels.copy(
            np.zeros((1, *channels.size), np.float32), kernels.rows(maps, i, i + 1), stream=context.stream
        )
    grids[broken], limits[broken] = 0.0, 0.0
    low, high = limits.astype(np.float64).T
    return Finished(maps, grids, low, high, flat | broken)


def _scaled_grids(grids: Floats, size: Size) -> tuple[Floats, Floats, Floats]:
    """Scale grids to [0, 1] before upsampling, as programs do whose map has the grid's size."""
    low = grids.min(axis=(1, 2), keepdims=True)
    span = grids.max(axis=(1, 2), keepdims=True) - low
    scaled = np.asarray((grids - low) / np.where(span > 0, span, np.float32(1)), np.float32)
    limits = np.zeros((len(grids), 2), np.float32)
    limits[:, 1] = 1.0
    return upsample(scaled, size).clip(0.0, 1.0).astype(np.float32), scaled, limits


def uniform_correlation(channels: Channels, grids: Floats) -> Doubles:
    """Return the correlation ``(n,)`` of finished maps, given by their grids, with the maps of equal weights."""
    correlations = np.full(len(grids), np.nan)
    for i, (grid, plain) in enumerate(zip(grids, channels.uniform_grids(), strict=True)):
        correlations[i] = correlation(np.maximum(grid, 0.0), plain, channels.size)
    return correlations


def correlation(a: NDArray[np.floating], b: NDArray[np.floating], size: Size) -> float:
    """Return Pearson's correlation over the pixels of two maps given by their grids, ``(h, w)`` each; NaN where a map is flat.

    ``Σ_p (U a)_p (U b)_p = aᵀ (UᵀU) b`` needs no upsampling, and UᵀU is the product of one small matrix per axis.

    Examples
    --------
    >>> round(correlation(np.array([[0.0, 1.0]]), np.array([[5.0, 7.0]]), (1, 4)), 6)
    1.0
    """
    rows, columns = (axis_weights(cells, pixels) for cells, pixels in zip(a.shape, size, strict=True))

    def centred(grid: NDArray[np.floating]) -> Doubles:
        values = np.asarray(grid, np.float64)
        return np.asarray(values - rows.mean(axis=0) @ values @ columns.mean(axis=0))

    x, y = centred(a), centred(b)
    gram_rows, gram_columns = rows.T @ rows, columns.T @ columns
    smooth_x, smooth_y = gram_rows @ x @ gram_columns, gram_rows @ y @ gram_columns
    spread = float((x * smooth_x).sum()), float((y * smooth_y).sum())
    floor = 1e-12 * rows.shape[0] * columns.shape[0]
    if not (
        spread[0] > floor * float(np.abs(a).max()) ** 2 and spread[1] > floor * float(np.abs(b).max()) ** 2
    ):
        return float("nan")
    return float(np.clip((x * smooth_y).sum() / np.sqrt(spread[0] * spread[1]), -1.0, 1.0))
