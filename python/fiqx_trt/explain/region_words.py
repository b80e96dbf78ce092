"""Name the regions of a face that deviate from the usual, with one false alarm in twenty good faces."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.explain.deviation import (
    LEAST_STD,
    Relative,
    UsualStatistics,
    deviation_grids,
    relative_maps,
    usual_of,
)
from fiqx_trt.explain.regions import region_masks
from fiqx_trt.models.usual import MAPS, Usual

if TYPE_CHECKING:
    from fiqx_trt.explain.plq import PixelQuality
    from fiqx_trt.models.spec import ModelSpec

__all__ = [
    "LEVEL",
    "LOWER_FACE",
    "NAMED",
    "PARTS",
    "RegionWords",
    "UsualPixels",
    "alarm_level",
    "good_faces",
    "named_masks",
    "region_deviations",
    "region_words",
    "with_regions",
    "words_of",
]

#: The share of good faces that get any word.
LEVEL = 0.05
#: Nose, mouth and cheeks as one: what a mask covers.
LOWER_FACE = "lower-face"
#: What can be named, in the order of reports. The background is no fault of a face.
NAMED = ("forehead", "eyes", LOWER_FACE, "nose", "mouth", "cheeks")
#: What is said where the model cannot tell.
UNKNOWN = "the model does not know what is usual (fiqx-trt calibrate)"
#: What the lower face is made of.
PARTS = ("nose", "mouth", "cheeks")
#: The share of the calibration faces, those of the highest quality, that are good.
GOOD = 0.5
#: The good faces are judged by statistics without them, in at most so many parts.
FOLDS = 50
#: Fewest good faces of which a level is measured.
FEWEST_GOOD = 3


@dataclass(frozen=True)
class RegionWords:
    """The unusual regions of one face.

    Parameters
    ----------
    low
        Names of :data:`NAMED`, the most unusual first.
    text
        One line for a person.
    """

    low: tuple[str, ...]
    text: str


def named_masks(template: str, size: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
    """Return the pixels ``(H, W)`` of every region of :data:`NAMED`."""
    masks = region_masks(template, size)
    lower = masks["nose"] | masks["mouth"] | masks["cheeks"]
    return {name: lower if name == LOWER_FACE else masks[name] for name in NAMED}


def region_deviations(
    grids: NDArray[np.floating], template: str, size: tuple[int, int]
) -> dict[str, NDArray[np.float64]]:
    """Return the mean deviation ``(N,)`` of every region of :data:`NAMED` that the template has in the picture.

    ``grids`` is the deviation ``(N, h, w)`` on a grid (:attr:`fiqx_trt.PixelQuality.deviation_grids`); the weight of a cell is
    the share of it in the region. ``template`` and ``size`` are the alignment and the height and width of the faces.
    """
    parts = named_masks(template, size)
    means = {}
    for name in NAMED:
        share = _cell_shares(parts[name], grids.shape[1:])
        if share.sum() > 0:
            # A product and a sum per face, never a matrix product: the number of faces changes no bit.
            means[name] = np.array([float((one * share).sum()) for one in grids]) / share.sum()
    return means


def _cell_shares(mask: NDArray[np.bool_], grid: tuple[int, ...]) -> NDArray[np.float64]:
    from fiqx_trt.opencv import cv2

    cells = cv2.resize(mask.astype(np.float64), (grid[1], grid[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float64)


def with_regions(
    usual: Usual, deviations: Mapping[str, NDArray[np.float64]], good: NDArray[np.bool_]
) -> Usual:
    """Add the statistics of the regions, measured on the good calibration faces ``good`` ``(N,)``, to the usual."""
    regions = {
        name: (float(f"{values[good].mean():.4g}"), float(f"{values[good].std():.4g}"))
        for name, values in deviations.items()
    }
    return dataclasses.replace(usual, regions=regions)


def good_faces(quality: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which faces are good: the better half."""
    return quality >= np.quantile(quality, 1 - GOOD)


def alarm_level(
    grids: Mapping[str, NDArray[np.floating]],
    good: NDArray[np.bool_],
    template: str,
    size: tuple[int, int],
) -> float | None:
    """Return the level that the lowest region of 5 % of good faces *not* among the calibration faces reaches.

    A face is close to statistics that it is part of, the more so the fewer faces there are. So every face is compared with
    the statistics of the others: of all but one for up to 50 faces, else of all but a fiftieth.

    Parameters
    ----------
    grids
        Map → ``(N, h, w)`` grids of the calibration faces (:meth:`fiqx_trt.explain.deviation.Relative.grids`).
    good
        ``(N,)`` which of them are good.
    template, size
        Their alignment, and their height and width.

    Returns
    -------
    float or None
        To four digits; ``None`` where fewer than three faces are good.
    """
    if np.count_nonzero(good) < FEWEST_GOOD:
        return None
    parts = np.arange(len(good)) % FOLDS
    lowest = [_lowest_left_out(grids, good, parts == part, template, size) for part in np.unique(parts[good])]
    return float(f"{np.quantile(np.concatenate(lowest), LEVEL):.4g}")


