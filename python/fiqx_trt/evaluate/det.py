"""DET curves of the comparisons that are left at some discard fractions (ISO/IEC 29794-1:2024, clause 11).

An error-versus-discard curve fixes one threshold and moves the discard fraction; here the fraction is fixed and the
threshold moves. Every point belongs to a target false match rate and is that of
:func:`fiqx_trt.evaluate.threshold.operating_point` on the comparisons that are left: the smallest threshold whose false
match rate does not exceed the target. What is left at a fraction is what the error-versus-discard curve has at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.comparisons import Comparisons
from fiqx_trt.evaluate.curves import DiscardCurve
from fiqx_trt.evaluate.edc import pair_levels, quality_levels, usable
from fiqx_trt.evaluate.threshold import allowed_false_matches, threshold_above

__all__ = ["DISCARDS", "DetCurve", "DetInput", "det_curves", "target_rates"]

#: Discard fractions whose curves are drawn.
DISCARDS = (0.0, 0.1, 0.2, 0.3)
#: Target rates in each power of ten.
PER_DECADE = 12


@dataclass(frozen=True)
class DetCurve:
    """The trade between both errors on the comparisons that are left.

    Parameters
    ----------
    wanted, discard
        The discard fraction asked for, and the one that has really left: the last step not beyond it.
    target
        ``(K,)`` target false match rates, descending.
    threshold, fmr, fnmr
        ``(K,)`` threshold of each, and the rates achieved.
    genuine, impostor
        Numbers of comparisons left.
    """

    wanted: float
    discard: float
    target: NDArray[np.float64]
    threshold: NDArray[np.float64]
    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    genuine: int
    impostor: int

    def at(self, target: float) -> float:
        """Return the FNMR at a target rate of the curve; NaN where the impostors left do not suffice for it."""
        place = np.flatnonzero(np.isclose(self.target, target, rtol=1e-9, atol=0.0))
        return float(self.fnmr[place[0]]) if len(place) else float("nan")


class DetInput:
    """Comparisons with their similarities in order, sorted once for all methods."""

    def __init__(self, comparisons: Comparisons) -> None:
        self.comparisons = comparisons
        scores, genuine = comparisons.scores(), comparisons.genuine
        self.sides = []
        for rows in (np.flatnonzero(genuine), np.flatnonzero(~genuine)):
            order = rows[np.argsort(scores[rows])]
            self.sides.append((order, scores[order]))


def target_rates(impostors: int, extra: Sequence[float] = ()) -> NDArray[np.float64]:
    """Return target false match rates that so many comparisons resolve: powers of ten, parted evenly, descending.

    Examples
    --------
    >>> target_rates(100)[[11, -1]].tolist()
    [0.1, 0.01]
    """
    if not impostors:
        return np.zeros(0)
    steps = np.arange(1, PER_DECADE * int(np.ceil(np.log10(impostors)) + 1))
    rates = [10.0 ** (-step / PER_DECADE) for step in steps.tolist()]
    known = {
        rate for rate in (*rates, *extra) if 0.0 < rate < 1.0 and allowed_false_matches(impostors, rate) >= 1
    }
    return np.array(sorted(known, reverse=True), np.float64)


def det_curves(
    data: DetInput,
    quality: NDArray[np.floating],
    curve: DiscardCurve,
    *,
    higher_is_better: bool,
    missing: str = "error",
    discards: Sequence[float] = DISCARDS,
    targets: Sequence[float] = (),
) -> tuple[DetCurve, ...]:
    """Return the DET curve of what is left at each discard fraction.

    Parameters
    ----------
    data
        The comparisons the curve was made of.
    quality
        ``(I,)`` quality of each image, NaN where it is missing.
    curve
        The error-versus-discard curve of this quality (:func:`fiqx_trt.evaluate.edc.discard_curve`), which says what
        has left at a fraction.
    higher_is_better, missing
        As the curve was made; with ``"drop"`` the comparisons must hold none without a quality.
    discards
        Fractions in [0, 1).
    targets
        Target false match rates that are to be among the points.

    Raises
    ------
    InvalidInputError
        A fraction is out of range.
    """
    wrong = [one for one in discards if not 0.0 <= one < 1.0]
    if wrong:
        raise InvalidInputError(
            f"a discard fraction is {wrong[0]:g}; give fractions of at least 0 and below 1"
        )
    comparisons, quality, _ = usable(data.comparisons, quality, missing)
    if comparisons is not data.comparisons:
        data = DetInput(comparisons)
    levels, values = quality_levels(quality, higher_is_better=higher_is_better)
    level = pair_levels(comparisons, levels, slice(None))
    sides = [(level[order], scores) for order, scores in data.sides]
    steps = np.searchsorted(curve.discard, np.asarray(discards, np.float64), side="right") - 1
    return tuple(
        _curve(
            sides,
            _first_level(values, curve.quality[step]),
            wanted,
            float(curve.discard[step]),
            targets,
        )
        for wanted, step in zip(discards, steps.tolist(), strict=True)
    )


def _first_level(values: NDArray[np.float64], worst: np.floating) -> int:
    """Return the level of the worst quality that is left; images without one are level 0."""
    return 0 if np.isnan(worst) else int(np.flatnonzero(values == worst)[0])


def _curve(
    sides: Sequence[tuple[NDArray[np.int32], NDArray[np.floating]]],
    start: int,
    wanted: float,
    discard: float,
    targets: Sequence[float],
) -> DetCurve:
    mated, others = (scores if not start else scores[level >= start] for level, scores in sides)
    rates = target_rates(len(others), targets)
    allowed = [allowed_false_matches(len(others), rate) for rate in rates.tolist()]
    thresholds = np.array([threshold_above(others[len(others) - 1 - k]) for k in allowed], others.dtype)
    return DetCurve(
        wanted=wanted,
        discard=discard,
        target=rates,
        threshold=thresholds.astype(np.float64),
        fmr=(len(others) - np.searchsorted(others, thresholds)) / max(len(others), 1),
        fnmr=np.searchsorted(mated, thresholds) / max(len(mated), 1),
        genuine=len(mated),
        impostor=len(others),
    )
