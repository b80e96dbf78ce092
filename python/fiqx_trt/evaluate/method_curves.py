"""Error-versus-discard curves of several methods on the same comparisons, with everything drawn beside them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.bands import CurveBands, bootstrap_bands
from fiqx_trt.evaluate.comparisons import Comparisons, align_quality
from fiqx_trt.evaluate.curves import BestDiscard, DiscardCurve, PartialArea, partial_areas
from fiqx_trt.evaluate.det import DISCARDS, DetCurve, DetInput, det_curves
from fiqx_trt.evaluate.edc import MISSING, best_discard, check_choice, discard_curve, random_discard
from fiqx_trt.evaluate.score_tables import MethodScores
from fiqx_trt.evaluate.threshold import OperatingPoint, given_threshold, operating_point

__all__ = ["EdcOptions", "EdcResult", "MethodCurve", "compare_at_rates", "compare_methods", "det_of_methods"]


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EdcOptions:
    """Settings of the curves.

    Parameters
    ----------
    fmr
        Target false match rate that fixes the threshold.
    threshold
        A threshold fixed elsewhere; the target then means nothing.
    recompute
        Fix the threshold anew at every step.
    fraction
        What the axis counts: ``"comparisons"`` or ``"genuine"``.
    missing
        Images without a quality: ``"error"``; ``"worst"``, they leave first; ``"drop"``: comparisons of an image
        that *any* method did not score are left out of everything, the threshold included, so that all methods
        are judged on the same comparisons.
    limits
        Discard limits of the partial areas.
    replicates
        Bootstrap replicates of the bands; 0 for none.
    seed
        Seed of the bootstrap and of the random discard.
    level
        Share of the replicates between the bounds.
    """

    fmr: float = 1e-3
    threshold: float | None = None
    recompute: bool = False
    fraction: str = "comparisons"
    missing: str = "error"
    limits: tuple[float, ...] = (0.2, 0.3)
    replicates: int = 200
    seed: int = 0
    level: float = 0.95


@dataclass(frozen=True)
class MethodCurve:
    """The curve of one method.

    Parameters
    ----------
    name
        The method.
    higher_is_better
        Its direction.
    curve, areas
        The curve and its partial areas, one per limit.
    bands
        Bootstrap over people; ``None`` where identities are unknown, none were asked for, or the threshold is
        recomputed.
    missing
        How many compared images have no quality of this method.
    """

    name: str
    higher_is_better: bool
    curve: DiscardCurve
    areas: tuple[PartialArea, ...]
    bands: CurveBands | None
    missing: int


@dataclass(frozen=True)
class EdcResult:
    """The curves of several methods on the same comparisons.

    Parameters
    ----------
    methods
        One curve per method, in the order given.
    point
        The threshold, fixed on all comparisons that count.
    best, random
        The lower bound of every curve at that threshold, and a discard in random order.
    best_areas, random_areas
        Their partial areas, one per limit.
    options
        How it was made.
    comparisons
        The comparisons that count.
    dropped
        How many did not, because an image has no quality (``missing="drop"``).
    notes
        What a reader should know before trusting the numbers.
    """

    methods: tuple[MethodCurve, ...]
    point: OperatingPoint
    best: BestDiscard
    best_areas: tuple[float, ...]
    random: DiscardCurve
    random_areas: tuple[PartialArea, ...]
    options: EdcOptions
    comparisons: Comparisons
    dropped: int
    notes: tuple[str, ...]


def compare_methods(
    comparisons: Comparisons,
    scores: Sequence[MethodScores],
    options: EdcOptions | None = None,
    *,
    progress: Callable[[str], None] | None = None,
) -> EdcResult:
    """Return the error-versus-discard curves of several methods on the same comparisons.

    Parameters
    ----------
    comparisons
        Comparisons with similarities; with identities there are bands.
    scores
        The methods (:func:`fiqx_trt.evaluate.score_tables.read_score_tables`).
    options
        How curves are made.
    progress
        Called with the name of each method before its turn.

    Raises
    ------
    InvalidInputError
        An option is out of range, labels are of one class only, a method scored none of the images, or a quality
        is missing where that is an error.
    """
    options = options or EdcOptions()
    check_choice("missing (--missing)", options.missing, MISSING)
    if not scores:
        raise InvalidInputError("no method was given; give at least one")
    qualities = {one.name: _aligned(comparisons, one) for one in scores}
    lacking = _lacking(comparisons, qualities)
    total = len(comparisons)
    if options.missing == "drop":
        comparisons = _complete(comparisons, qualities)
    point = (
        operating_point(comparisons, fmr=options.fmr)
        if options.threshold is None
        else given_threshold(comparisons, options.threshold)
    )
    if (above := _impostors_above(comparisons)) is not None:
        logger.warning("%s", above)
    best = best_discard(comparisons, point, fraction=options.fraction)
    random = random_discard(comparisons, point, seed=options.seed, fraction=options.fraction)
    judged = []
    for one in scores:
        if progress is not None:
            progress(one.name)
        judged.append(_judge(comparisons, one, qualities[one.name], point, best, options, lacking[one.name]))
    return EdcResult(
        methods=tuple(judged),
        point=point,
        best=best,
        best_areas=tuple(best.area(limit) for limit in options.limits),
        random=random,
        random_areas=partial_areas(random, limits=options.limits, best=best),
        options=options,
        comparisons=comparisons,
        dropped=total - len(comparisons),
        notes=tuple([*([] if above is None else [above]), *_notes(comparisons, point, options)]),
    )


def compare_at_rates(
    comparisons: Comparisons,
    scores: Sequence[MethodScores],
    rates: Sequence[float],
    options: EdcOptions | None = None,
    *,
    progress: Callable[[str], None] | None = None,
) -> tuple[EdcResult, ...]:
    """Return the curves at several target false match rates, one result for each; see :func:`compare_methods`.

    Parameters
    ----------
    rates
        The rates, each once; they take the place of ``options.fmr``.

    Raises
    ------
    InvalidInputError
        No rate is given, one is given twice, or what :func:`compare_methods` raises.
    """
    if not rates or len(set(rates)) != len(rates):
        raise InvalidInputError(
            f"the false match rates are {', '.join(f'{rate:g}' for rate in rates) or 'none'}; give each --fmr once"
        )
    options = options or EdcOptions()
    if options.threshold is not None and len(rates) > 1:
        raise InvalidInputError(
            "a threshold is given, so false match rates fix nothing; leave --fmr or --threshold out"
        )
    results = []
    for rate in rates:
        report = progress
        if progress is not None and len(rates) > 1:
            report = _at_rate(progress, rate)
        results.append(compare_methods(comparisons, scores, replace(options, fmr=rate), progress=report))
    return tuple(results)


def _at_rate(progress: Callable[[str], None], rate: float) -> Callable[[str], None]:
    return lambda name: progress(f"{name} at FMR {rate:g}")


def det_of_methods(
    results: Sequence[EdcResult], scores: Sequence[MethodScores], discards: Sequence[float] = DISCARDS
) -> dict[str, tuple[DetCurve, ...]]:
    """Return method → DET curves of what is left at each discard fraction; the rates of the results are among the points.

    Parameters
    ----------
    results
        From :func:`compare_at_rates`; the comparisons and steps are the same in all.
    scores
        The methods they were made of.
    discards
        Fractions in [0, 1).
    """
    first = results[0]
    if not first.comparisons.impostor_count:
        return {}
    data = DetInput(first.comparisons)
    targets = [one.point.target_fmr for one in results if one.point.target_fmr is not None]
    missing = "error" if first.options.missing == "drop" else first.options.missing
    return {
        one.name: det_curves(
            data,
            _aligned(first.comparisons, one),
            judged.curve,
            higher_is_better=one.higher_is_better,
            missing=missing,
            discards=discards,
            targets=targets,
        )
        for one, judged in zip(scores, first.methods, strict=True)
    }


def _aligned(comparisons: Comparisons, one: MethodScores) -> NDArray[np.float64]:
    try:
        return align_quality(comparisons.paths, one.values)
    except InvalidInputError as error:
        raise InvalidInputError(f"{one.name}: {error}") from error


def _lacking(comparisons: Comparisons, qualities: Mapping[str, NDArray[np.float64]]) -> dict[str, int]:
    compared = np.zeros(len(comparisons.paths), np.bool_)
    compared[comparisons.first] = True
    compared[comparisons.second] = True
    return {name: int(np.count_nonzero(np.isnan(values) & compared)) for name, values in qualities.items()}


def _complete(comparisons: Comparisons, qualities: Mapping[str, NDArray[np.float64]]) -> Comparisons:
    """Return the comparisons between images that every method scored."""
    known = np.all([~np.isnan(values) for values in qualities.values()], axis=0)
    rows = known[comparisons.first] & known[comparisons.second]
    if not np.any(rows):
        raise InvalidInputError(
            "no comparison is left between images that every method scored; score more images, or give fewer methods"
        )
    return comparisons if np.all(rows) else comparisons.subset(rows)


def _judge(
    comparisons: Comparisons,
    one: MethodScores,
    quality: NDArray[np.float64],
    point: OperatingPoint,
    best: BestDiscard,
    options: EdcOptions,
    lacking: int,
) -> MethodCurve:
    missing = "error" if options.missing == "drop" else options.missing
    try:
        curve = discard_curve(
            comparisons,
            quality,
            point,
            higher_is_better=one.higher_is_better,
            recompute=options.recompute,
            fraction=options.fraction,
            missing=missing,
        )
    except InvalidInputError as error:
        raise InvalidInputError(f"{one.name}: {error}") from error
    bands = None
    if _with_bands(comparisons, options):
        bands = bootstrap_bands(
            comparisons,
            quality,
            point,
            higher_is_better=one.higher_is_better,
            replicates=options.replicates,
            seed=options.seed,
            level=options.level,
            grid=np.arange(200) / 200.0,
            limits=options.limits,
            fraction=options.fraction,
            missing=missing,
        )
    areas = partial_areas(curve, limits=options.limits, best=best)
    return MethodCurve(one.name, one.higher_is_better, curve, areas, bands, lacking)


def _with_bands(comparisons: Comparisons, options: EdcOptions) -> bool:
    known = comparisons.identity is not None and len(np.unique(comparisons.identity)) > 1
    return known and options.replicates > 0 and not options.recompute


def _notes(comparisons: Comparisons, point: OperatingPoint, options: EdcOptions) -> list[str]:
    notes = []
    if not point.resolved:
        notes.append(
            f"{point.impostor_count} impostor comparisons cannot resolve a false match rate of {options.fmr:g}: not one "
            f"false match is allowed; give at least {int(np.ceil(1 / max(options.fmr, 1e-12)))}, or a larger --fmr"
        )
    if point.fnmr == 0.0:
        notes.append("no genuine comparison fails at this threshold, so no method can lower the error")
    if options.recompute and comparisons.identity is not None and options.replicates:
        notes.append("there are no bands where the threshold is recomputed at every step")
    if options.missing == "worst":
        notes.append("images without a quality leave first")
    return notes


def _impostors_above(comparisons: Comparisons) -> str | None:
    """Warn where most impostor similarities exceed most genuine ones, as when distances are read as similarities."""
    scores, genuine = comparisons.scores(), comparisons.genuine
    if not (np.any(genuine) and not np.all(genuine)):
        return None
    mated, others = (float(np.median(scores[rows])) for rows in (genuine, ~genuine))
    if mated >= others:
        return None
    return (
        f"the impostor similarities lie above the genuine ones (medians {others:.4g} and {mated:.4g}): they look like distances, "
        "or the labels are exchanged; a column of distances is called distance, or told with --similarity NAME=lower"
    )
