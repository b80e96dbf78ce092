"""Print the results of ``edc``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fiqx_trt.cli.console import say, table, warnings_shown

if TYPE_CHECKING:
    from fiqx_trt.evaluate.curves import PartialArea
    from fiqx_trt.evaluate.method_curves import EdcResult
    from fiqx_trt.report.edc_folder import EdcOutcome

__all__ = ["print_results"]


def print_results(outcome: EdcOutcome, out: Path, *, distances: bool) -> None:
    """Print the partial areas: of one rate all limits, of several the first limit side by side."""
    results = outcome.results
    for note in dict.fromkeys(note for result in results for note in result.notes):
        if note not in warnings_shown():
            say(f"note: {note}")
    if len(results) == 1:
        _print_one(results[0], distances=distances)
    else:
        _print_several(results, distances=distances)
    say(
        "area: under the FNMR; nPAUC: area / (limit × FNMR without discard), the normalised pAUC of FROQ and eDifFIQA"
    )
    say(f"in {out}: report.html, summary.json, curves.csv, edc.png, det.png, and the arrays of the figures")


def _print_one(result: EdcResult, *, distances: bool) -> None:
    from fiqx_trt.evaluate.edc_files import BEST, RANDOM

    limits, point = result.options.limits, result.point
    areas = [f"area to {limit:g}" for limit in limits]
    header = ["method", "better", *areas, f"nPAUC to {limits[0]:g}", "minus best"]
    rows = [[one.name, _direction(one.higher_is_better), *_cells(one.areas)] for one in result.methods]
    rows.append([RANDOM, "", *_cells(result.random_areas)])
    best = result.best_areas[0] / limits[0] / point.fnmr if point.fnmr else float("nan")
    rows.append([BEST, "", *(f"{area:.5f}" for area in result.best_areas), _ratio(best), "0.00000"])
    table(
        f"threshold {_threshold(point.threshold, distances)}: FMR {point.fmr:.4g}, FNMR {point.fnmr:.4g}",
        header,
        rows,
    )


def _threshold(value: float, distances: bool) -> str:
    """Return a threshold of similarities and, where those are distances turned around, the distance."""
    return f"{value:.6g} (distance {-value:.6g})" if distances else f"{value:.6g}"


def _cells(areas: Sequence[PartialArea]) -> list[str]:
    first = areas[0]
    return [*(f"{area.raw:.5f}" for area in areas), _ratio(first.relative), f"{first.above_best:.5f}"]


def _print_several(results: Sequence[EdcResult], *, distances: bool) -> None:
    from fiqx_trt.evaluate.edc_files import RANDOM

    limit = results[0].options.limits[0]
    header = ["method", "better"]
    for result in results:
        point = result.point
        fixed = _threshold(point.threshold, distances)
        say(f"FMR {result.options.fmr:g}: threshold {fixed}, FMR {point.fmr:.4g}, FNMR {point.fnmr:.4g}")
        header += [f"area, FMR {result.options.fmr:g}", "nPAUC"]
    rows = []
    for position, one in enumerate(results[0].methods):
        areas = [result.methods[position].areas[0] for result in results]
        rows.append([one.name, _direction(one.higher_is_better), *_side_by_side(areas)])
    rows.append([RANDOM, "", *_side_by_side([result.random_areas[0] for result in results])])
    table(f"areas to {limit:g} discard", header, rows)


def _side_by_side(areas: Sequence[PartialArea]) -> list[str]:
    return [cell for area in areas for cell in (f"{area.raw:.5f}", _ratio(area.relative))]


def _direction(higher: bool) -> str:
    """Return what is better, in a word."""
    return "higher" if higher else "lower"


def _ratio(value: float) -> str:
    return "–" if value != value else f"{value:.3f}"
