"""The files of an assessment: figures, the table of copies, the summary and the page."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fiqx_trt.experiments.probe_discard import relative_area
from fiqx_trt.figures.assess import degradation_figure, validity_figure, validity_rows
from fiqx_trt.report.assess import AssessRun, assess_page
from fiqx_trt.report.experiment_files import about, write_rows, write_summary
from fiqx_trt.report.parts import save_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fiqx_trt.evaluate.correlation import Correlation
    from fiqx_trt.evaluate.method_curves import EdcResult
    from fiqx_trt.experiments.degraded_scores import DegradedScores

__all__ = ["write_assessment"]


def write_assessment(run: AssessRun, scored: DegradedScores) -> None:
    """Write everything an assessment found into its folder; ``summary.json`` last.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    validity_figure(run.result).save(run.out / "validity")
    degradation_figure(scored).save(run.out / "degradations")
    write_rows(run.out / "copies.csv", list(_copies(run, scored)))
    save_page(assess_page(run), run.out)
    write_summary(run.out, _summary(run))


def _copies(run: AssessRun, scored: DegradedScores) -> Iterator[dict[str, Any]]:
    similarity = scored.similarity
    for i in range(len(scored)):
        clean = {name: float(values[i]) for name, values in scored.clean.items()}
        yield {**run.faces.row(i), "degradation": "none", "strength": 0.0, "similarity": 1.0, **clean}
        for k, kind in enumerate(scored.kinds):
            for n, strength in enumerate(scored.levels):
                values = {name: float(v[i, k, n]) for name, v in scored.degraded.items()}
                yield {
                    **run.faces.row(i),
                    "degradation": kind,
                    "strength": strength,
                    "similarity": float(similarity[i, k, n]),
                    **values,
                }


def _summary(run: AssessRun) -> dict[str, Any]:
    result = run.result
    summary = about(run.model, run.faces, asdict(result.options))
    summary["people"], summary["copies"], summary["failed"] = result.people, result.copies, result.failed
    summary["spearman"] = {
        name: {row: _plain(value) for row, value in validity_rows(method).items()}
        for name, method in result.methods.items()
    }
    summary["discard"] = {
        "degraded": _discard(result.degraded_discard),
        "untouched": _discard(result.untouched_discard),
    }
    summary["cosines"] = {name: list(quantiles) for name, quantiles in result.cosines.items()}
    summary["taps"] = {tap: _plain(value) for tap, value in run.taps.items()}
    return summary


def _plain(value: Correlation) -> dict[str, float | None]:
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
