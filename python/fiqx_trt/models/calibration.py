"""Calibration of a model's quality scale (Terhörst et al., 4.2 and footnote 4)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError

__all__ = ["MINIMUM_FACES", "calibrate_quality"]

MINIMUM_FACES = 10


def calibrate_quality(raw: NDArray[np.float64]) -> tuple[float, float]:
    """Return (α, r) so that ``σ(α (Q - r))`` fills [0, 1] over a set of faces.

    ``r`` is the mean of the raw qualities, so that the mean face lies near 0.5. The 5th and the 95th percentile shall lie
    near 0.05 and 0.95, that is ``α (Q₉₅ - Q₅) = 2 ln 19``.

    Parameters
    ----------
    raw
        ``(N,)`` raw qualities; NaN is left out.

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
    if raw.size < MINIMUM_FACES:
        raise InvalidInputError(
            f"{raw.size} usable qualities; a calibration needs at least {MINIMUM_FACES} faces"
        )
    low, high = np.quantile(raw, [0.05, 0.95])
    if high - low < 1e-9:
        raise InvalidInputError(
            f"the qualities all lie near {low:.6g}; calibrate on faces of different quality"
        )
    return 2.0 * math.log(19.0) / float(high - low), float(raw.mean())
