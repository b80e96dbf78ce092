"""Error-versus-discard curves: how errors fall when the comparisons of the worst images are left out.

The quality of a comparison is the smaller one of its two images (Grother and Tabassi, 'Performance of
Biometric Quality Measures', IEEE TPAMI 2007; ISO/IEC 29794-1 calls the curve EDC). Comparisons leave in order
of that quality, those of equal quality together, and the false non-match rate of what is left is drawn over
the fraction that has left. Between two steps nothing can leave, so the curve is a step function: at discard x
it has the value of the last step not beyond x. All qualities equal means one step and a flat curve.

The minimum of two qualities is the quality of one of the images. So a curve over P comparisons of I images
has at most I steps, and one pass that counts comparisons per quality level and outcome is enough: no sorting
of comparisons, O(P + I log I) time and O(I) memory beside the input.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.comparisons import SHOWN, Comparisons
from fiqx_trt.evaluate.curves import BestDiscard, DiscardCurve
from fiqx_trt.evaluate.threshold import (
    OperatingPoint,
    RemovableScores,
    allowed_false_matches,
    matches,
    threshold_above,
)

__all__ = ["best_discard", "discard_curve", "quality_levels", "random_discard"]

#: What the horizontal axis counts.
FRACTIONS = ("comparisons", "genuine")
#: What happens to comparisons of an image without a quality.
MISSING = ("error", "worst", "drop")
#: Comparisons looked at together; bounds the temporaries to a few tens of megabytes.
BLOCK = 1 << 20


def quality_levels(
    quality: NDArray[np.floating], *, higher_is_better: bool
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the level of each image, 0 for the worst, and the quality of each level.

    Parameters
    ----------
    quality
        ``(I,)``; NaN counts as worse than everything else.
    higher_is_better
        Direction of the quality.

    Returns
    -------
    levels : ndarray
        ``(I,)`` int32 in [0, U).
    values : ndarray
        ``(U,)`` float64 quality of each level; NaN for the level of missing qualities.

    Examples
    --------
    >>> quality_levels(np.array([0.2, 0.9, 0.2]), higher_is_better=False)
    (array([1, 0, 1], dtype=int32), array([0.9, 0.2]))
    """
    rising = np.where(np.isnan(quality), -np.inf, quality if higher_is_better else -quality)
    values, levels = np.unique(rising, return_inverse=True)
    known = values if higher_is_better else -values
    return levels.astype(np.int32), np.where(np.isneginf(values), np.nan, known).astype(np.float64)


def discard_curve(
    comparisons: Comparisons,
    quality: NDArray[np.floating],
    point: OperatingPoint,
    *,
    higher_is_better: bool | None,
    recompute: bool = False,
    fraction: str = "comparisons",
    missing: str = "error",
) -> DiscardCurve:
    """Return the error-versus-discard curve of one quality.

    Parameters
    ----------
    comparisons
        Comparisons with similarities.
    quality
        ``(I,)`` quality of each image, in the order of ``comparisons.paths``; NaN where it is missing.
    point
        The threshold (:func:`fiqx_trt.evaluate.threshold.operating_point`), fixed on all comparisons.
    higher_is_better
        Direction of the quality; ``None``, unknown, is an error, because a guess would turn the curve around.
    recompute
        Fix the threshold anew on the comparisons left at every step, for the same target false match rate.
        The curve then ends where no impostor comparison is left.
    fraction
        ``"comparisons"``: the axis counts all comparisons; ``"genuine"``: the genuine ones only, which makes
        the axis independent of how many impostor pairs were drawn.
    missing
        Images without a quality: ``"error"``, ``"worst"`` (they leave first, as a failure to process would),
        or ``"drop"`` (their comparisons are left out before anything is counted, the threshold stays).

    Returns
    -------
    DiscardCurve
        At most one step per distinct quality; it ends with the last step at which a genuine comparison is
        left.

    Raises
    ------
    InvalidInputError
        The direction is unknown, a quality is missing or infinite, an option is none of those named, or a
        threshold is to be recomputed that belongs to no target rate.
    """
    _check_options(higher_is_better, fraction, missing, recompute, point)
    used, quality, dropped = usable(comparisons, quality, missing)
    levels, values = quality_levels(quality, higher_is_better=bool(higher_is_better))
    counts = _tally(used, levels, len(values), point.threshold)
    starts = _step_levels(counts, fraction)
    rejected, false, errors, hits = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1][:, starts]
    genuine, impostor = errors + hits, rejected + false
    thresholds = np.full(len(starts), point.threshold)
    if recompute and point.target_fmr is not None:
        thresholds, errors, false = _recomputed(used, levels, starts, point.target_fmr)
    total = genuine if fraction == "genuine" else genuine + impostor
    last = _last_step(genuine, impostor, recompute=recompute)
    return DiscardCurve(
        discard=((total[0] - total) / total[0])[:last],
        fnmr=errors[:last] / genuine[:last],
        fmr=np.where(impostor[:last] > 0, false[:last] / np.maximum(impostor[:last], 1), np.nan),
        threshold=thresholds[:last],
        quality=values[starts][:last],
        genuine=genuine[:last],
        impostor=impostor[:last],
        fraction=fraction,
        recomputed=recompute,
        dropped=dropped,
    )


