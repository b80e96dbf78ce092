"""Deviation of an image's activation map from the mean map of high quality (Fu & Damer, Eq. 7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.statistics.upsampling import CompactMaps

__all__ = ["Deviations", "ad_mam", "deviations", "map_blocks"]

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Deviations:
    """AD-MAM_H of N images in single numbers, each ``(N,)`` float64.

    Parameters
    ----------
    mean
        Mean of AD-MAM over the pixels: how far the image's map is from the mean map of H.
    rms
        Root mean square of AD-MAM over the pixels.
    peak
        Largest value of AD-MAM.
    outside
        Share of the sum of AD-MAM that lies outside the central half of height and width, where a face's centre is; 0 where
        there is no deviation at all. A deviation spread evenly has 0.75.
    """

    mean: Doubles
    rms: Doubles
    peak: Doubles
    outside: Doubles


def ad_mam(maps: Floats, mam_high: Doubles) -> Floats:
    """Return AD-MAM_H, ``|a - MAM_H|``, of every map (Fu & Damer, Eq. 7).

    Parameters
    ----------
    maps
        ``(N, H, W)`` activation maps in [0, 1].
    mam_high
        ``(H, W)`` mean map of the group H.

    Returns
    -------
    ndarray
        ``(N, H, W)`` float32 in [0, 1].

    Raises
    ------
    InvalidInputError
        The sizes differ.

    Examples
    --------
    >>> ad_mam(np.array([[[0.25, 1.0]]], dtype=np.float32), np.array([[0.5, 0.5]])).tolist()
    [[[0.25, 0.5]]]
    """
    if maps.ndim != 3 or maps.shape[1:] != mam_high.shape:
        raise InvalidInputError(
            f"the maps have shape {maps.shape} and the mean map {mam_high.shape}; give (N, H, W) maps of the mean's size"
        )
    return np.abs(maps - mam_high).astype(np.float32)


def deviations(maps: CompactMaps | Floats, mam_high: Doubles) -> Deviations:
    """Return the summary of AD-MAM_H for every map, in bounded memory.

    Raises
    ------
    InvalidInputError
        The sizes differ.
    """
    height, width = mam_high.shape
    middle = np.zeros(mam_high.shape, bool)
    middle[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
    parts: list[list[float]] = []
    for block in map_blocks(maps):
        for one in ad_mam(block, mam_high).astype(np.float64):
            total = float(one.sum())
            outside = float(one[~middle].sum()) / total if total > 0 else 0.0
            parts.append([total / one.size, float(np.sqrt(np.square(one).mean())), float(one.max()), outside])
    table = np.array(parts).reshape(-1, 4)
    return Deviations(*(np.ascontiguousarray(column) for column in table.T))


def map_blocks(maps: CompactMaps | Floats) -> Iterable[Floats]:
    """Return maps of either kind as blocks ``(n, H, W)`` of bounded size."""
    if isinstance(maps, CompactMaps):
        return maps.blocks()
    return (maps[start : start + 256] for start in range(0, len(maps), 256))
