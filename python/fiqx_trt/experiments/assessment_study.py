"""The study of an assessment: degrade faces, score the copies and say how far quality methods can be trusted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fiqx_trt.experiments.assessment import Assessment, AssessmentOptions, GenuineSimilarity, assess
from fiqx_trt.experiments.degraded_scores import DegradedScores, score_degraded
from fiqx_trt.experiments.probe_discard import relative_area
from fiqx_trt.experiments.study import Progress, Rows, StudySetup

if TYPE_CHECKING:
    from fiqx_trt.evaluate.bootstrap import Estimate
    from fiqx_trt.evaluate.method_curves import EdcResult
    from fiqx_trt.experiments.deletion_study import DeletionStudy
    from fiqx_trt.experiments.face_set import FaceSet
    from fiqx_trt.models.model import Model
    from fiqx_trt.quality import QualityMethod
    from fiqx_trt.runs.options import RuntimeOptions

__all__ = ["AssessmentStudy", "compare_taps", "study_assessment"]


@dataclass(frozen=True)
class AssessmentStudy:
    """The result of an assessment, with the scores behind it.

    Parameters
    ----------
    setup
        What ran on which faces.
    scores
        Scores of the faces and of their degraded copies.
    result
        The correlations and discard curves.
    taps
        Vector → correlation of serfiq with the noise put there; empty where vectors were not compared
        (:func:`compare_taps`).
    maps
        What the maps are worth, where that was asked for (:func:`fiqx_trt.experiments.map_worth.judge_some`).
    people
        The person on each face, where they are known.
    """

    setup: StudySetup
    scores: DegradedScores
    result: Assessment
    taps: Mapping[str, Estimate] = field(default_factory=dict)
    maps: DeletionStudy | None = None
    people: Sequence[str] | None = None

    def summary(self) -> dict[str, Any]:
        """Return every number of the assessment, as JSON values."""
        result = self.result
        return {
            **self.setup.summary(),
            "people": result.people,
            "copies": result.copies,
            "failed": result.failed,
            "spearman": {
                name: {row: _finite(value) for row, value in method.rows().items()}
                for name, method in result.methods.items()
            },
            "discard": {
                "degraded": _discard(result.degraded_discard),
                "untouched": _discard(result.untouched_discard),
            },
            "cosines": {name: list(quantiles) for name, quantiles in result.cosines.items()},
            "taps": {tap: _finite(value) for tap, value in self.taps.items()},
            **({} if self.maps is None else {"maps": self.maps.summary()}),
        }

    def tables(self) -> dict[str, Rows]:
        """Return the rows behind the summary, by the name of their file."""
        return {"copies.csv": list(self._copies())}

    def _copies(self) -> Iterator[dict[str, Any]]:
        faces, scores, similarity = self.setup.faces, self.scores, self.scores.similarity
        genuine = self._genuine()
        for i in range(len(scores)):
            clean = {name: float(values[i]) for name, values in scores.clean.items()}
            if genuine is not None:
                clean["genuine_similarity"] = float(genuine.untouched[i])
            yield {**faces.row(i), "degradation": "none", "strength": 0.0, "similarity": 1.0, **clean}
            for k, kind in enumerate(scores.kinds):
                for n, strength in enumerate(scores.levels):
                    values = {name: float(v[i, k, n]) for name, v in scores.degraded.items()}
                    if genuine is not None:
                        values["genuine_similarity"] = float(genuine.copies[i, k, n])
                    yield {
                        **faces.row(i),
                        "degradation": kind,
                        "strength": strength,
                        "similarity": float(similarity[i, k, n]),
                        **values,
                    }

    def _genuine(self) -> GenuineSimilarity | None:
        """Return the similarity to other pictures of the same person, where there are several people."""
        if self.people is None or len(set(self.people)) < 2:
            return None
        return GenuineSimilarity(self.scores, np.unique(list(self.people), return_inverse=True)[1])


def study_assessment(
    model: Model,
    faces: FaceSet,
    methods: Sequence[QualityMethod],
    *,
    people: Sequence[str] | None = None,
    options: AssessmentOptions | None = None,
    progress: Progress | None = None,
) -> AssessmentStudy:
    """Degrade faces in known ways and compare the quality of the copies with their similarity.

    Parameters
    ----------
    model, faces
        The recogniser and aligned faces.
    methods
        Quality methods with different names.
    people
        The person on each face, where they are known.
    options
        How the bands and the curves are made.
    progress
        Called with the number of pictures done and of all.

    Raises
    ------
    InvalidInputError
        There are no faces or methods, or no copy has finite numbers.
    """
    options = options or AssessmentOptions()
    scores = score_degraded(model, faces.images, methods, progress=progress)
    result = assess(scores, people=people, options=options)
    return AssessmentStudy(StudySetup.of(model, faces, asdict(options)), scores, result, people=people)


def compare_taps(
    model: str | Path,
    faces: FaceSet,
    *,
    runtime: RuntimeOptions,
    contract: Mapping[str, Any],
    people: Sequence[str] | None = None,
    options: AssessmentOptions | None = None,
) -> dict[str, Estimate]:
    """Assess serfiq with the noise put into each vector that a linear layer of the head reads.

    Parameters
    ----------
    model
        Name of a known model, or its file; it is opened once for each vector.
    faces
        Aligned faces.
    runtime, contract
        Where the network runs, and the fields of its contract that were stated.
    people, options
        As for :func:`study_assessment`.

    Returns
    -------
    dict
        Name of the vector → correlation over all degradations.
    """
    from fiqx_trt.models.load import load_graph
    from fiqx_trt.onnx_export.graphs.head_walk import linear_inputs
    from fiqx_trt.quality import create_method
    from fiqx_trt.runs.options import open_model

    spec, _, graph = load_graph(model, dict(contract))
    correlations = {}
    for tap in linear_inputs(graph, spec.embedding, spec.pre_dropout):
        with open_model(model, runtime, {**contract, "pre_dropout": tap}) as opened:
            scores = score_degraded(opened, faces.images, [create_method("serfiq")])
        correlations[tap] = assess(scores, people=people, options=options).methods["serfiq"].headline
    return correlations


def _finite(value: Estimate) -> dict[str, float | None]:
    return {name: number if math.isfinite(number) else None for name, number in asdict(value).items()}


def _discard(curve: EdcResult | None) -> dict[str, Any] | None:
    if curve is None:
        return None
    start = curve.point.fnmr * curve.options.limits[0]
    return {
        "threshold": curve.point.threshold,
        "fmr": curve.point.fmr,
        "fnmr": curve.point.fnmr,
        "genuine": curve.comparisons.genuine_count,
        "impostor": curve.comparisons.impostor_count,
        "best_possible": curve.best_areas[0] / start if start else None,
        "relative_area": {
            name: dict(zip(("value", "low", "high"), area, strict=True))
            for name, area in relative_area(curve).items()
        },
    }
