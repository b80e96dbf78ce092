"""Calibration of a model: the scale of its quality and of its pixel quality (Terhörst et al., 4.2 and footnote 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError

__all__ = [
    "MINIMUM_FACES",
    "PRESETS",
    "Preset",
    "best_faces",
    "calibrate_gamma",
    "calibrate_quality",
    "quality_quantiles",
]

MINIMUM_FACES = 10
#: γ is measured on this share of the faces, the best ones …
BEST_SHARE = 0.1
#: … such that the median of their P over the central half of height and width is this.
CENTRAL_QUALITY = 0.8


@dataclass(frozen=True)
class Preset:
    """Published numbers of a model, which are valid together.

    Parameters
    ----------
    alpha, r, gamma
        Of Terhörst et al., Eq. 2 and 6.
    weights
        The weighting of the quality node that ``gamma`` belongs to.
    """

    alpha: float
    r: float
    gamma: float
    weights: str


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {"arcface": Preset(130.0, 0.88, 7.5, "sum"), "facenet": Preset(450.0, 0.93, 5.5, "sum")}
)
"""α, r, γ and the weighting of the paper (Terhörst et al., 4.2), by name. Its authors' program weighs with ``"sum"``."""


def calibrate_quality(raw: NDArray[np.float64]) -> tuple[float, float]:
    """Return (α, r) so that ``σ(α (Q - r))`` fills [0, 1] over a set of faces.

    ``r`` is the mean of the raw qualities ``(N,)``, without NaN, so that the mean face is near 0.5. The 5th and the 95th
    percentile shall be near 0.05 and 0.95, that is ``α (Q₉₅ - Q₅) = 2 ln 19``.

    Raises
    ------
    InvalidInputError
        Fewer than ten numbers, or all of them (nearly) the same.

    Examples
    --------
    >>> alpha, r = calibrate_quality(np.linspace(0.8, 0.9, 101))
    >>> round(alpha, 2), round(r, 2)
    (65.43, 0.85)
    """
    raw = np.asarray(raw, dtype=np.float64)
    raw = raw[np.isfinite(raw)]
    _require_enough(raw.size)
    low, high = np.quantile(raw, [0.05, 0.95])
    if high - low < 1e-9:
        raise InvalidInputError(f"all qualities are near {low:.6g}; calibrate on faces of different quality")
    return 2.0 * math.log(19.0) / float(high - low), float(raw.mean())


def quality_quantiles(raw: NDArray[np.float64], *, steps: int = 20) -> tuple[float, ...]:
    """Return the quantiles of raw qualities, without NaN, at ``steps + 1`` equal steps from 0 to 1, to seven digits.

    Examples
    --------
    >>> quality_quantiles(np.array([0.1, 0.2, 0.3, np.nan]), steps=2)
    (0.1, 0.2, 0.3)
    """
    usable = raw[np.isfinite(raw)]
    return tuple(float(f"{q:.7g}") for q in np.quantile(usable, np.linspace(0.0, 1.0, steps + 1)))


def best_faces(quality: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the positions of the best tenth of the faces, the best first; at least one. Equal qualities keep their order.

    Raises
    ------
    InvalidInputError
        Fewer than ten finite numbers.

    Examples
    --------
    >>> best_faces(np.arange(20.0))
    array([19, 18])
    """
    usable = np.flatnonzero(np.isfinite(quality))
    _require_enough(usable.size)
    order = usable[np.argsort(-np.asarray(quality)[usable], kind="stable")]
    return np.asarray(order[: max(1, round(BEST_SHARE * order.size))])


def _require_enough(qualities: int) -> None:
    if qualities < MINIMUM_FACES:
        raise InvalidInputError(
            f"{qualities} usable qualities; a calibration needs at least {MINIMUM_FACES} faces; give more, or a larger --limit"
        )


def calibrate_gamma(saliency: NDArray[np.float32]) -> float:
    """Return γ such that the median P of the best faces, over the central half of height and width, is 0.8.

    P rises with Ŝ ``(N, H, W)``, so its median is that of the median saliency m: ``10^γ m² = 0.8 / (1 - 0.8) = 4``.

    Raises
    ------
    InvalidInputError
        The median is zero or not finite: the network does not react to these pixels.

    Examples
    --------
    >>> calibrate_gamma(np.full((3, 8, 8), 2e-3, np.float32))
    6.0
    """
    height, width = saliency.shape[1:]
    centre = saliency[:, height // 4 : max(1, height - height // 4), width // 4 : max(1, width - width // 4)]
    median = float(np.median(centre)) if centre.size else math.nan
    if not (math.isfinite(median) and median > 0.0):
        raise InvalidInputError(
            f"the median saliency of the best faces is {median:g}; the network does not react to the middle of these pictures"
        )
    odds = CENTRAL_QUALITY / (1.0 - CENTRAL_QUALITY)
    return round(math.log10(odds) - 2.0 * math.log10(median), 6)
