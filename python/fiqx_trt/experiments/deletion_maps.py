"""The maps that ``experiment deletion`` judges, as means over cells; the centre prior; the recogniser as a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.experiments.cell_removal import cell_means
from fiqx_trt.experiments.deletion import Probe, Probed
from fiqx_trt.explain.plq import PlqExplainer, Weights
from fiqx_trt.explain.scale import PAPER_PER, Per
from fiqx_trt.explain.scorecam import scorecam
from fiqx_trt.faces.align import Template, template_by_name
from fiqx_trt.quality.serfiq import SerFiq

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model

__all__ = ["MAPS", "centre_prior", "default_maps", "map_cells", "model_probe", "possible_maps"]

Doubles = NDArray[np.float64]
Faces = NDArray[np.uint8]
Maker = Callable[[Faces], NDArray[np.floating]]
#: Faces whose maps exist at one time.
BLOCK = 16


def _pixel_quality(model: Model, weights: str, per: Per = PAPER_PER) -> Maker:
    explainer = PlqExplainer(model, cast(Weights, weights), per=per)
    return lambda faces: np.asarray(explainer(faces).maps)


def _per_contrast(model: Model, weights: str) -> Maker:
    return _pixel_quality(model, weights, "contrast")


def _score_cam(model: Model, weights: str) -> Maker:
    return lambda faces: np.asarray(scorecam(model, faces))


def _uniform(model: Model, weights: str) -> Maker:
    return lambda faces: np.asarray(scorecam(model, faces, weights="uniform"))


#: Name → what makes the maps of a model; Score-CAM runs the network once for each channel of its layer.
MAPS: Mapping[str, Callable[[Model, str], Maker]] = {
    "plq": _pixel_quality,
    "plq-contrast": _per_contrast,
    "cam": _score_cam,
    "uniform": _uniform,
}


def default_maps(model: Model) -> tuple[str, ...]:
    """Return the maps that are cheap, and for which the model has what they need."""
    contrast = ("plq-contrast",) if model.spec.gamma_contrast is not None else ()
    return ("plq", *contrast, "uniform")


def possible_maps(model: Model) -> tuple[str, ...]:
    """Return all maps for which the model has what they need: pixel-level quality needs a calibration."""
    spec = model.spec
    known = {"plq": spec.gamma, "plq-contrast": spec.gamma_contrast}
    missing = {name for name, gamma in known.items() if gamma is None or not spec.calibrated}
    return tuple(name for name in MAPS if name not in missing)


def map_cells(
    model: Model,
    faces: Faces,
    names: Sequence[str],
    *,
    cells: int,
    weights: str = "l1",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Doubles]:
    """Return the means of maps over the cells of faces.

    Parameters
    ----------
    model
        A recognition model.
    faces
        ``(N, H, W, 3)`` uint8 RGB, aligned.
    names
        Of :data:`MAPS`.
    cells
        Cells per side.
    weights
        Weighting of pixel-level quality.
    progress
        Called with the number of maps done and of all.

    Returns
    -------
    dict
        Name → ``(N, cells, cells)`` float64.

    Raises
    ------
    InvalidInputError
        A map does not exist, or there are more cells than pixels.
    NotCalibratedError
        Pixel-level quality without Q̂ or γ.
    """
    unknown = [name for name in names if name not in MAPS]
    if unknown or not names:
        raise InvalidInputError(f"map (--map) is {', '.join(unknown)!r}; choose from {', '.join(MAPS)}")
    if not 1 <= cells <= min(faces.shape[1:3]):
        raise InvalidInputError(
            f"cells (--cells) is {cells} for faces of {faces.shape[1]} × {faces.shape[2]} px; give 1 to {min(faces.shape[1:3])}"
        )
    makers = {name: MAPS[name](model, weights) for name in names}
    means: dict[str, list[Doubles]] = {name: [] for name in makers}
    for start in range(0, len(faces), BLOCK):
        for name, make in makers.items():
            means[name] += [cell_means(one, cells) for one in make(faces[start : start + BLOCK])]
            if progress is not None:
                progress(sum(map(len, means.values())), len(faces) * len(makers))
    return {name: np.stack(parts) for name, parts in means.items()}


def centre_prior(template: str | Template, size: tuple[int, int]) -> Doubles:
    """Return a Gaussian on the middle of an aligned face, ``(H, W)`` float64 in (0, 1].

    With d the distance between the eyes, the middle lies 0.35 d below them, and the standard deviation is d. The order of the
    pixels, all that counts in deletion and insertion, is that of their distance to the middle.

    Parameters
    ----------
    template
        What the faces are aligned to, or its name.
    size
        ``(H, W)`` of the faces.

    Examples
    --------
    >>> prior = centre_prior("arcface", (112, 112))
    >>> [int(i) for i in np.unravel_index(prior.argmax(), prior.shape)]
    [64, 56]
    """
    template = template_by_name(template) if isinstance(template, str) else template
    left, right = template.scaled(size)[:2]
    distance = float(np.hypot(*(right - left)))
    x, y = (left + right) / 2 + np.array([0.0, 0.35 * distance])
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.asarray(np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * distance**2)))


def model_probe(model: Model) -> Probe:
    """Return the function that embeds pictures and measures SER-FIQ's Q̂ in closed form."""
    method = SerFiq()

    def probe(pictures: Faces) -> Probed:
        extracted = model.extract(pictures)
        scaled = method.score(model, pictures, extracted).scaled
        quality = np.full(len(pictures), np.nan) if scaled is None else scaled
        return Probed(np.asarray(extracted.embedding, np.float64), quality)

    return probe
