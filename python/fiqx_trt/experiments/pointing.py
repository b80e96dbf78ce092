"""Measure whether maps point at a disturbed area and whether the words name a disturbed region."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.evaluate.proportions import wilson
from fiqx_trt.experiments.disturbances import DISTURBANCES, disturb, disturbance_rng
from fiqx_trt.experiments.masks import place_square
from fiqx_trt.experiments.study import Progress, Rows
from fiqx_trt.explain.deviation import smoothed, usual_of
from fiqx_trt.explain.plq import PixelQuality, PlqExplainer
from fiqx_trt.explain.region_words import LOWER_FACE, NAMED, PARTS, named_masks, words_of
from fiqx_trt.explain.scale import PAPER_PER, Per

if TYPE_CHECKING:
    from fiqx_trt.experiments.face_set import FaceSet
    from fiqx_trt.models.model import Model

__all__ = [
    "MAPS",
    "SHARES",
    "NamedFace",
    "PointedFace",
    "Pointing",
    "measure_pointing",
    "name_regions",
    "point_at_squares",
    "roc_area",
    "summarise_pointing",
]

Faces = NDArray[np.uint8]
#: Sides of the squares in per cent of the face's width.
SHARES = (15, 30, 45)
#: Faces whose squares and regions are disturbed in every way, 36 pictures each.
POINTING_FACES = 64
#: What orders the pixels: the lowest deviation, P or local contrast first; the largest fall of the smoothed P first.
MAPS = ("deviation", "low P", "local contrast", "change of P")


@dataclass(frozen=True)
class PointedFace:
    """Areas under the ROC of several maps for one disturbed square.

    Parameters
    ----------
    face
        Position of the face.
    share
        Side of the square in per cent of the width.
    kind
        What it shows.
    deviates
        Which map deviates (:attr:`fiqx_trt.PixelQuality.deviates`).
    areas
        Map of :data:`MAPS`, and what else was asked for → area under the ROC of the square's pixels.
    """

    face: int
    share: int
    kind: str
    deviates: str
    areas: Mapping[str, float]


@dataclass(frozen=True)
class NamedFace:
    """The regions that are named for one face.

    Parameters
    ----------
    face
        Position of the face.
    region, kind
        What was disturbed, and how; empty for the untouched face.
    low
        The regions named.
    quality
        Q̂.
    """

    face: int
    region: str
    kind: str
    low: tuple[str, ...]
    quality: float


@dataclass(frozen=True)
class Pointing:
    """Results of disturbed squares and regions for the maps of one weighting.

    Parameters
    ----------
    weights
        The weighting.
    squares
        The areas under the ROC of every disturbed square.
    regions
        The words on every face, untouched and with every region disturbed.
    """

    weights: str
    squares: Sequence[PointedFace]
    regions: Sequence[NamedFace]

    def summary(self) -> dict[str, Any]:
        """Return the numbers, as JSON values."""
        return {"weights": self.weights, **summarise_pointing(self.squares, self.regions)}

    def tables(self, faces: FaceSet) -> dict[str, Rows]:
        """Return the rows behind the summary, by the name of their file."""
        squares = [
            {**faces.row(p.face), "side_percent": p.share, "kind": p.kind, "deviates": p.deviates}
            | {name.replace(" ", "_").lower(): area for name, area in p.areas.items()}
            for p in self.squares
        ]
        regions = [
            {**faces.row(n.face), "region": n.region, "kind": n.kind, "named": " ".join(n.low)}
            for n in self.regions
        ]
        return {"pointing.csv": squares, "regions.csv": regions}


def measure_pointing(
    model: Model,
    faces: FaceSet,
    gammas: Mapping[str, float],
    *,
    per: Per = PAPER_PER,
    seed: int = 0,
    progress: Progress | None = None,
) -> Pointing | None:
    """Disturb squares and regions of the first 64 faces and measure whether the deviation points at them.

    Parameters
    ----------
    model, faces
        What is measured.
    gammas
        Weighting → γ. The first weighting whose usual map the model knows is measured.
    per
        What the P beside the deviation is measured by; the deviation is of both.
    seed
        Seed of places and noise.
    progress
        Called with the number of faces done and of all.

    Returns
    -------
    Pointing or None
        ``None`` where the model does not know what is usual.
    """
    known = [name for name in gammas if usual_of(model.spec, name) is not None]
    if not known:
        return None
    explainer = PlqExplainer(model, cast(Any, known[0]), gammas[known[0]], per=per)
    images = faces.images[:POINTING_FACES]
    squares = point_at_squares(explainer, images, seed=seed, progress=progress)
    return Pointing(known[0], squares, name_regions(explainer, images, seed=seed))


def roc_area(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Return the probability that a positive has a higher score than another one, ties counting one half.

    Examples
    --------
    >>> roc_area(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place.ravel()]
    ours = np.asarray(positive).ravel()
    inside = int(np.count_nonzero(ours))
    outside = ours.size - inside
    return float((ranks[ours].sum() - inside * (inside + 1) / 2) / (inside * outside))


def point_at_squares(
    explainer: PlqExplainer,
    faces: Faces,
    *,
    shares: Sequence[int] = SHARES,
    seed: int = 0,
    others: Mapping[str, Callable[[Faces], NDArray[np.floating]]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[PointedFace]:
    """Disturb a square of every face, once per size and kind, and measure how well maps find its pixels.

    Parameters
    ----------
    explainer
        A model that knows what is usual, and the settings of its maps.
    faces
        ``(N, H, W, 3)`` uint8 RGB.
    shares
        Sides in per cent of the width.
    seed
        Seed of places and noise.
    others
        Name → what gives the scores ``(n, H, W)`` of n pictures, the pixels that it points at highest: maps of another kind.
    progress
        Called with the number of faces done and in all.
    """
    results: list[PointedFace] = []
    jobs = [(share, kind) for share in shares for kind in DISTURBANCES]
    for i, face in enumerate(faces):
        areas = {share: _square(face, share, seed) for share in shares}
        other = faces[(i + 1) % len(faces)]
        changed = [
            disturb(face, areas[s], k, other=other, rng=disturbance_rng(face, s, k, seed=seed))
            for s, k in jobs
        ]
        stack = np.stack([face, *changed])
        explained, contrast = explainer(stack), kernels.local_contrast(stack)
        more = {name: score(stack[1:]) for name, score in (others or {}).items()}
        for row, (share, kind) in enumerate(jobs, 1):
            measured = {
                name: roc_area(scores, areas[share])
                for name, scores in zip(MAPS, _scores(explained, contrast, row), strict=True)
            }
            measured |= {name: roc_area(scores[row - 1], areas[share]) for name, scores in more.items()}
            results.append(PointedFace(i, share, kind, explained.deviates[row], measured))
        if progress is not None:
            progress(i + 1, len(faces))
    return results


def _square(face: Faces, share: int, seed: int) -> NDArray[np.bool_]:
    side = max(1, round(share / 100 * face.shape[1]))
    key = disturbance_rng(face, share).integers(1 << 62)
    area = np.zeros(face.shape[:2], np.bool_)
    area[place_square((face.shape[0], face.shape[1]), side, key=str(key), seed=seed).area] = True
    return area


def _scores(
    explained: PixelQuality, contrast: NDArray[np.float32], row: int
) -> Iterable[NDArray[np.floating]]:
    assert explained.deviation is not None
    maps = np.asarray(explained.maps, np.float64)
    return -explained.deviation[row], -maps[row], -contrast[row], smoothed(maps[0] - maps[row])


def name_regions(explainer: PlqExplainer, faces: Faces, *, seed: int = 0) -> list[NamedFace]:
    """Name the unusual regions of every face, untouched and with every region disturbed in every way."""
    spec = explainer.model.spec
    masks = named_masks(spec.template, spec.input_size)
    jobs = [(region, kind) for region in NAMED if masks[region].any() for kind in DISTURBANCES]
    results: list[NamedFace] = []
    for i, face in enumerate(faces):
        other = faces[(i + 1) % len(faces)]
        changed = [
            disturb(face, masks[r], k, other=other, rng=disturbance_rng(face, r, k, seed=seed))
            for r, k in jobs
        ]
        explained = explainer(np.stack([face, *changed]))
        for (region, kind), words, quality in zip(
            [("", ""), *jobs], words_of(explained, spec, explainer.weights), explained.quality, strict=True
        ):
            results.append(NamedFace(i, region, kind, words.low, float(quality)))
    return results


def summarise_pointing(pointed: Sequence[PointedFace], named: Sequence[NamedFace]) -> dict[str, Any]:
    """Return mean areas by size, kind and map, and how often regions are named rightly and wrongly; for JSON.

    A region is hit where it is named; the lower face also where one of its parts is, and these where it stands for them. A face
    is wrong where another region is named.
    """
    sizes: dict[str, Any] = {}
    for share in dict.fromkeys(p.share for p in pointed):
        sizes[str(share)] = {
            kind: {
                name: round(
                    float(np.mean([p.areas[name] for p in pointed if (p.share, p.kind) == (share, kind)])), 4
                )
                for name in pointed[0].areas
            }
            for kind in DISTURBANCES
        }
    untouched = [n for n in named if not n.region]
    good = np.median([n.quality for n in untouched]) if untouched else 0.0
    regions = {
        region: {
            kind: _named([n for n in named if (n.region, n.kind) == (region, kind)]) for kind in DISTURBANCES
        }
        for region in dict.fromkeys(n.region for n in named if n.region)
    }
    return {
        "faces": len(untouched),
        "squares": sizes,
        "regions": regions,
        "untouched_named": _share([bool(n.low) for n in untouched]),
        "better_half_named": _share([bool(n.low) for n in untouched if n.quality >= good]),
    }


def _named(faces: Sequence[NamedFace]) -> dict[str, Any]:
    right = [set(n.low) & _right(n.region) for n in faces]
    wrong = [set(n.low) - _right(n.region) for n in faces]
    return {"hit": _share(list(map(bool, right))), "wrong": _share(list(map(bool, wrong)))}


def _right(region: str) -> set[str]:
    if region == LOWER_FACE:
        return {LOWER_FACE, *PARTS}
    return {region, LOWER_FACE} if region in PARTS else {region}


def _share(flags: Sequence[bool]) -> dict[str, Any]:
    return wilson(sum(flags), len(flags)).as_dict()
