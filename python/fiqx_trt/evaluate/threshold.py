"""The decision threshold that belongs to a false match rate.

A comparison is a match when its similarity is *at least* the threshold. With I non-mated comparison scores,
the false match rate at threshold t is ``FMR(t) = #{s ≥ t} / I``; with G mated ones the false non-match rate
is ``FNMR(t) = #{s < t} / G`` (ISO/IEC 19795-1, 'false match rate' and 'false non-match rate' of comparison
scores).

``FMR`` falls in steps. The threshold of a target is the smallest t with ``FMR(t) ≤ target``, that is, the
largest false match rate that does not exceed the target, and with it the smallest false non-match rate. It
lies just above the (k+1)-th largest non-mated score, where k is the largest number of false matches with ``k
/ I ≤ target``: scores that tie with that one are all rejected or all accepted, so an achieved rate may stay
below the target but never exceeds it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.comparisons import Comparisons

__all__ = ["OperatingPoint", "RemovableScores", "allowed_false_matches", "given_threshold", "operating_point"]


@dataclass(frozen=True)
class OperatingPoint:
    """A decision threshold and where it came from.

    Parameters
    ----------
    threshold
        A comparison matches when its similarity is at least this.
    target_fmr
        The false match rate asked for; ``None`` when the threshold was given.
    fmr, fnmr
        The rates achieved on all comparisons; NaN without comparisons of that kind.
    """

    threshold: float
    target_fmr: float | None
    fmr: float
    fnmr: float
    genuine_count: int
    impostor_count: int

    @property
    def resolved(self) -> bool:
        """Whether the impostor comparisons suffice for the target: at least one false match is allowed."""
        return self.target_fmr is None or allowed_false_matches(self.impostor_count, self.target_fmr) >= 1


def allowed_false_matches(impostors: int, fmr: float) -> int:
    """Return the largest k with ``k / impostors ≤ fmr``.

    Examples
    --------
    >>> allowed_false_matches(1000, 1e-3), allowed_false_matches(999, 1e-3), allowed_false_matches(100, 0.29)
    (1, 0, 29)
    """
    if impostors == 0:
        return 0
    k = min(int(np.floor(fmr * impostors)), impostors)
    # fmr * impostors may round to either side of an integer; the quotient decides, as in the definition.
    if k < impostors and (k + 1) / impostors <= fmr:
        return k + 1
    return k if k / impostors <= fmr else k - 1


def threshold_above(score: np.floating) -> float:
    """Return the smallest number of the score's own precision that is larger than the score."""
    return float(np.nextafter(score, score.dtype.type(np.inf)))


def operating_point(comparisons: Comparisons, *, fmr: float = 1e-3) -> OperatingPoint:
    """Return the smallest threshold whose false match rate on all comparisons does not exceed ``fmr``.

    Parameters
    ----------
    comparisons
        Comparisons with similarities.
    fmr
        Target false match rate in [0, 1).

    Raises
    ------
    InvalidInputError
        There are no genuine or no impostor comparisons, or ``fmr`` is out of range.

    Examples
    --------
    >>> pairs = Comparisons(("a", "b", "c"), np.array([0, 0, 1]), np.array([1, 2, 2]),
    ...                     np.array([True, False, False]), np.array([0.9, 0.5, 0.1], np.float32))
    >>> point = operating_point(pairs, fmr=0.5)
    >>> 0.1 < point.threshold < 0.5, point.fmr, point.fnmr
    (True, 0.5, 0.0)
    """
    if not 0.0 <= fmr < 1.0:
        raise InvalidInputError(
            f"fmr (--fmr) is {fmr}; give a false match rate of at least 0 and below 1, such as 0.001"
        )
    require_genuine(comparisons)
    impostors = comparisons.scores()[~comparisons.genuine]
    if not len(impostors):
        raise InvalidInputError(
            f"all {len(comparisons)} comparisons are genuine, so no threshold belongs to a false match rate; "
            "add impostor pairs, generate them with --identities, or give a --threshold"
        )
    rank = len(impostors) - 1 - allowed_false_matches(len(impostors), fmr)
    impostors.partition(rank)
    return _measure(comparisons, threshold_above(impostors[rank]), target_fmr=fmr)


