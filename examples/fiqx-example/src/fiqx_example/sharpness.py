"""A quality method: how sharp an aligned face is, by the variance of its Laplacian.

With the luma ``Y = 0.299 R + 0.587 G + 0.114 B`` (ITU-R BT.601) of intensities 0 to 255 and the Laplacian
``L(y, x) = Y(y-1, x) + Y(y+1, x) + Y(y, x-1) + Y(y, x+1) - 4 Y(y, x)``, the quality is the variance of L over the middle of the
crop (Pech-Pacheco et al., *Diatom autofocusing in brightfield microscopy: a comparative study*, ICPR 2000). Blur lowers it.
Noise raises it, and so does contrast: it compares faces of one kind of picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.quality import Quality, check_options, option

__all__ = ["Sharpness", "laplacian_variance"]


@dataclass(frozen=True)
class Sharpness:
    """The variance of the Laplacian; higher is better."""

    name: ClassVar[str] = "sharpness"
    higher_is_better: ClassVar[bool] = True
    needs_model: ClassVar[bool] = False
    columns: ClassVar[tuple[str, ...]] = ("sharpness",)

    region: float = option(
        1.0, low=0.1, high=1.0, help="Share of the crop's height and width that counts, in its middle."
    )

    def __post_init__(self) -> None:
        """Check the options."""
        check_options(self)

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a number; the options are added by themselves."""
        return {"sharpness.luma": "BT.601"}

    def notes(self, model: Any) -> tuple[str, ...]:
        """Return what a user should know before reading the numbers."""
        return ("sharpness is raised by noise too; compare pictures of one source",)

    def score(self, model: Any, faces: NDArray[np.uint8], extracted: Any) -> Quality:
        """Score ``(N, H, W, 3)`` uint8 RGB faces, one at a time: no number depends on another face."""
        raw = [laplacian_variance(self._middle(face)) for face in faces]
        return Quality(np.array(raw, np.float64))

    def _middle(self, face: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = face.shape[:2]
        top, left = (round(side * (1 - self.region) / 2) for side in (height, width))
        return face[top : height - top, left : width - left]


def laplacian_variance(face: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian of one face, in squared levels; NaN below 3×3 pixels.

    Parameters
    ----------
    face
        ``(H, W, 3)`` uint8 RGB.

    Examples
    --------
    >>> laplacian_variance(np.full((8, 8, 3), 77, np.uint8))
    0.0
    """
    if min(face.shape[:2]) < 3:
        return float("nan")
    luma = (face * np.array([299, 587, 114])).sum(axis=-1) / 1000
    middle = luma[1:-1, 1:-1]
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * middle
    return float(laplacian.var())
