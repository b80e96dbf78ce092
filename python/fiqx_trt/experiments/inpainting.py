"""Inpainting: whether a face gains quality where its least useful area is filled in (Terhörst et al., 4.1 and 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError, NotCalibratedError
from fiqx_trt.explain.regions import inner_face
from fiqx_trt.opencv import cv2
from fiqx_trt.quality.serfiq import SerFiq, scale_quality

if TYPE_CHECKING:
    from fiqx_trt.explain.plq import PlqExplainer
    from fiqx_trt.models.model import Model

__all__ = [
    "INPAINTERS",
    "OUTCOMES",
    "InpaintedFace",
    "inpaint",
    "inpaint_faces",
    "low_region",
    "outcome",
    "quality_by_seed",
]

Face = NDArray[np.uint8]

#: OpenCV's inpainters: Navier-Stokes (Bertalmio et al. 2001) and the fast marching method of Telea (2004).
INPAINTERS = {"navier-stokes": cv2.INPAINT_NS, "telea": cv2.INPAINT_TELEA}
OUTCOMES = ("improved", "fallen", "within")
#: A pixel is low where the smoothed saliency is below this share of the face's mean.
LOW = 0.6
#: Width of the smoothing, as a share of the face's height: the grain of a gradient is no region.
SMOOTHING = 0.03
#: Areas narrower than this share of the face's height do not count.
OPENING = 0.05
#: Smallest and largest share of the face that a region may cover.
SMALLEST, LARGEST = 0.01, 0.4
#: The inpainter looks this far for what it continues, as a share of the face's height.
RADIUS = 0.03


@dataclass(frozen=True)
class InpaintedFace:
    """The quality of one face before and after its least useful area was filled in.

    Parameters
    ----------
    face
        Position of the face.
    inpainter
        A key of :data:`INPAINTERS`.
    area
        Share of the face that was filled.
    before, after
        ``(S,)`` Q̂ by seed of the dropout masks.
    region_before, region_after
        Mean pixel quality over the area.
    """

    face: int
    inpainter: str
    area: float
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    region_before: float
    region_after: float

    @property
    def outcome(self) -> str:
        """The result of the paper's comparison (:func:`outcome`)."""
        return outcome(self.before, self.after)

    @property
    def paired_outcome(self) -> str:
        """The result of the comparison seed by seed (:func:`outcome`)."""
        return outcome(self.before, self.after, paired=True)

    @property
    def change(self) -> float:
        """Mean quality after minus before."""
        return float(self.after.mean() - self.before.mean())

    def row(self) -> dict[str, Any]:
        """Return the numbers as the cells of a table."""
        return {
            "inpainter": self.inpainter,
            "area": self.area,
            "quality": float(self.before.mean()),
            "quality_std": float(self.before.std()),
            "quality_inpainted": float(self.after.mean()),
            "quality_inpainted_std": float(self.after.std()),
            "change_std": float((self.after - self.before).std()),
            "region": self.region_before,
            "region_inpainted": self.region_after,
            "outcome": self.outcome,
            "paired_outcome": self.paired_outcome,
        }


def low_region(
    saliency: NDArray[np.floating], face: NDArray[np.bool_], *, low: float = LOW
) -> NDArray[np.bool_] | None:
    """Return the largest connected area inside the face where the saliency is low.

    The saliency is smoothed and compared with the face's mean, so that a face of low quality has a region as well; its holes are
    filled.

    Parameters
    ----------
    saliency
        ``(H, W)`` Ŝ.
    face
        ``(H, W)``, where the face is.
    low
        Share of the face's mean below which a pixel is low.

    Returns
    -------
    ndarray or None
        ``(H, W)`` bool; ``None`` where no area covers between 1 % and 40 % of the face.
    """
    values = np.asarray(saliency, np.float64)
    smooth = cv2.GaussianBlur(values, (0, 0), SMOOTHING * values.shape[0], borderType=cv2.BORDER_REFLECT)
    mean = float(values[face].mean())
    dark = ((smooth < low * mean) & face).astype(np.uint8)
    width = 2 * max(1, round(OPENING * values.shape[0] / 2)) + 1
    dark = cv2.morphologyEx(
        dark, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=4)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    region = _without_holes(labels == largest) & face
    share = region.sum() / face.sum()
    return region if SMALLEST <= share <= LARGEST else None


def _without_holes(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    contours, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(region.shape, np.uint8)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    return filled.astype(np.bool_)


def inpaint(face: Face, region: NDArray[np.bool_], method: str = "navier-stokes") -> Face:
    """Return a copy of a face with a region, and a margin of 2 % of its height, filled from around it.

    Parameters
    ----------
    face
        ``(H, W, 3)`` uint8.
    region
        ``(H, W)`` bool.
    method
        A key of :data:`INPAINTERS`.

    Raises
    ------
    InvalidInputError
        There is no such inpainter.
    """
    if method not in INPAINTERS:
        raise InvalidInputError(f"no inpainter is called {method!r}; there are {', '.join(INPAINTERS)}")
    height = face.shape[0]
    margin = 2 * max(1, round(0.02 * height)) + 1
    wide = cv2.dilate(region.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (margin, margin)))
    return cv2.inpaint(face, wide, max(1.0, RADIUS * height), INPAINTERS[method])  # type: ignore[no-any-return]