def given_threshold(comparisons: Comparisons, threshold: float) -> OperatingPoint:
    """Return the operating point of a threshold that was fixed elsewhere, for instance on another set.

    Raises
    ------
    InvalidInputError
        There are no genuine comparisons, or the threshold is not finite.
    """
    if not np.isfinite(threshold):
        raise InvalidInputError(f"the threshold (--threshold) is {threshold}; give a finite similarity")
    require_genuine(comparisons)
    return _measure(comparisons, threshold, target_fmr=None)


def require_genuine(comparisons: Comparisons) -> None:
    """Raise when there is no genuine comparison."""
    if not comparisons.genuine_count:
        raise InvalidInputError(
            f"all {len(comparisons)} comparisons are impostors, so there is no false non-match rate; add "
            "genuine pairs"
        )


def _measure(comparisons: Comparisons, threshold: float, *, target_fmr: float | None) -> OperatingPoint:
    match = matches(comparisons.scores(), threshold)
    genuine, impostor = comparisons.genuine_count, comparisons.impostor_count
    hits = int(np.count_nonzero(match & comparisons.genuine))
    false = int(np.count_nonzero(match)) - hits
    return OperatingPoint(
        threshold=threshold,
        target_fmr=target_fmr,
        fmr=false / impostor if impostor else float("nan"),
        fnmr=(genuine - hits) / genuine,
        genuine_count=genuine,
        impostor_count=impostor,
    )


def matches(scores: NDArray[np.floating], threshold: float) -> NDArray[np.bool_]:
    """Return which similarities are at least the threshold, decided in double precision."""
    return np.asarray(scores >= np.float64(threshold))


class RemovableScores:
    """Scores in ascending order from which some are taken away, step by step.

    Counts of the scores still present are kept per block, so that taking one away costs O(1), and finding the
    n-th largest or counting below a value costs O(√N).

    Parameters
    ----------
    scores
        ``(N,)`` floating-point, in any order.
    levels
        ``(N,)`` non-negative integers: the step at which each score leaves.
    """

    block = 4096

    def __init__(self, scores: NDArray[np.floating], levels: NDArray[np.integer]) -> None:
        order = np.argsort(scores)
        self._scores = scores[order]
        self._present = np.ones(len(order), np.bool_)
        blocks = -(-len(order) // self.block)
        self._counts = np.full(blocks, self.block, np.int64)
        if blocks:
            self._counts[-1] = len(order) - (blocks - 1) * self.block
        ranked = levels[order]
        self._by_level = np.argsort(ranked, kind="stable")
        self._level_ends = np.cumsum(np.bincount(ranked, minlength=1))
        self.count = len(order)

    def remove(self, level: int) -> None:
        """Take away the scores of one level."""
        if level >= len(self._level_ends):
            return
        start = int(self._level_ends[level - 1]) if level else 0
        gone = self._by_level[start : self._level_ends[level]]
        self._present[gone] = False
        np.subtract.at(self._counts, gone // self.block, 1)
        self.count -= len(gone)

    def largest(self, rank: int) -> np.floating:
        """Return the score with exactly ``rank`` present ones before it in descending order."""
        target = self.count - rank  # 1-based in ascending order
        sums = np.cumsum(self._counts)
        block = int(np.searchsorted(sums, target))
        inside = target - (int(sums[block - 1]) if block else 0)
        start = block * self.block
        offset = np.flatnonzero(self._present[start : start + self.block])[inside - 1]
        score: np.floating = self._scores[start + offset]
        return score

    def count_below(self, threshold: float) -> int:
        """Return how many present scores are below a threshold."""
        # The threshold is a number of the scores' own precision; another dtype would copy all scores at every
        # call.
        position = int(np.searchsorted(self._scores, self._scores.dtype.type(threshold), side="left"))
        block = position // self.block
        return int(self._counts[:block].sum()) + int(
            np.count_nonzero(self._present[block * self.block : position])
        )