def _lowest_left_out(
    grids: Mapping[str, NDArray[np.floating]],
    good: NDArray[np.bool_],
    out: NDArray[np.bool_],
    template: str,
    size: tuple[int, int],
) -> NDArray[np.float64]:
    """Return the lowest standardised region of the good faces that are left out, by the statistics of the others."""
    others = {name: values[~out].astype(np.float64) for name, values in grids.items()}
    mean = {name: tuple(values.mean(axis=0).ravel().tolist()) for name, values in others.items()}
    std = {name: tuple(values.std(axis=0).ravel().tolist()) for name, values in others.items()}
    height, width = next(iter(grids.values())).shape[1:]
    usual = Usual((height, width), int(np.count_nonzero(~out)), "", mean, std, {})
    some = {name: values[good | out] for name, values in grids.items()}
    deviations = region_deviations(deviation_grids(some, usual), template, size)
    inside, judged = (good & ~out)[good | out], (good & out)[good | out]
    levels = _standardised(with_regions(usual, deviations, inside), deviations)
    return np.asarray(np.min(list(levels.values()), axis=0)[judged], np.float64)


class UsualPixels:
    """Collect the usual saliency from blocks of a model's faces; 1.6 kB per face are kept for the regions."""

    def __init__(self, weights: str) -> None:
        self._weights = weights
        self._statistics = UsualStatistics()
        self._grids: list[dict[str, NDArray[np.float32]]] = []
        self._dead: list[NDArray[np.bool_]] = []

    def add(self, intensity: NDArray[np.float32], contrast: NDArray[np.float32]) -> None:
        """Add faces by their Ŝ per intensity and per contrast, ``(n, H, W)`` each."""
        self.add_relative(relative_maps(intensity, contrast))

    def add_relative(self, relative: Relative) -> None:
        """Add faces by their relative maps."""
        self._statistics.push(relative)
        self._grids.append(relative.grids(self._statistics.grid))
        self._dead.append(relative.dead)

    def usual(self, quality: NDArray[np.float64], template: str, size: tuple[int, int]) -> Usual | None:
        """Return the statistics with those of the regions; ``None`` where the network's gradient is zero on every face.

        ``quality`` is ``(N,)``, of all faces added; ``template`` and ``size`` are their alignment and their height and width.
        """
        if not self._statistics.count:
            return None
        usual = self._statistics.usual(self._weights)
        alive = ~np.concatenate(self._dead)
        grids = {name: np.concatenate([one[name] for one in self._grids])[alive] for name in MAPS}
        good = good_faces(quality[alive])
        deviations = region_deviations(deviation_grids(grids, usual), template, size)
        return dataclasses.replace(
            with_regions(usual, deviations, good), alarm=alarm_level(grids, good, template, size)
        )


def _standardised(
    usual: Usual, deviations: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    known = {name: usual.regions[name] for name in deviations if name in usual.regions}
    return {name: (deviations[name] - mean) / max(std, LEAST_STD) for name, (mean, std) in known.items()}


def region_words(
    usual: Usual, deviations: Mapping[str, NDArray[np.float64]], deviates: tuple[str, ...]
) -> list[RegionWords]:
    """Return the unusual regions of every face.

    Every region is compared with itself on the good calibration faces, and all of them with one threshold
    (:func:`alarm_level`), which the lowest region of 5 % of good faces reaches. The lower face is named instead of its parts,
    unless only one of them is unusual.
    """
    levels = _standardised(usual, deviations)
    return [
        _of_face({name: float(values[i]) for name, values in levels.items()}, usual, source)
        for i, source in enumerate(deviates)
    ]


def _of_face(levels: Mapping[str, float], usual: Usual, source: str) -> RegionWords:
    if not source:
        return RegionWords(
            (), "nothing can be said: the picture is flat, or the network does not react to it"
        )
    if usual.alarm is None or not levels:
        return RegionWords((), UNKNOWN)
    low = [name for name in sorted(levels, key=levels.__getitem__) if levels[name] < usual.alarm]
    # A single part is named; several parts are named as the lower face.
    parts = [name for name in low if name in PARTS]
    left_out = (LOWER_FACE,) if len(parts) == 1 else PARTS if LOWER_FACE in low else ()
    low = [name for name in low if name not in left_out]
    if not low:
        return RegionWords((), "no region is unusual")
    named = ", ".join(f"{name.replace('-', ' ')} ({-levels[name]:.1f} σ)" for name in low)
    return RegionWords(tuple(low), f"below the usual: {named}; by {source}")


def words_of(result: PixelQuality, spec: ModelSpec, weights: str) -> list[RegionWords]:
    """Return the unusual regions of explained faces (:func:`region_words`), or a text that this model has no statistics."""
    usual = usual_of(spec, weights)
    if usual is None or result.deviation_grids is None:
        return [RegionWords((), UNKNOWN)] * len(result)
    deviations = region_deviations(result.deviation_grids, spec.template, spec.input_size)
    return region_words(usual, deviations, result.deviates)
