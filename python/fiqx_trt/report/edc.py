"""The report of error-versus-discard curves (``edc``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fiqx_trt.evaluate.edc_files import BEST, RANDOM
from fiqx_trt.report.edc_det import det_part, det_table
from fiqx_trt.report.formulas import QUALITY_SAYS
from fiqx_trt.report.html import Figure, Files, Notes, Page, Section, Table
from fiqx_trt.report.parts import (
    BUILTIN_MODEL,
    FEW_IMAGES,
    cautions,
    closing,
    decimal,
    drawn,
    interval,
    method_name,
    page_foot,
    plain,
    rate,
    score_table,
)
from fiqx_trt.runs.record import RunRecord

if TYPE_CHECKING:
    from fiqx_trt.evaluate.det import DetCurve
    from fiqx_trt.evaluate.method_curves import EdcResult, MethodCurve
    from fiqx_trt.evaluate.score_tables import ScoreTables
    from fiqx_trt.figures.canvas import Picture
    from fiqx_trt.report.html import Part

__all__ = ["EdcFindings", "edc_page"]

FORMULAS = Table(
    "What the names mean.",
    ("name", "formula", "in words"),
    (
        (
            "FNMR",
            "#{genuine, similarity < t} / #{genuine}",
            "pairs of one person that the recogniser rejects",
        ),
        ("FMR", "#{impostor, similarity ≥ t} / #{impostor}", "pairs of two people that it accepts"),
        ("quality of a pair", "min(q₁, q₂)", "a comparison is as good as its worse image"),
        ("area up to x", "∫₀ˣ FNMR dx", "how much error is left while x of the comparisons leave"),
        ("mean FNMR up to x", "area / x", "the same as a rate: what the legend and the table give"),
        (
            "normalised pAUC",
            "area / (x · FNMR without discard)",
            "the same, compared with leaving nothing out; the name that FROQ, eDifFIQA and others give it",
        ),
    ),
    note="t is the decision threshold. FMR and FNMR as in ISO/IEC 19795-1; the curves are those of Fu & Damer, Fig. 1.",
)
#: Images without an embedding that are named on the page; the summary has all.
NAMED = 50


@dataclass(frozen=True)
class EdcFindings:
    """The results of a run, one for each false match rate, with their figures.

    Parameters
    ----------
    results
        The curves.
    pictures
        The figure of each, by the name of its files.
    det
        Method → DET curves; empty where there are none.
    det_picture
        Their figure.
    """

    results: Sequence[EdcResult]
    pictures: Mapping[str, Picture]
    det: Mapping[str, Sequence[DetCurve]]
    det_picture: Picture | None = None


def edc_page(
    findings: EdcFindings,
    tables: ScoreTables,
    similarity: Mapping[str, Any],
    folder: Path,
    record: RunRecord,
    notes: Sequence[str],
) -> Page:
    """Return the report of curves whose figures and files are in a folder.

    Parameters
    ----------
    findings
        The curves.
    tables
        Where the scores come from.
    similarity
        Where the similarities come from, as in ``summary.json``.
    folder
        Where the page will be.
    record
        The command.
    notes
        What the reader should know of the model and of the inputs.
    """
    results, first = findings.results, findings.results[0]
    names = ", ".join(one.name for one in first.methods)
    lead = (
        f"{QUALITY_SAYS} "
        "If the comparisons with the worst images are left out, how fast do the recogniser's errors fall? The faster, the better "
        f"the quality method tells which images fail. Methods: {names}. {_rankings(results)}"
    )
    short = [part for result in results for part in (_areas(result), _threshold(result, similarity))]
    figures = [
        _figure(result, picture, stem)
        for result, (stem, picture) in zip(results, findings.pictures.items(), strict=True)
    ]
    detected: list[Part] = []
    if findings.det_picture is not None:
        detected = [det_table(results, findings.det), det_part(findings.det, findings.det_picture)]
    remarks = dict.fromkeys([note for one in results for note in (*one.notes, *_cautions(one, similarity))])
    warned = set(record.warnings)
    return Page(
        kind="fiqx-trt edc",
        title="Error versus discard",
        lead=lead,
        sections=[
            Section("In short", [*([_side_by_side(results)] if len(results) > 1 else []), *short]),
            cautions(record, [*(note for note in remarks if note not in warned), *notes]),
            Section("Curves", figures),
            Section("Both errors of what is left", detected),
            Section(
                "Left out", [Notes(_left_out(first, similarity))] if _left_out(first, similarity) else []
            ),
            Section("What was computed", [FORMULAS]),
            *closing(
                [("command", record.command), *_facts(first, similarity)],
                _files(findings, similarity, folder),
                [score_table(tables)],
            ),
        ],
        foot=page_foot(),
    )


def _rankings(results: Sequence[EdcResult]) -> str:
    if len(results) == 1:
        return _ranking(results[0])
    return " ".join(f"At FMR {result.options.fmr:g}: {_ranking(result)}" for result in results)


def _side_by_side(results: Sequence[EdcResult]) -> Table:
    """Return what papers print: one row per method, one pair of columns per false match rate."""
    limit = results[0].options.limits[0]
    header = ["method"]
    for result in results:
        header += [f"mean FNMR, FMR {result.options.fmr:g}", "normalised pAUC"]
    rows = []
    for position, one in enumerate(results[0].methods):
        areas = [result.methods[position].areas[0] for result in results]
        cells = [cell for area in areas for cell in (rate(area.normalised), decimal(area.relative, 3))]
        rows.append([method_name(one.name, higher=one.higher_is_better), *cells])
    chance = [result.random_areas[0] for result in results]
    rows.append(
        [RANDOM, *(cell for area in chance for cell in (rate(area.normalised), decimal(area.relative, 3)))]
    )
    return Table(
        f"All false match rates side by side, up to {100 * limit:g} % discard; lower is better.",
        header,
        rows,
        "Normalised pAUC: the mean FNMR over the FNMR without discard; 1 is no better than leaving nothing out.",
    )


def _ranking(result: EdcResult) -> str:
    limit = 100 * result.methods[0].areas[0].limit
    areas = [one.areas[0] for one in result.methods]
    lowest = min(area.raw for area in areas)
    if all(area.raw == 0.0 for area in areas):
        return "No genuine comparison fails at this threshold, so no method can lower the error and none is better than another."
    if len(areas) == 1:
        return (
            f"Its mean FNMR up to {limit:g} % discard is {rate(areas[0].normalised)}; a random order has "
            f"{rate(result.random_areas[0].normalised)}."
        )
    best = [
        one
        for one, area in zip(result.methods, areas, strict=True)
        if math.isclose(area.raw, lowest, rel_tol=1e-12)
    ]
    if len(best) == len(areas):
        return f"All have the same mean FNMR up to {limit:g} % discard, {rate(areas[0].normalised)}; none is better than another."
    doubt = ", but the intervals overlap, so the order may be chance" if _overlapping(result, best) else ""
    names = " and ".join(one.name for one in best)
    return f"Lowest mean FNMR up to {limit:g} % discard: {names}, {rate(best[0].areas[0].normalised)}{doubt}."


def _overlapping(result: EdcResult, best: Sequence[MethodCurve]) -> bool:
    """Return a note on methods whose interval overlaps that of the best one."""
    highest = [float(one.bands.area_high[0]) for one in best if one.bands is not None]
    others = [one.bands for one in result.methods if one not in best and one.bands is not None]
    return bool(highest) and any(one.area_low[0] <= max(highest) for one in others)


def _areas(result: EdcResult) -> Table:
    limits = result.options.limits
    header = ["method", *(f"mean FNMR up to {100 * limit:g} %" for limit in limits), "above the best possible",
              "compared with no discard (normalised pAUC)"]  # fmt: skip
    rows = [_method(one, limits) for one in result.methods]
    chance = result.random_areas[0]
    rows.append([RANDOM, *(rate(a.normalised) for a in result.random_areas),
                 decimal(chance.above_best / limits[0]), decimal(chance.relative, 2)])  # fmt: skip
    best = [rate(area / limit) for area, limit in zip(result.best_areas, limits, strict=True)]
    without = result.best_areas[0] / limits[0] / result.point.fnmr if result.point.fnmr else None
    rows.append([BEST, *best, decimal(0.0), decimal(without, 2)])
    bands = next((one.bands for one in result.methods if one.bands is not None), None)
    at = "" if result.point.target_fmr is None else f", at FMR {result.point.target_fmr:g}"
    note = (
        f"In brackets: {100 * bands.level:g} % intervals, {len(bands.areas)} bootstrap samples of people. "
        if bands is not None
        else "There are no intervals: they need identities (--identities) and --replicates. "
    )
    note += (
        f"The last two columns are for {100 * limits[0]:g} %. In the last, 1.00 is no better than leaving nothing out, and lower "
        "is better."
    )
    return Table(
        f"What is left of the error while the worst comparisons leave{at}; lower is better.",
        header,
        rows,
        note,
    )


def _method(one: MethodCurve, limits: Sequence[float]) -> list[str]:
    cells = []
    for position, (area, limit) in enumerate(zip(one.areas, limits, strict=True)):
        low, high = (None, None) if one.bands is None else (
            float(one.bands.area_low[position]) / limit,
            float(one.bands.area_high[position]) / limit,
        )  # fmt: skip
        cells.append(interval(area.normalised, low, high, written=rate))
    first = one.areas[0]
    above = decimal(first.above_best / first.limit)
    return [method_name(one.name, higher=one.higher_is_better), *cells, above, decimal(first.relative, 2)]


def _threshold(result: EdcResult, similarity: Mapping[str, Any]) -> str:
    point, counts = result.point, result.comparisons
    compared = len(np.union1d(counts.first, counts.second))
    distance = f", a distance of {-point.threshold:.6g}," if similarity.get("distances") else ""
    rule = (
        "given"
        if point.target_fmr is None
        else f"the smallest with an FMR of at most {point.target_fmr:g}"
        + (", recomputed at every step" if result.options.recompute else ", fixed on all comparisons")
    )
    return (
        f"Threshold {point.threshold:.6g}{distance} ({rule}): FMR {point.fmr:.4g}, FNMR {point.fnmr:.4g} on "
        f"{counts.genuine_count} genuine and {counts.impostor_count} impostor comparisons of {compared} images."
    )


def _cautions(result: EdcResult, similarity: Mapping[str, Any]) -> list[str]:
    counts = result.comparisons
    notes = [
        "The curve belongs to the recogniser that gave the similarities. Scores made with another network are judged by this one."
    ]
    if str(similarity["source"]).endswith(f" {BUILTIN_MODEL}"):
        notes.append(
            "The similarities come from the embedded network (dlib's ResNet), which is small, open and old: it is there for "
            "machines without a network. For work, give the recogniser in use with --model."
        )
    people = None if counts.identity is None else len(set(counts.identity.tolist()))
    if people is not None and people < FEW_IMAGES:
        notes.append(
            f"There are only {people} people; intervals over so few are rough, and usually too narrow."
        )
    wrong = round(result.point.fnmr * counts.genuine_count)
    if 0 < wrong < FEW_IMAGES:
        notes.append(
            f"Only {wrong} genuine comparisons fail at the threshold {result.point.threshold:.6g}; the curves move in steps of "
            "single failures."
        )
    return notes


def _figure(result: EdcResult, picture: Picture, stem: str) -> Figure:
    spoken = "; ".join(
        f"{one.name}: FNMR {rate(float(one.curve.fnmr[0]))} without discard, "
        f"{rate(float(one.curve.at(one.areas[0].limit)))} at {100 * one.areas[0].limit:g} %"
        for one in result.methods
    )
    bands = any(one.bands is not None for one in result.methods)
    mark = "shaded" if len(result.methods) <= 2 else "whiskers"
    return drawn(
        picture,
        stem,
        alt=f"Step curves of the false non-match rate over the discarded fraction, and of the false match rate below. {spoken}.",
        caption="FNMR (above) and FMR (below) as the comparisons with the worst images leave; as Fu & Damer, Fig. 1"
        + ("." if result.point.target_fmr is None else f"; threshold for FMR {result.point.target_fmr:g}.")
        + (f" Bootstrap intervals over people: {mark}." if bands else ""),
        reading="A good method falls early and steeply, towards the dashed line that no order can beat; along the dotted line it "
        "knows no more than chance. A rising curve leaves out the wrong images. To the right few comparisons are left, and every "
        "curve is uncertain there.",
    )


def _left_out(result: EdcResult, similarity: Mapping[str, Any]) -> list[str]:
    notes = [
        f"Compared images without a quality by {one.name}: {one.missing}."
        for one in result.methods
        if one.missing
    ]
    if result.dropped:
        notes.append(
            f"{result.dropped} comparisons do not count, for any method: an image of theirs has no quality."
        )
    if result.comparisons.duplicates:
        notes.append(f"{result.comparisons.duplicates} repeated pairs count once.")
    errors = similarity.get("images_without_embedding", {})
    if errors:
        notes.append(
            f"Images without an embedding: {len(errors)}; comparisons left out for it: "
            f"{similarity['comparisons_without_embedding']}."
        )
        notes += [f"{path}: {why}" for path, why in list(errors.items())[:NAMED]]
        notes += [f"… and {len(errors) - NAMED} more in summary.json"] if len(errors) > NAMED else []
    return notes


def _facts(result: EdcResult, similarity: Mapping[str, Any]) -> list[tuple[str, str]]:
    options = result.options
    return [
        ("similarity", str(similarity["source"])),
        *((name, plain(similarity[name])) for name in ("pairs", "grammar") if name in similarity),
        *((name, plain(value)) for name, value in similarity.get("configuration", {}).items()),
        ("axis counts", options.fraction),
        (
            "images without a quality",
            {"error": "are an error", "worst": "leave first", "drop": "do not count"}[options.missing],
        ),
        ("bootstrap samples", str(options.replicates)),
        ("seed", str(options.seed)),
    ]


def _files(findings: EdcFindings, similarity: Mapping[str, Any], folder: Path) -> Files:
    bands = any(one.bands is not None for result in findings.results for one in result.methods)
    rows = [
        ("curves.csv", "every step of every curve"),
        *([("bands.csv", "the bootstrap bands")] if bands else []),
        *((f"{stem}.npz", f"the arrays of {stem}.png") for stem in findings.pictures),
    ]
    if findings.det:
        rows += [("det.csv", "every point of the DET curves"), ("det.npz", "the arrays of det.png")]
    if "embeddings" in similarity and Path(similarity["embeddings"]).parent == folder:
        rows.append((Path(similarity["embeddings"]).name, "the embeddings, for the next run"))
    return Files([*rows, ("summary.json", "every number of this page")])
