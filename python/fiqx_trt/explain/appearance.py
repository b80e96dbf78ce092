"""Brightness and contrast of a face: in dark and flat faces pixel quality has little information."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels

__all__ = ["DARK", "FLAT", "Appearance", "appearance"]

#: A face whose mean grey intensity (of 255) is below this is called dark …
DARK = 30.0
#: … and one whose mean local contrast is below this, in intensities, is called flat.
FLAT = 5.0
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Appearance:
    """Brightness and contrast of N faces.

    Parameters
    ----------
    grey
        ``(N,)`` float64: mean grey intensity, 0 … 255.
    contrast
        ``(N,)`` float64: mean of the local contrast (:func:`fiqx_trt.kernels.local_contrast`), in intensities.
    """

    grey: NDArray[np.float64]
    contrast: NDArray[np.float64]

    @property
    def dark(self) -> NDArray[np.bool_]:
        """``(N,)`` whether the mean grey is below :data:`DARK`."""
        return self.grey < DARK

    @property
    def flat(self) -> NDArray[np.bool_]:
        """``(N,)`` whether the mean contrast is below :data:`FLAT`."""
        return self.contrast < FLAT


def appearance(faces: NDArray[np.uint8]) -> Appearance:
    """Measure brightness and contrast of aligned faces, ``(N, H, W, 3)`` uint8 RGB.

    Examples
    --------
    >>> look = appearance(np.full((1, 8, 8, 3), 20, np.uint8))
    >>> float(look.grey[0].round(3)), float(look.contrast[0]), bool(look.dark[0]), bool(look.flat[0])
    (20.0, 0.0, True, True)
    """
    pixels = faces.shape[1] * faces.shape[2]
    colors = faces.sum(axis=(1, 2), dtype=np.int64) / pixels
    contrast = np.asarray(kernels.local_contrast(faces), np.float64)
    return Appearance((colors * LUMA).sum(axis=1), contrast.reshape(len(faces), pixels).mean(axis=1))