def best_discard(
    comparisons: Comparisons, point: OperatingPoint, *, fraction: str = "comparisons"
) -> BestDiscard:
    """Return the lower bound of every curve at this threshold: the false non-matches leave first, one by one.

    No quality of images can do better, and most cannot reach it, because an image takes its other comparisons
    along. It bounds curves with a fixed threshold; a recomputed one may fall below it.
    """
    check_choice("fraction", fraction, FRACTIONS)
    genuine = comparisons.genuine_count
    errors = round(point.fnmr * genuine)
    total = genuine if fraction == "genuine" else len(comparisons)
    left = np.arange(errors + 1)
    fnmr = np.where(left < errors, (errors - left) / np.maximum(genuine - left, 1), 0.0)
    return BestDiscard(left / total, fnmr, fraction)


def random_discard(
    comparisons: Comparisons, point: OperatingPoint, *, seed: int = 0, fraction: str = "comparisons"
) -> DiscardCurve:
    """Return the curve of a quality drawn at random for each image: flat, up to chance."""
    quality = np.random.default_rng(seed).random(len(comparisons.paths))
    return discard_curve(comparisons, quality, point, higher_is_better=True, fraction=fraction)


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise when a word is none of those known."""
    if value not in choices:
        raise InvalidInputError(f"{name} is {value!r}; choose one of {', '.join(choices)}")


def _check_options(
    higher_is_better: bool | None, fraction: str, missing: str, recompute: bool, point: OperatingPoint
) -> None:
    if higher_is_better is None:
        raise InvalidInputError(
            "the direction of this quality is unknown; say whether higher or lower is better (--direction NAME=higher "
            "or NAME=lower)"
        )
    check_choice("fraction (--axis)", fraction, FRACTIONS)
    check_choice("missing (--missing)", missing, MISSING)
    if recompute and point.target_fmr is None:
        raise InvalidInputError(
            "a given threshold cannot be recomputed at every step; give a target false match rate (--fmr) instead of "
            "--threshold"
        )


def usable(
    comparisons: Comparisons, quality: NDArray[np.floating], missing: str
) -> tuple[Comparisons, NDArray[np.floating], int]:
    """Check the qualities, apply the rule for missing ones, and say how many comparisons it dropped."""
    quality = np.asarray(quality)
    if quality.shape != (len(comparisons.paths),) or quality.dtype.kind != "f":
        raise InvalidInputError(
            f"quality is {quality.dtype} of shape {quality.shape}; give one floating-point number per image, "
            f"shape ({len(comparisons.paths)},)"
        )
    compared = np.zeros(len(comparisons.paths), np.bool_)
    compared[comparisons.first] = True
    compared[comparisons.second] = True
    infinite = np.flatnonzero(np.isinf(quality) & compared)
    if len(infinite):
        raise InvalidInputError(
            f"the quality of {comparisons.paths[infinite[0]]!r} is infinite; leave it empty instead"
        )
    absent = np.flatnonzero(np.isnan(quality) & compared)
    if not len(absent) or missing == "worst":
        return comparisons, quality, 0
    if missing == "error":
        shown = ", ".join(repr(comparisons.paths[i]) for i in absent[:SHOWN])
        raise InvalidInputError(
            f"{len(absent)} of {np.count_nonzero(compared)} compared images have no quality ({shown}"
            f"{', …' if len(absent) > SHOWN else ''}); score them, or choose --missing worst to discard them first, or "
            "--missing drop to leave their comparisons out (the keyword missing in Python)"
        )
    gone = np.isnan(quality)
    rows = ~(gone[comparisons.first] | gone[comparisons.second])
    if not np.any(rows & comparisons.genuine):
        raise InvalidInputError(
            "no genuine comparison is left between images that have a quality; score more images"
        )
    return comparisons.subset(rows), quality, int(len(rows) - np.count_nonzero(rows))


def pair_levels(comparisons: Comparisons, levels: NDArray[np.int32], rows: slice) -> NDArray[np.int32]:
    """Return the level of some comparisons: that of their worse image."""
    worse: NDArray[np.int32] = np.minimum(levels[comparisons.first[rows]], levels[comparisons.second[rows]])
    return worse


def _tally(
    comparisons: Comparisons, levels: NDArray[np.int32], count: int, threshold: float
) -> NDArray[np.int64]:
    """Count, ``(4, U)``, correct rejections, false matches, false non-matches and matches of each level."""
    counts = np.zeros(4 * count, np.int64)
    scores = comparisons.scores()
    for start in range(0, len(comparisons), BLOCK):
        rows = slice(start, start + BLOCK)
        outcome = matches(scores[rows], threshold).astype(np.int64)
        outcome += 2 * comparisons.genuine[rows].astype(np.int64)
        counts += np.bincount(outcome * count + pair_levels(comparisons, levels, rows), minlength=4 * count)
    return counts.reshape(4, count)


def _step_levels(counts: NDArray[np.int64], fraction: str) -> NDArray[np.int64]:
    """Return the lowest level left at each step.

    On the axis of genuine comparisons a step takes a level with genuine ones away and all below it; impostors
    between two such levels stay as long as they can.
    """
    present = np.flatnonzero(counts.sum(axis=0))
    if fraction == "comparisons":
        return np.asarray(present)
    genuine = np.flatnonzero(counts[2] + counts[3])
    return np.append(present[:1], present[np.searchsorted(present, genuine[:-1], side="right")])


def _last_step(genuine: NDArray[np.int64], impostor: NDArray[np.int64], *, recompute: bool) -> int:
    """Return how many steps have a false non-match rate."""
    defined = (genuine > 0) & (impostor > 0) if recompute else genuine > 0
    return int(np.count_nonzero(defined))


def _recomputed(
    comparisons: Comparisons, levels: NDArray[np.int32], starts: NDArray[np.int64], fmr: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return threshold, false non-matches and false matches at every step, each with its own threshold."""
    scores, genuine = comparisons.scores(), comparisons.genuine
    left = np.searchsorted(starts, pair_levels(comparisons, levels, slice(None)), side="right") - 1
    mated = RemovableScores(scores[genuine], left[genuine])
    others = RemovableScores(scores[~genuine], left[~genuine])
    thresholds = np.full(len(starts), np.nan)
    errors, false = np.zeros(len(starts), np.int64), np.zeros(len(starts), np.int64)
    for step in range(len(starts)):
        if step:
            mated.remove(step - 1)
            others.remove(step - 1)
        if not (mated.count and others.count):
            break
        thresholds[step] = threshold_above(others.largest(allowed_false_matches(others.count, fmr)))
        errors[step] = mated.count_below(thresholds[step])
        false[step] = others.count - others.count_below(thresholds[step])
    return thresholds, errors, false
