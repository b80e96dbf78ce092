"""Write and print the results of ``edc``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fiqx_trt.cli.command_line import command_record
from fiqx_trt.cli.console import say, table, warnings_shown

if TYPE_CHECKING:
    from fiqx_trt.cli.edc_pairs import Compared
    from fiqx_trt.evaluate.curves import PartialArea
    from fiqx_trt.evaluate.det import DetCurve
    from fiqx_trt.evaluate.method_curves import EdcResult
    from fiqx_trt.runs.record import RunRecord

__all__ = ["EdcOutcome", "figure_names", "print_results", "write_results"]


@dataclass(frozen=True)
class EdcOutcome:
    """The results of a run.

    Parameters
    ----------
    results
        One for each false match rate.
    det
        Method → DET curves; empty where there are no impostor comparisons.
    compared
        Where comparisons and scores come from.
    input_notes
        What of the score tables is not used.
    """

    results: Sequence[EdcResult]
    det: Mapping[str, Sequence[DetCurve]]
    compared: Compared
    input_notes: Sequence[str]


def figure_names(position: int, rate: float) -> tuple[str, str]:
    """Return the files of the figure of one rate: the first is ``edc.png``.

    Examples
    --------
    >>> figure_names(0, 0.01), figure_names(1, 0.001)
    (('edc.png', 'edc.npz'), ('edc-fmr-0.001.png', 'edc-fmr-0.001.npz'))
    """
    stem = f"edc-fmr-{rate:g}" if position else "edc"
    return f"{stem}.png", f"{stem}.npz"


def write_results(outcome: EdcOutcome, out: Path, *, until: float, scale: str) -> None:
    """Write figures, tables, page and, last, ``summary.json``."""
    from fiqx_trt.evaluate.edc_files import write_curves, write_det
    from fiqx_trt.figures.canvas import save_pictures
    from fiqx_trt.figures.det import det_figure
    from fiqx_trt.figures.edc import edc_figure
    from fiqx_trt.report.edc import EdcFindings, edc_page
    from fiqx_trt.report.parts import save_page

    out.mkdir(parents=True, exist_ok=True)
    for old in [
        out / "bands.csv",
        *out.glob("det.*"),
        *out.glob("edc-fmr-*.png"),
        *out.glob("edc-fmr-*.npz"),
    ]:
        old.unlink(missing_ok=True)  # of an earlier result with identities, or with other rates
    write_curves(outcome.results, out)
    pictures = {
        figure_names(position, result.options.fmr)[0].removesuffix(".png"): edc_figure(
            result, until=until, scale=scale
        )
        for position, result in enumerate(outcome.results)
    }
    det_picture = det_figure(outcome.det) if outcome.det else None
    save_pictures(pictures, out)
    if det_picture is not None:
        write_det(outcome.det, out / "det.csv")
        det_picture.save(out / "det")
    findings = EdcFindings(outcome.results, pictures, outcome.det, det_picture)
    notes = [*outcome.input_notes, *outcome.compared.notes]
    record = command_record()
    save_page(edc_page(findings, outcome.compared.tables, outcome.compared.origin, out, record, notes), out)
    _write_summary(outcome, record, out)


def _write_summary(outcome: EdcOutcome, record: RunRecord, out: Path) -> None:
    from fiqx_trt.evaluate.edc_files import edc_summary
    from fiqx_trt.files import write_json

    summaries = [edc_summary(result) for result in outcome.results]
    columns = {
        one.name: {"file": str(one.source), "column": one.column} for one in outcome.compared.tables.methods
    }
    write_json(
        out / "summary.json",
        {
            **record.summary(),
            "scores": columns,
            "columns_without_direction": list(outcome.compared.tables.skipped),
            "similarity": dict(outcome.compared.origin),
            "input_notes": [*outcome.compared.tables.joined, *outcome.compared.notes],
            **summaries[0],
            **({"operating_points": summaries} if len(summaries) > 1 else {}),
        },
    )


def print_results(outcome: EdcOutcome, out: Path) -> None:
    """Print the partial areas: of one rate all limits, of several the first limit side by side."""
    results, distances = outcome.results, outcome.compared.distances
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