def quality_by_seed(model: Model, faces: Face, *, seeds: int = 10, passes: int = 100) -> NDArray[np.float64]:
    """Return the sampled SER-FIQ of faces for several seeds of the dropout masks, scaled, ``(S, N)``; the trunk runs once.

    The paper's comparison wants the deviation over the seeds, which the closed form does not have. The numbers are scaled by
    the model's α and r, whatever estimator these were measured with: a seed moves all faces together, so only differences
    under the same seed mean something.

    Raises
    ------
    NotCalibratedError
        The model has no α and r.
    """
    alpha, r = model.spec.alpha, model.spec.r
    if alpha is None or r is None:
        raise NotCalibratedError(
            f"the model {model.spec.name} has no α and r; run `fiqx-trt calibrate` on typical faces, or give --alpha and --r"
        )
    extracted = model.extract(faces)
    methods = (SerFiq(estimator="sampled", passes=passes, seed=seed) for seed in range(seeds))
    raw = [method.score(model, faces, extracted).raw for method in methods]
    return scale_quality(np.stack(raw), alpha=alpha, r=r)


def outcome(before: NDArray[np.float64], after: NDArray[np.float64], *, paired: bool = False) -> str:
    """Compare the change of the mean quality with its deviation over the seeds.

    Parameters
    ----------
    before, after
        ``(S,)`` by seed.
    paired
        ``False``: the deviation of the quality, the larger of both (the paper's comparison). ``True``: that of the change. A
        seed's masks are the same for both pictures, so they move both qualities alike; in the change that cancels.

    Returns
    -------
    str
        ``"improved"``, ``"fallen"`` or ``"within"``.

    Examples
    --------
    >>> before = np.array([0.1, 0.3])
    >>> outcome(before, before + 0.05), outcome(before, before + 0.05, paired=True)
    ('within', 'improved')
    """
    change = after - before
    deviation = float(change.std()) if paired else max(float(before.std()), float(after.std()))
    mean = float(change.mean())
    if abs(mean) <= deviation:
        return "within"
    return "improved" if mean > 0 else "fallen"


def inpaint_faces(
    explainer: PlqExplainer,
    faces: Face,
    *,
    inpainters: Sequence[str] = tuple(INPAINTERS),
    seeds: int = 10,
) -> tuple[list[InpaintedFace], list[NDArray[np.bool_] | None], dict[str, list[Face | None]]]:
    """Find, fill and judge the least useful area of every face.

    Parameters
    ----------
    explainer
        A calibrated model and the settings of its maps.
    faces
        ``(N, H, W, 3)`` uint8 RGB.
    inpainters
        Keys of :data:`INPAINTERS`.
    seeds
        Seeds over which quality is averaged.

    Returns
    -------
    results : list of InpaintedFace
        By face, then inpainter; faces without a region are left out.
    regions : list
        ``(H, W)`` bool of each face, or ``None``.
    filled : dict
        Inpainter → the filled faces, or ``None``.

    Raises
    ------
    InvalidInputError, NotCalibratedError
        An inpainter does not exist, or there is no Q̂.
    """
    spec = explainer.model.spec
    inside = inner_face(spec.template, spec.input_size)
    explained = explainer(faces)
    regions = [low_region(saliency, inside) for saliency in explained.saliency]
    chosen = [i for i, region in enumerate(regions) if region is not None]
    filled: dict[str, list[Face | None]] = {name: [None] * len(faces) for name in inpainters}
    if not chosen:
        return [], regions, filled
    before = quality_by_seed(explainer.model, faces[chosen], seeds=seeds)
    results = []
    for name in inpainters:
        pictures = np.stack([inpaint(faces[i], _given(regions[i]), name) for i in chosen])
        after = quality_by_seed(explainer.model, pictures, seeds=seeds)
        maps = explainer(pictures).maps
        for row, i in enumerate(chosen):
            region = _given(regions[i])
            filled[name][i] = pictures[row]
            results.append(
                InpaintedFace(
                    i,
                    name,
                    float(region.sum() / inside.sum()),
                    before[:, row],
                    after[:, row],
                    float(explained.maps[i][region].mean()),
                    float(maps[row][region].mean()),
                )
            )
    order = list(inpainters)
    return sorted(results, key=lambda r: (r.face, order.index(r.inpainter))), regions, filled


def _given(region: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    assert region is not None
    return region
