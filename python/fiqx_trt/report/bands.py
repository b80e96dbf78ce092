"""What the faces of the calibration suggest about a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fiqx_trt.quality.base import scaled_column
from fiqx_trt.quality.serfiq import scale_quality
from fiqx_trt.report.html import Table
from fiqx_trt.report.parts import decimal, percent

if TYPE_CHECKING:
    from fiqx_trt.models import ModelSpec
    from fiqx_trt.report.faces_data import Faces

__all__ = ["BANDS", "bands_table"]

#: Share of the calibration faces below which a band ends, in per cent → what is suggested.
BANDS = {5.0: "take another picture, if you can", 25.0: "look at it", 100.0: "as usual"}


def bands_table(faces: Faces, method: str, spec: ModelSpec) -> list[Table]:
    """Return the table of bands of a quality, or none where the calibration faces were not measured.

    Parameters
    ----------
    faces
        The rows of a run.
    method
        The quality method.
    spec
        The model's contract, with the quantiles of the calibration faces.
    """
    percentiles = faces.numbers.get(f"{method}_percentile", np.zeros(0))
    percentiles = percentiles[~np.isnan(percentiles)]
    if not len(percentiles) or not spec.quantiles or spec.alpha is None or spec.r is None:
        return []
    rows, below = [], 0.0
    for end, advice in BANDS.items():
        inside = (percentiles >= below) & ((percentiles < end) | (end == 100.0))
        place = np.interp(below / 100.0, np.linspace(0.0, 1.0, len(spec.quantiles)), spec.quantiles)
        least = scale_quality(np.array([place]), alpha=spec.alpha, r=spec.r)
        option = f"--threshold {below:g}%" if below else "–"
        name = f"{below:g} % to {end:g} %"
        floor = decimal(float(least[0]), 3) if below else "0"
        rows.append((name, floor, f"{int(inside.sum()):,}", percent(float(inside.mean())), advice, option))
        below = end
    return [
        Table(
            "Bands that the calibration suggests: where a face lies among the calibration faces.",
            (
                "calibration faces",
                f"{scaled_column(method)} from",
                "faces here",
                "share",
                "suggestion",
                "accept from here",
            ),
            rows,
            note=f"The calibration faces: {spec.calibration or 'not described'}. What share to turn down is for you to choose: "
            "fiqx-trt edc shows on your own pairs what a threshold gains.",
        )
    ]
