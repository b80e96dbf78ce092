"""Measure for a calibration: γ of pixel quality, and the usual saliency of every pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.explain.plq import node_scale
from fiqx_trt.explain.region_words import UsualPixels
from fiqx_trt.explain.scale import PER, Per
from fiqx_trt.kernels import Array
from fiqx_trt.models.calibration import best_faces, calibrate_gamma
from fiqx_trt.models.gradients import gradients
from fiqx_trt.quality.serfiq import scale_quality

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model
    from fiqx_trt.models.usual import Usual

__all__ = ["FaceSample", "PixelCalibration", "Thinned", "measure_pixels"]

#: Faces whose gradients exist at one time.
BLOCK = 32
#: Faces of a sample, where nothing else is said.
MOST = 1000

Item = TypeVar("Item")


class Thinned(Generic[Item]):
    """Every k-th item of a stream; k is doubled when there are more than `most` items, so the memory is bounded."""

    def __init__(self, most: int | None = None) -> None:
        self.items: list[Item] = []
        self._most = max(2, MOST if most is None else most)
        self._step = 1
        self._seen = 0

    def add(self, item: Item) -> None:
        """Offer an item."""
        if self._seen % self._step == 0:
            self.items.append(item)
        self._seen += 1
        if len(self.items) > self._most:
            self.items = self.items[::2]
            self._step *= 2


class FaceSample:
    """Every k-th face of a stream, at most `most` of them (:class:`Thinned`)."""

    def __init__(self, most: int | None = None) -> None:
        self._kept: Thinned[tuple[NDArray[np.uint8], float]] = Thinned(most)

    def __len__(self) -> int:
        """Return the number of faces kept."""
        return len(self._kept.items)

    def add(self, faces: NDArray[np.uint8], raw: NDArray[np.float64]) -> None:
        """Offer faces ``(n, H, W, 3)`` with their raw qualities ``(n,)``."""
        for face, quality in zip(faces, raw, strict=True):
            self._kept.add((face, float(quality)))

    def arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Return the kept faces and their raw qualities; at least one must have been offered."""
        kept = self._kept.items
        return np.stack([face for face, _ in kept]), np.array([raw for _, raw in kept])


@dataclass(frozen=True)
class PixelCalibration:
    """Result of :func:`measure_pixels`.

    Parameters
    ----------
    gamma, gamma_contrast
        γ of Terhörst et al., Eq. 6, for ``weights``, per intensity and per contrast.
    weights
        The weighting.
    best, faces
        Number of faces that γ was measured on, and of all faces.
    usual
        The usual saliency of every pixel over all faces; ``None`` where the network's gradient is zero on all of them.
    """

    gamma: float
    gamma_contrast: float
    weights: str
    best: int
    faces: int
    usual: Usual | None


def measure_pixels(
    model: Model,
    faces: NDArray[np.uint8],
    raw: NDArray[np.float64],
    *,
    alpha: float,
    r: float,
    weights: str = "l1",
) -> PixelCalibration:
    """Measure both γ on the best tenth of the faces, and the usual saliency on all of them.

    Parameters
    ----------
    model
        A recognition model.
    faces
        ``(N, H, W, 3)`` uint8 RGB.
    raw
        ``(N,)`` raw qualities Q.
    alpha, r
        Their scale (Terhörst et al., Eq. 2).
    weights
        The weighting to measure γ for.

    Raises
    ------
    InvalidInputError
        Fewer than ten usable faces, or the middle of the saliency is zero.
    """
    usable = np.isfinite(raw)
    faces, scaled = faces[usable], scale_quality(raw[usable], alpha=alpha, r=r)
    best = best_faces(scaled)
    good = _maps(model, faces[best], scaled[best], weights, dict.fromkeys(PER, 0.0))
    gammas = {
        per: round(calibrate_gamma(np.asarray(quality_maps.saliency)), 3)
        for per, quality_maps in good.items()
    }
    pixels = UsualPixels(weights)
    for start in range(0, len(faces), BLOCK):
        part = slice(start, start + BLOCK)
        some = _maps(model, faces[part], scaled[part], weights, gammas)
        pixels.add(*(np.asarray(some[per].saliency) for per in PER))
    return PixelCalibration(
        gammas["intensity"],
        gammas["contrast"],
        weights,
        len(best),
        len(faces),
        pixels.usual(scaled, model.spec.template, model.spec.input_size),
    )


def _maps(
    model: Model,
    faces: NDArray[np.uint8],
    scaled: NDArray[np.float64],
    weights: str,
    gammas: Mapping[Per, float],
) -> dict[Per, kernels.QualityMaps]:
    """Return the maps by each definition from one run of the network."""
    run = gradients(model, faces, weights)
    scale = node_scale(run.embedding, scaled, weights)
    contrasts: dict[Per, Array | None] = {"intensity": None, "contrast": kernels.local_contrast(faces)}
    return {
        per: kernels.pixel_quality(run.gradient, scale, contrast, gamma=gammas[per])
        for per, contrast in contrasts.items()
    }
