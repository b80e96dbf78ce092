"""How well quality methods predict the effect of a degradation on the comparison scores of a recogniser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.bootstrap import Estimate
from fiqx_trt.evaluate.correlation import rank_correlation
from fiqx_trt.evaluate.method_curves import EdcOptions, EdcResult
from fiqx_trt.experiments.degraded_scores import DegradedScores
from fiqx_trt.experiments.probe_discard import discard_curves

__all__ = ["Assessment", "AssessmentOptions", "GenuineSimilarity", "MethodValidity", "assess"]

Doubles = NDArray[np.float64]
COSINE_QUANTILES = (0.05, 0.5, 0.95)
#: Fewest copies from which a correlation is computed.
FEWEST = 3


@dataclass(frozen=True)
class AssessmentOptions:
    """Settings of an assessment.

    Parameters
    ----------
    replicates
        Bootstrap replicates of the bands; 0 for none.
    level
        Share of the replicates between the bounds of a band.
    seed
        Seed of the bootstrap and of the choice of probes.
    fmr
        False match rate of the discard curve.
    limit
        Discard fraction up to which the area under the curve is taken.
    probes
        Degraded copies of each face that the discard curve compares.
    """

    replicates: int = 200
    level: float = 0.95
    seed: int = 0
    fmr: float = 1e-2
    limit: float = 0.2
    probes: int = 2

    @property
    def edc(self) -> EdcOptions:
        """The options of the discard curves."""
        return EdcOptions(
            fmr=self.fmr,
            fraction="genuine",
            limits=(self.limit,),
            replicates=self.replicates,
            seed=self.seed,
            level=self.level,
        )


@dataclass(frozen=True)
class MethodValidity:
    """Spearman correlations of one method's quality, higher is better, with comparison scores.

    Parameters
    ----------
    own
        With the cosine of a degraded copy to its untouched face, over all copies.
    by_kind
        The same over the copies of one degradation.
    genuine
        With the mean cosine of a degraded copy to the untouched *other* pictures of the same person; ``None`` where
        identities are not known.
    untouched
        With the mean cosine of an untouched face to the other pictures of the same person; ``None`` likewise.
    """

    own: Estimate
    by_kind: Mapping[str, Estimate]
    genuine: Estimate | None = None
    untouched: Estimate | None = None

    @property
    def headline(self) -> Estimate:
        """The correlation over all degradations: with genuine comparisons where identities are known."""
        return self.genuine or self.own

    def rows(self) -> dict[str, Estimate]:
        """Return all correlations in the order in which they are shown, by the pictures they are over."""
        rows = {"all degradations": self.own, **self.by_kind}
        if self.genuine is not None:
            rows = {"degraded, other pictures": self.genuine, **rows}
        if self.untouched is not None:
            rows["untouched, other pictures"] = self.untouched
        return rows


@dataclass(frozen=True)
class Assessment:
    """The correlations and discard curves of quality methods on one recogniser and a set of faces.

    Parameters
    ----------
    methods
        Method → its correlations.
    faces, copies, failed
        Number of faces, of degraded copies, and of copies that are left out because the network or a method gave no
        finite number.
    people
        Number of people; 0 where identities are not known.
    degraded_discard, untouched_discard
        Error-versus-discard curves of degraded probes against untouched pictures, and of untouched pictures among each
        other; ``None`` where identities are not known or one kind of comparison is missing.
    options
        How it was made.
    """

    methods: Mapping[str, MethodValidity]
    faces: int
    copies: int
    failed: int
    people: int = 0
    degraded_discard: EdcResult | None = None
    untouched_discard: EdcResult | None = None
    options: AssessmentOptions = field(default_factory=AssessmentOptions)

    @property
    def cosines(self) -> Mapping[str, tuple[float, ...]]:
        """5th, 50th and 95th percentile of the cosine of untouched pictures, ``"genuine"`` and ``"impostor"``; else empty."""
        if self.untouched_discard is None:
            return {}
        pairs = self.untouched_discard.comparisons
        kinds = {"genuine": pairs.genuine, "impostor": ~pairs.genuine}
        return {
            name: tuple(round(float(q), 4) for q in np.quantile(pairs.scores()[rows], COSINE_QUANTILES))
            for name, rows in kinds.items()
        }


def assess(
    scored: DegradedScores, *, people: Sequence[str] | None = None, options: AssessmentOptions | None = None
) -> Assessment:
    """Correlate the quality of degraded faces with what the degradation did to their comparison scores.

    Parameters
    ----------
    scored
        Scores and embeddings of N faces and of their copies (:func:`fiqx_trt.experiments.degraded_scores.score_degraded`).
    people
        The person on each of the N faces. Bands then resample people; without it they resample faces.
    options
        How the bands and the curves are made.

    Returns
    -------
    Assessment
        A correlation of 1 says that the method orders the copies as the recogniser does; 0 says that it knows nothing.

    Raises
    ------
    InvalidInputError
        ``people`` has another length, or no copy has finite numbers.
    """
    options = options or AssessmentOptions()
    if people is not None and len(people) != len(scored):
        raise InvalidInputError(
            f"{len(people)} people were given for {len(scored)} faces; give one for each face"
        )
    codes = np.arange(len(scored)) if people is None else np.unique(list(people), return_inverse=True)[1]
    finite = _finite(scored)
    if int(finite.sum()) < FEWEST:
        raise InvalidInputError(
            f"{int(finite.sum())} degraded copies have finite numbers; at least {FEWEST} are needed. Give other faces"
        )
    several = people is not None and len(np.unique(codes)) > 1
    genuine = GenuineSimilarity(scored, codes) if several else None
    methods = {
        name: _method(scored, name, finite, codes, genuine, options) for name in scored.higher_is_better
    }
    degraded, untouched = (
        discard_curves(scored, codes, finite, options.edc, probes=options.probes) if several else (None, None)
    )
    return Assessment(
        methods=methods,
        faces=len(scored),
        copies=int(finite.size),
        failed=int(finite.size - finite.sum()),
        people=len(np.unique(codes)) if people is not None else 0,
        degraded_discard=degraded,
        untouched_discard=untouched,
        options=options,
    )


def _finite(scored: DegradedScores) -> NDArray[np.bool_]:
    """Return which copies have finite numbers of every method and a finite similarity, ``(N, K, L)``."""
    finite = [
        np.isfinite(scored.similarity),
        *(np.isfinite(values) for values in scored.degraded.values()),
    ]
    return np.asarray(np.all(finite, axis=0))


class GenuineSimilarity:
    """Mean cosine of N faces and of their copies to the untouched other pictures of the same person, NaN where there is none.

    Parameters
    ----------
    scored
        Scores and embeddings of the faces and of their copies.
    codes
        A number for the person on each face, ``(N,)``.
    """

    def __init__(self, scored: DegradedScores, codes: NDArray[np.intp]) -> None:
        vectors = np.nan_to_num(scored.embeddings.astype(np.float64))
        usable = np.isfinite(scored.embeddings).all(axis=1)
        sums = np.zeros((int(codes.max()) + 1, vectors.shape[1]))
        np.add.at(sums, codes[usable], vectors[usable])
        others = np.bincount(codes[usable], minlength=len(sums))[codes] - usable
        reference = sums[codes] - vectors  # without the face itself: its copies keep what is not the person
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = reference / np.where(others > 0, others, np.nan)[:, np.newaxis]
        self.untouched: Doubles = (scored.embeddings.astype(np.float64) * mean).sum(axis=1)
        self.copies: Doubles = (scored.copies.astype(np.float64) * mean[:, np.newaxis, np.newaxis, :]).sum(
            axis=-1
        )


def _method(
    scored: DegradedScores,
    name: str,
    finite: NDArray[np.bool_],
    codes: NDArray[np.intp],
    genuine: GenuineSimilarity | None,
    options: AssessmentOptions,
) -> MethodValidity:
    clean, degraded = scored.rising(name)
    similarity = scored.similarity
    unit = np.broadcast_to(codes[:, np.newaxis, np.newaxis], finite.shape)
    by_kind = {
        kind: _correlate(degraded[:, k], similarity[:, k], finite[:, k], unit[:, k], options)
        for k, kind in enumerate(scored.kinds)
    }
    own = _correlate(degraded, similarity, finite, unit, options)
    if genuine is None:
        return MethodValidity(own, by_kind)
    rows = finite & np.isfinite(genuine.copies)
    known = np.isfinite(clean) & np.isfinite(genuine.untouched)
    return MethodValidity(
        own,
        by_kind,
        _correlate(degraded, genuine.copies, rows, unit, options),
        _correlate(clean, genuine.untouched, known, codes, options),
    )


def _correlate(
    quality: Doubles,
    similarity: Doubles,
    rows: NDArray[np.bool_],
    unit: NDArray[np.intp],
    options: AssessmentOptions,
) -> Estimate:
    if int(rows.sum()) < FEWEST:
        return Estimate(float("nan"))
    return rank_correlation(
        quality[rows],
        similarity[rows],
        replicates=options.replicates,
        seed=options.seed,
        level=options.level,
        identity=unit[rows],
    )
