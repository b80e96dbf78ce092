"""Bootstrap bands of error-versus-discard curves, resampling people and not comparisons.

Comparisons of one person are not independent of each other, so the unit that is drawn with replacement is the
person (Bolle, Ratha and Pankanti, 'Error analysis of pattern recognition systems: the subsets bootstrap',
CVIU 2004). A person drawn m times counts m times: a genuine comparison weighs m, an impostor comparison of
persons i and j weighs mᵢ·mⱼ. Each replicate has its own decision threshold when the threshold belongs to a
false match rate, so the bands contain the uncertainty of the threshold too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.bootstrap import check_bootstrap, draw_units, percentile_interval
from fiqx_trt.evaluate.comparisons import Comparisons
from fiqx_trt.evaluate.curves import step_area
from fiqx_trt.evaluate.edc import FRACTIONS, MISSING, check_choice, pair_levels, quality_levels, usable
from fiqx_trt.evaluate.threshold import OperatingPoint, allowed_false_matches, matches

__all__ = ["CurveBands", "bootstrap_bands"]


@dataclass(frozen=True)
class CurveBands:
    """Pointwise percentile bands of a curve.

    Parameters
    ----------
    grid
        ``(X,)`` discard fractions.
    low, high
        ``(X,)`` bounds of the FNMR; NaN when more than half of the replicates lack genuine or impostor
        comparisons.
    limits
        ``(L,)`` discard limits of the partial areas.
    areas
        ``(R, L)`` partial areas of each replicate. Replicates of the same comparisons, seed and number draw
        the same people, so differences between two methods may be taken replicate by replicate.
    area_low, area_high
        ``(L,)`` bounds of the partial areas.
    level
        Share of the replicates between the bounds.
    start
        ``(R,)`` FNMR of each replicate without discard.
    """

    grid: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    limits: NDArray[np.float64]
    areas: NDArray[np.float64]
    area_low: NDArray[np.float64]
    area_high: NDArray[np.float64]
    level: float
    start: NDArray[np.float64]


def bootstrap_bands(
    comparisons: Comparisons,
    quality: NDArray[np.floating],
    point: OperatingPoint,
    *,
    higher_is_better: bool,
    replicates: int = 200,
    seed: int = 0,
    level: float = 0.95,
    grid: NDArray[np.float64] | None = None,
    limits: Sequence[float] = (0.2, 0.3),
    fraction: str = "comparisons",
    missing: str = "error",
) -> CurveBands:
    """Return percentile bands of the curve with the threshold fixed on the full set of each replicate.

    Parameters
    ----------
    comparisons
        Comparisons with similarities and identities.
    quality
        ``(I,)`` quality of each image.
    point
        The threshold of the curve: with a target rate it is found anew in every replicate, a given one is
        kept.
    higher_is_better
        Direction of the quality.
    replicates
        Number R of replicates, at least 2.
    seed
        Seed of the draws.
    level
        Share of the replicates between the bounds, in (0, 1).
    grid
        Discard fractions; default 0, 0.01 … 0.99.
    limits
        Discard limits of the partial areas.
    fraction, missing
        As in :func:`fiqx_trt.evaluate.edc.discard_curve`.

    Raises
    ------
    InvalidInputError
        A quality is missing or infinite, identities are unknown or fewer than two, or an option is out of
        range.
    """
    identity = _checked_identity(comparisons, replicates, level)
    check_choice("fraction", fraction, FRACTIONS)
    check_choice("missing", missing, MISSING)
    comparisons, quality, _ = usable(comparisons, quality, missing)
    grid = np.arange(100) / 100.0 if grid is None else np.asarray(grid, np.float64)
    levels, values = quality_levels(quality, higher_is_better=higher_is_better)
    resampler = _Resampler(comparisons, levels, len(values), identity, point, fraction)
    people = int(identity.max()) + 1
    present = np.flatnonzero(np.bincount(identity, minlength=people))
    curves, areas = np.empty((replicates, len(grid))), np.empty((replicates, len(limits)))
    start = np.empty(replicates)
    # One generator per replicate: replicate r is the same whatever the number of replicates.
    for r, sequence in enumerate(np.random.SeedSequence(seed).spawn(replicates)):
        drawn = draw_units(np.random.default_rng(sequence), len(present))
        weights = np.bincount(present[drawn], minlength=people).astype(np.float32)
        discard, fnmr = resampler.curve(weights)
        start[r] = fnmr[0]
        curves[r] = fnmr[np.searchsorted(discard, grid, side="right") - 1]
        areas[r] = [step_area(discard, fnmr, limit) for limit in limits]
    low, high = percentile_interval(curves, level)
    area_low, area_high = percentile_interval(areas, level)
    return CurveBands(
        grid, low, high, np.asarray(limits, np.float64), areas, area_low, area_high, level, start
    )


def _checked_identity(comparisons: Comparisons, replicates: int, level: float) -> NDArray[np.integer]:
    if comparisons.identity is None:
        raise InvalidInputError(
            "bands need the identity of each image; give one folder per person or a CSV of them (--identities)"
        )
    check_bootstrap(replicates, level, fewest=2)
    if len(np.unique(comparisons.identity)) < 2:
        raise InvalidInputError("all images show one person, so nothing can be resampled; add more people")
    return comparisons.identity


class _Resampler:
    """Precomputed parts of all replicates, arranged so that a replicate is a few weighted counts."""

    def __init__(
        self,
        comparisons: Comparisons,
        levels: NDArray[np.int32],
        count: int,
        identity: NDArray[np.integer],
        point: OperatingPoint,
        fraction: str,
    ) -> None:
        self._count, self._point, self._fraction = count, point, fraction
        genuine = comparisons.genuine
        level = pair_levels(comparisons, levels, slice(None))
        first = identity[comparisons.first].astype(np.int32)
        self._level, self._person, self._score = level[genuine], first[genuine], comparisons.scores()[genuine]
        # Impostors are put in order of level once: their weights then add up in runs, without scattered writes.
        others = np.flatnonzero(~genuine)
        others = others[np.argsort(level[others])]
        self._other_starts = np.flatnonzero(np.diff(level[others], prepend=-1))
        self._other_levels = level[others[self._other_starts]]
        self._other_first = first[others]
        self._other_second = identity[comparisons.second[others]].astype(np.int32)
        self._other_score = comparisons.scores()[others]
        self._top = self._highest(point.target_fmr)

    def curve(self, weights: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return discard fraction and FNMR of every level at which a genuine comparison is left."""
        others = self._impostor_weights(weights)
        if self._point.target_fmr is not None and not others.any():
            return np.zeros(1), np.full(1, np.nan)
        limit = self._limit(weights, float(others.sum()))
        mated = weights[self._person]
        wrong = ~matches(self._score, self._point.threshold) if limit is None else self._score <= limit
        genuine = self._left(np.bincount(self._level, mated, self._count))
        errors = self._left(np.bincount(self._level, mated * wrong, self._count))
        total = genuine if self._fraction == "genuine" else genuine + self._left(others)
        last = int(np.count_nonzero(genuine))
        if not last:
            return np.zeros(1), np.full(1, np.nan)
        return ((total[0] - total) / total[0])[:last], errors[:last] / genuine[:last]

    def _left(self, weights: NDArray[np.number]) -> NDArray[np.float64]:
        return np.asarray(np.cumsum(weights[::-1])[::-1])

    def _impostor_weights(self, weights: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the weight of the impostor comparisons of each level."""
        if self._fraction == "genuine" and self._point.target_fmr is None:
            return np.zeros(self._count)
        total = np.zeros(self._count)
        if len(self._other_starts):
            pair = weights[self._other_first]
            pair *= weights[self._other_second]
            total[self._other_levels] = np.add.reduceat(pair, self._other_starts, dtype=np.float64)
        return total

    def _highest(self, fmr: float | None) -> NDArray[np.integer]:
        """Return the impostor comparisons that can decide a threshold, by descending similarity."""
        if fmr is None:
            return np.zeros(0, np.int64)
        count = len(self._other_score)
        wanted = min(count, 10 * allowed_false_matches(count, fmr) + 1000)
        top = np.argpartition(self._other_score, count - wanted)[count - wanted :]
        return np.asarray(top[np.argsort(-self._other_score[top], kind="stable")])

    def _limit(self, weights: NDArray[np.float32], total: float) -> float | None:
        """Return the highest impostor score that must not match; ``None`` for a given threshold."""
        fmr = self._point.target_fmr
        if fmr is None:
            return None
        top = self._top
        while True:
            heavy = np.cumsum(
                weights[self._other_first[top]] * weights[self._other_second[top]], dtype=np.float64
            )
            beyond = int(np.searchsorted(heavy, fmr * total * (1.0 + 1e-12), side="right"))
            if beyond < len(top):
                return float(self._other_score[top[beyond]])
            if len(top) == len(self._other_score):
                return float("-inf")
            top = np.argsort(-self._other_score, kind="stable")
            self._top = top
