"""The report of error-versus-discard curves (``edc``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fiqx_trt.evaluate.edc_files import BEST, RANDOM
from fiqx_trt.report.html import Notes, Page, Section, Table
from fiqx_trt.report.pages.parts import (
    BUILTIN_MODEL,
    FEW_IMAGES,
    Asked,
    cautions,
    closing,
    decimal,
    existing,
    interval,
    method_name,
    page_foot,
    picture,
    plain,
    score_table,
)

if TYPE_CHECKING:
    from fiqx_trt.evaluate.experiment import EdcResult, MethodCurve
    from fiqx_trt.evaluate.score_tables import ScoreTables

__all__ = ["edc_page"]

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
    ),
    note="t is the decision threshold. FMR and FNMR as in ISO/IEC 19795-1; the curves are those of Fu & Damer, Fig. 1.",
)
#: Images without an embedding that are named on the page; the summary has all.
NAMED = 50


def edc_page(
    result: EdcResult,
    tables: ScoreTables,
    told: Mapping[str, Any],
    folder: Path,
    asked: Asked,
    notes: Sequence[str],
) -> Page:
    """Return the report of curves whose figure and files are in a folder.

    Parameters
    ----------
    result
        The curves.
    tables
        Where the scores come from.
    told
        Where the similarities come from, as in ``summary.json``.
    folder
        Where the page will be.
    asked
        The command.
    notes
        What the reader should know of the model and of the inputs.
    """
    names = ", ".join(one.name for one in result.methods)
    lead = (
        "If the comparisons with the worst images are left out, how fast do the recogniser's errors fall? The faster, the better "
        f"the quality method tells which images fail. Methods: {names}. {_ranking(result)}"
    )
    return Page(
        kind="fiqx-trt edc",
        title="Error versus discard",
        lead=lead,
        sections=[
            Section("In short", [_areas(result), _threshold(result)]),
            cautions(asked, [*result.notes, *_cautions(result, told), *notes]),
            Section("Curves", [_figure(result, folder)]),
            Section("Left out", [Notes(_left_out(result, told))] if _left_out(result, told) else []),
            Section("What was computed", [FORMULAS]),
            *closing(
                [("command", asked.command), *_facts(result, told)],
                _files(folder, told),
                [score_table(tables)],
            ),
        ],
        foot=page_foot(),
    )


def _ranking(result: EdcResult) -> str:
    best = min(result.methods, key=lambda one: one.areas[0].raw)
    limit = 100 * best.areas[0].limit
    if len(result.methods) == 1:
        return (
            f"Its mean FNMR up to {limit:g} % discard is {decimal(best.areas[0].normalised)}; a random order has "
            f"{decimal(result.random_areas[0].normalised)}."
        )
    doubt = ", but the intervals overlap, so the order may be chance" if _overlapping(result, best) else ""
    return f"Lowest mean FNMR up to {limit:g} % discard: {best.name}, {decimal(best.areas[0].normalised)}{doubt}."


def _overlapping(result: EdcResult, best: MethodCurve) -> bool:
    """Say whether some other method's interval reaches into the best one's."""
    bands = [one.bands for one in result.methods if one is not best and one.bands is not None]
    return best.bands is not None and any(one.area_low[0] <= best.bands.area_high[0] for one in bands)


def _areas(result: EdcResult) -> Table:
    limits = result.options.limits
    header = ["method", *(f"mean FNMR up to {100 * limit:g} %" for limit in limits), "above the best possible",
              "compared with no discard"]  # fmt: skip
    rows = [_method(one, limits) for one in result.methods]
    chance = result.random_areas[0]
    rows.append([RANDOM, *(decimal(a.normalised) for a in result.random_areas),
                 decimal(chance.above_best / limits[0]), decimal(chance.relative, 2)])  # fmt: skip
    best = [decimal(area / limit) for area, limit in zip(result.best_areas, limits, strict=True)]
    without = result.best_areas[0] / limits[0] / result.point.fnmr if result.point.fnmr else None
    rows.append([BEST, *best, decimal(0.0), decimal(without, 2)])
    bands = next((one.bands for one in result.methods if one.bands is not None), None)
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
        "What is left of the error while the worst comparisons leave; lower is better.", header, rows, note
    )


def _method(one: MethodCurve, limits: Sequence[float]) -> list[str]:
    cells = []
    for position, (area, limit) in enumerate(zip(one.areas, limits, strict=True)):
        low, high = (None, None) if one.bands is None else (
            float(one.bands.area_low[position]) / limit,
            float(one.bands.area_high[position]) / limit,
        )  # fmt: skip
        cells.append(interval(area.normalised, low, high))
    first = one.areas[0]
    above = decimal(first.above_best / first.limit)
    return [method_name(one.name, higher=one.higher_is_better), *cells, above, decimal(first.relative, 2)]


def _threshold(result: EdcResult) -> str:
    point, counts = result.point, result.comparisons
    compared = len(np.union1d(counts.first, counts.second))
    rule = (
        "given"
        if point.target_fmr is None
        else f"the smallest with an FMR of at most {point.target_fmr:g}"
        + (", recomputed at every step" if result.options.recompute else ", fixed on all comparisons")
    )
    return (
        f"Threshold {point.threshold:.6g} ({rule}): FMR {point.fmr:.4g}, FNMR {point.fnmr:.4g} on "
        f"{counts.genuine_count} genuine and {counts.impostor_count} impostor comparisons of {compared} images."
    )


def _cautions(result: EdcResult, told: Mapping[str, Any]) -> list[str]:
    counts = result.comparisons
    notes = [
        "The curve belongs to the recogniser that gave the similarities. Scores made with another network are judged by this one."
    ]
    if str(told["source"]).endswith(f" {BUILTIN_MODEL}"):
        notes.append(
            "The similarities come from the built-in network (dlib's ResNet), which is small, open and old: it is there so that "
            "everything runs at once. For work, give the recogniser in use with --model."
        )
    people = None if counts.identity is None else len(set(counts.identity.tolist()))
    if people is not None and people < FEW_IMAGES:
        notes.append(
            f"There are only {people} people; intervals over so few are rough, and usually too narrow."
        )
    wrong = round(result.point.fnmr * counts.genuine_count)
    if 0 < wrong < FEW_IMAGES:
        notes.append(
            f"Only {wrong} genuine comparisons fail at this threshold; the curves move in steps of single failures."
        )
    return notes


def _figure(result: EdcResult, folder: Path) -> Any:
    spoken = "; ".join(
        f"{one.name}: FNMR {decimal(float(one.curve.fnmr[0]))} without discard, "
        f"{decimal(float(one.curve.at(one.areas[0].limit)))} at {100 * one.areas[0].limit:g} %"
        for one in result.methods
    )
    bands = any(one.bands is not None for one in result.methods)
    mark = "shaded" if len(result.methods) <= 2 else "whiskers"
    return picture(
        folder / "edc.png",
        folder,
        alt=f"Step curves of the false non-match rate over the discarded fraction, and of the false match rate below. {spoken}.",
        caption="FNMR (above) and FMR (below) as the comparisons with the worst images leave; as Fu & Damer, Fig. 1."
        + (f" Bootstrap intervals over people: {mark}." if bands else ""),
        reading="A good method falls early and steeply, towards the dashed line that no order can beat; along the dotted line it "
        "knows no more than chance. A rising curve leaves out the wrong images. To the right few comparisons are left, and every "
        "curve is uncertain there.",
    )


def _left_out(result: EdcResult, told: Mapping[str, Any]) -> list[str]:
    found = [
        f"Compared images without a quality by {one.name}: {one.missing}."
        for one in result.methods
        if one.missing
    ]
    if result.dropped:
        found.append(
            f"{result.dropped} comparisons do not count, for any method: an image of theirs has no quality."
        )
    if result.comparisons.duplicates:
        found.append(f"{result.comparisons.duplicates} repeated pairs count once.")
    errors = told.get("images_without_embedding", {})
    if errors:
        found.append(
            f"Images without an embedding: {len(errors)}; comparisons left out for it: "
            f"{told['comparisons_without_embedding']}."
        )
        found += [f"{path}: {why}" for path, why in list(errors.items())[:NAMED]]
        found += [f"… and {len(errors) - NAMED} more in summary.json"] if len(errors) > NAMED else []
    return found


def _facts(result: EdcResult, told: Mapping[str, Any]) -> list[tuple[str, str]]:
    options = result.options
    return [
        ("similarity", str(told["source"])),
        *((name, plain(value)) for name, value in told.get("configuration", {}).items()),
        ("axis counts", options.fraction),
        (
            "images without a quality",
            {"error": "are an error", "worst": "leave first", "drop": "do not count"}[options.missing],
        ),
        ("bootstrap samples", str(options.replicates)),
        ("seed", str(options.seed)),
    ]


def _files(folder: Path, told: Mapping[str, Any]) -> Any:
    rows = [
        ("curves.csv", "every step of every curve"),
        ("bands.csv", "the bootstrap bands"),
        ("edc.npz", "the arrays of the figure"),
    ]
    if "embeddings" in told and Path(told["embeddings"]).parent == folder:
        rows.append((Path(told["embeddings"]).name, "the embeddings, for the next run"))
    return existing(folder, rows, later=[("summary.json", "every number of this page")])
