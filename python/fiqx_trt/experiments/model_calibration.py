"""Measure the scales of a model's quality and pixel quality on a set of faces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.explain.measuring import FaceSample, PixelCalibration, measure_pixels
from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.models.calibration import calibrate_quality, quality_quantiles
from fiqx_trt.models.gradients import check_weights
from fiqx_trt.quality.serfiq import SerFiq

if TYPE_CHECKING:
    from fiqx_trt.faces.prepare import FacePreparer, FaceSource
    from fiqx_trt.models import Model
    from fiqx_trt.runs.progress import Progress

__all__ = ["ModelCalibration", "calibrate_model", "conclude_calibration"]

BATCH = 32
#: Significant digits of α and r.
DIGITS = (4, 5)


@dataclass(frozen=True)
class ModelCalibration:
    """The scales of a model, measured on a set of faces.

    Parameters
    ----------
    alpha, r
        Scale of SER-FIQ's quality (Terhörst et al., Eq. 2).
    estimator
        The estimator, and its setting as the sidecar states it.
    setting
        See `estimator`.
    qualities
        ``(N,)`` raw quality of every face.
    pixels
        Scales of the pixel quality; ``None`` where they were not measured.
    """

    alpha: float
    r: float
    estimator: str
    setting: str
    qualities: NDArray[np.float64]
    pixels: PixelCalibration | None = None

    def fields(self) -> dict[str, Any]:
        """Return the measured fields of the model's contract, by name."""
        note = f"SER-FIQ {self.estimator} on {len(self.qualities)} faces"
        fields: dict[str, Any] = {
            "alpha": self.alpha,
            "r": self.r,
            "estimator": self.setting,
            "quantiles": quality_quantiles(self.qualities),
        }
        if (pixels := self.pixels) is not None:
            note += f"; γ for the weighting {pixels.weights} on the best {pixels.best} of {pixels.faces}"
            fields |= {
                "gamma": pixels.gamma,
                "gamma_contrast": pixels.gamma_contrast,
                "gamma_weights": pixels.weights,
                "usual": pixels.usual,
            }
        return {**fields, "calibration": note}


def calibrate_model(
    sources: Iterable[FaceSource],
    model: Model,
    preparer: FacePreparer,
    *,
    estimator: str = "closed-form",
    weights: str = "l1",
    pixels: bool = True,
    threads: int = 2,
    report: Progress | None = None,
) -> ModelCalibration:
    """Measure α, r, γ and the percentiles of a model on typical faces.

    Parameters
    ----------
    sources
        The pictures.
    model, preparer
        The recogniser, and what turns a picture into its aligned faces.
    estimator
        SER-FIQ's estimator.
    weights
        Weighting of the quality node that both γ are for.
    pixels
        Measure γ and the usual saliency of every pixel as well.
    threads
        Threads that decode pictures.
    report
        Called with the numbers of faces done and of inputs among them without a face.

    Raises
    ------
    InvalidInputError
        An option is unknown, or there are fewer than ten usable faces.
    """
    method = SerFiq(estimator=estimator)
    check_weights(weights)
    raw: list[NDArray[np.float64]] = []
    sample = FaceSample()
    done = failed = 0
    for records in iter_batches(sources, preparer, batch=BATCH, threads=threads):
        images = [record.image for record in records if record.image is not None]
        if images:
            stack = np.stack(images)
            raw.append(method.score(model, stack, model.extract(stack)).raw)
            sample.add(stack, raw[-1])
        done, failed = done + len(records), failed + len(records) - len(images)
        if report is not None:
            report(done=done, failed=failed)
    qualities = np.concatenate(raw) if raw else np.zeros(0)
    faces = sample.arrays() if len(sample) and pixels else None
    return conclude_calibration(model, method, qualities, faces, weights=weights)


def conclude_calibration(
    model: Model,
    method: SerFiq,
    qualities: NDArray[np.float64],
    sample: tuple[NDArray[np.uint8], NDArray[np.float64]] | None,
    *,
    weights: str = "l1",
) -> ModelCalibration:
    """Return the scales of a model, from the qualities of all faces.

    Parameters
    ----------
    model
        The recogniser.
    method
        SER-FIQ as the qualities were computed.
    qualities
        ``(N,)`` raw quality of every face, in the order of the inputs.
    sample
        The faces of :class:`fiqx_trt.explain.measuring.FaceSample`, ``(n, H, W, 3)`` uint8 RGB, and their raw qualities ``(n,)``;
        ``None``: do not measure γ and the usual saliency.
    weights
        Weighting of the quality node.

    Raises
    ------
    InvalidInputError
        There are fewer than ten usable faces.
    """
    alpha, r = (
        float(f"{value:.{digits}g}")
        for value, digits in zip(calibrate_quality(qualities), DIGITS, strict=True)
    )
    measured = None if sample is None else measure_pixels(model, *sample, alpha=alpha, r=r, weights=weights)
    return ModelCalibration(alpha, r, method.estimator, method.setting, qualities, measured)
