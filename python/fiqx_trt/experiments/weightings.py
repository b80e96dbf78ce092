"""Several weightings of the quality node side by side, each with its own γ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.errors import InvalidInputError, NotCalibratedError
from fiqx_trt.explain.plq import node_scale
from fiqx_trt.explain.scale import PAPER_PER, Per, check_per
from fiqx_trt.kernels import Array
from fiqx_trt.models.calibration import best_faces, calibrate_gamma
from fiqx_trt.models.gradients import WEIGHTS, check_weights, gradients
from fiqx_trt.models.model import Extracted
from fiqx_trt.quality.base import QualityMethod
from fiqx_trt.quality.serfiq import SerFiq

if TYPE_CHECKING:
    from fiqx_trt.models.gradients import Gradients
    from fiqx_trt.models.model import Model

__all__ = ["CalibratedWeightings", "WeightingMaps", "calibrate_weightings"]


@dataclass(frozen=True)
class WeightingMaps:
    """Pixel quality of N faces by several weightings.

    Parameters
    ----------
    quality
        ``(N,)`` float64 Q̂.
    maps
        Weighting → ``(N, H, W)`` float32 P.
    embedding
        ``(N, D)`` float32, before L2 normalisation.
    """

    quality: NDArray[np.float64]
    maps: Mapping[str, NDArray[np.float32]]
    embedding: NDArray[np.float32]


@dataclass(frozen=True)
class CalibratedWeightings:
    """Weightings with their γ, and where the quality comes from.

    Parameters
    ----------
    gammas
        Weighting → γ, in the order of comparison.
    method
        What gives Q̂; it must give a scaled quality.
    per
        What P is measured by (:func:`fiqx_trt.plq`).

    Raises
    ------
    InvalidInputError
        There is no such ``per``.
    """

    gammas: Mapping[str, float]
    method: QualityMethod = field(default_factory=SerFiq)
    per: Per = PAPER_PER

    def __post_init__(self) -> None:
        """Check the definition once."""
        check_per(self.per)

    def only(self, name: str) -> CalibratedWeightings:
        """Return one of the weightings."""
        return replace(self, gammas={name: self.gammas[name]})

    def explain(self, model: Model, faces: NDArray[np.uint8]) -> WeightingMaps:
        """Return quality and maps of aligned faces ``(N, H, W, 3)``; weightings of one graph share its run."""
        runs: dict[str, Gradients] = {}
        maps = {}
        quality = None
        contrast = _contrast(faces, self.per)
        for name, gamma in self.gammas.items():
            run = runs.get(WEIGHTS[name])
            if run is None:
                run = runs[WEIGHTS[name]] = gradients(model, faces, name)
            if quality is None:
                quality = scaled_quality(model, faces, run, self.method)
            scale = node_scale(run.embedding, quality, name)
            maps[name] = kernels.pixel_quality(run.gradient, scale, contrast, gamma=gamma).maps
        if quality is None:
            raise InvalidInputError(f"no weighting was given; give at least one of {', '.join(WEIGHTS)}")
        return WeightingMaps(quality, maps, next(iter(runs.values())).embedding)


def scaled_quality(
    model: Model, faces: NDArray[np.uint8], run: Gradients, method: QualityMethod
) -> NDArray[np.float64]:
    """Return Q̂ of faces whose gradient graph has run."""
    extracted = Extracted(run.embedding, run.pre_dropout, np.empty((len(faces), 0, 0, 0), np.float32))
    scaled = method.score(model, faces, extracted).scaled
    if scaled is None:
        raise NotCalibratedError(
            f"{method.name} of the model {model.spec.name} gives no quality in [0, 1]; run `fiqx-trt calibrate` on typical faces"
        )
    return scaled


def calibrate_weightings(
    model: Model,
    faces: NDArray[np.uint8],
    weights: Sequence[str] = tuple(WEIGHTS),
    *,
    method: QualityMethod | None = None,
    per: Per = PAPER_PER,
) -> CalibratedWeightings:
    """Measure the γ of several weightings on the same faces, by the rule of ``calibrate``, so that they compare fairly.

    Parameters
    ----------
    model
        A calibrated model.
    faces
        ``(N, H, W, 3)`` uint8 RGB.
    weights
        Weightings, in the order of comparison.
    method
        What gives Q̂; SER-FIQ by default.
    per
        What P is measured by (:func:`fiqx_trt.plq`).

    Raises
    ------
    InvalidInputError
        A weighting or ``per`` is unknown, or the faces are too few.
    NotCalibratedError
        There is no Q̂.
    """
    check_per(per)
    for name in weights:
        check_weights(name)
    method = method or SerFiq()
    scaled = method.score(model, faces, model.extract(faces)).scaled
    if scaled is None:
        missing = method.unscaled(model.spec) if isinstance(method, SerFiq) else None
        why = "; ".join(missing or ("give a method that scales its quality",))
        raise NotCalibratedError(f"{method.name} gives no quality in [0, 1] to compare: {why}")
    best = best_faces(scaled)
    gammas, contrast = {}, _contrast(faces[best], per)
    for name in weights:
        run = gradients(model, faces[best], name)
        scale = node_scale(run.embedding, scaled[best], name)
        saliency = kernels.pixel_quality(run.gradient, scale, contrast, gamma=0.0).saliency
        gammas[name] = calibrate_gamma(saliency)
    return CalibratedWeightings(gammas, method, per)


def _contrast(faces: NDArray[np.uint8], per: Per) -> Array | None:
    """Return what the saliency is multiplied by; ``None`` per intensity."""
    return kernels.local_contrast(faces) if per == "contrast" else None
