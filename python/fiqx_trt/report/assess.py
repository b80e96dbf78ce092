"""The report of an assessment (``assess``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fiqx_trt.experiments.probe_discard import relative_area
from fiqx_trt.models.validity import WEAK
from fiqx_trt.report.deletion import area_table, deletion_notes
from fiqx_trt.report.formulas import QUALITY_SAYS
from fiqx_trt.report.html import Figure, Files, Notes, Page, Section, Table
from fiqx_trt.report.parts import (
    FEW_IMAGES,
    cautions,
    closing,
    decimal,
    drawn,
    interval,
    model_facts,
    page_foot,
    skipped_words,
)

if TYPE_CHECKING:
    from fiqx_trt.evaluate.bootstrap import Estimate
    from fiqx_trt.evaluate.method_curves import EdcResult
    from fiqx_trt.experiments.assessment import Assessment
    from fiqx_trt.experiments.assessment_study import AssessmentStudy
    from fiqx_trt.experiments.deletion_study import DeletionStudy
    from fiqx_trt.figures.canvas import Picture
    from fiqx_trt.runs.record import RunRecord

__all__ = ["assess_page"]

FORMULAS = Table(
    "What the names mean.",
    ("name", "what it is"),
    (
        (
            "similarity that is left",
            "the cosine of the embedding of a degraded face and of the untouched face",
        ),
        (
            "degraded, other pictures",
            "the quality of a degraded face against its mean cosine to the untouched other pictures of the same person",
        ),
        (
            "untouched, other pictures",
            "the quality of an untouched face against its mean cosine to the other pictures of the same person",
        ),
        (
            "Spearman correlation",
            "1: the quality orders the faces as the recogniser does; 0: it knows nothing; below 0: reversed",
        ),
        (
            "relative area",
            "the area under the error-versus-discard curve over that without discard (normalised pAUC): 1 is no gain",
        ),
    ),
)


def assess_page(
    study: AssessmentStudy, pictures: Mapping[str, Picture], record: RunRecord, copies: Section
) -> Page:
    """Return the report of an assessment.

    Parameters
    ----------
    study
        The result.
    pictures
        Its figures (:func:`fiqx_trt.figures.studies.assessment_pictures`).
    record
        The command.
    copies
        The table of all copies (:func:`fiqx_trt.report.copies.copies_section`).
    """
    result = study.result
    facts = [
        ("command", record.command),
        ("faces", str(result.faces)),
        ("people", str(result.people) if result.people else "not known"),
        ("degraded copies", str(result.copies)),
        ("copies without a finite number", str(result.failed)),
        ("inputs without a face", skipped_words(study.setup.faces.skipped)),
        (
            "bands",
            f"{100 * result.options.level:g} %, {result.options.replicates} bootstrap replicates over {_unit(result)}",
        ),
        *model_facts(study.setup.model),
    ]
    sections = [
        Section("In short", [_table(result), *_discard_table(result), *_cosine_table(result)]),
        cautions(record, _notes(result)),
        copies,
        Section("Correlations", [_validity(pictures["validity"])]),
        Section("What each degradation does", [_degradations(pictures["degradations"])]),
        *([Section("Taps", [_tap_table(study.taps)])] if study.taps else []),
        *([] if study.maps is None else [_maps_section(study.maps)]),
        Section("What was computed", [FORMULAS]),
        *closing(facts, Files([*FILES, ("summary.json", "every number of this page")])),
    ]
    return Page(
        "fiqx-trt assess", "What the quality predicts", _lead(study), sections, foot=page_foot(explored=True)
    )


FILES = (
    ("thumbs/", "small pictures of the faces and their copies, many on a sheet, the lowest quality first"),
    ("copies.csv", "similarity and every method's score of each degraded copy"),
    ("validity.png", "the correlations"),
    ("degradations.png", "similarity and ranks of quality by strength"),
)


def _lead(study: AssessmentStudy) -> str:
    methods = study.result.methods
    best = max(methods, key=lambda name: methods[name].headline.value)
    value = methods[best].headline
    return (
        f"{QUALITY_SAYS} "
        f"Faces were degraded in known ways. Each copy has a similarity by {study.setup.spec.name} and a quality by each method; "
        f"this page says how well they agree. Best here: {best}, Spearman {interval(value.value, value.low, value.high, 2)}."
    )


def _table(result: Assessment) -> Table:
    tables = {name: method.rows() for name, method in result.methods.items()}
    rows = [
        (row, *(interval(t[row].value, t[row].low, t[row].high, 2) for t in tables.values()))
        for row in next(iter(tables.values()))
    ]
    return Table(
        "Spearman correlation of each method's quality with the similarity that is left.",
        ("pictures", *tables),
        rows,
        note=f"In brackets: {100 * result.options.level:g} % bands, bootstrap over {_unit(result)}. "
        f"Do not use a method below {WEAK:g}.",
    )


def _discard_table(result: Assessment) -> list[Table]:
    curves = {"degraded probes": result.degraded_discard, "untouched pictures": result.untouched_discard}
    known = {name: curve for name, curve in curves.items() if curve is not None}
    if not known:
        return []
    limit = 100 * result.options.limit
    rows = []
    for name, curve in known.items():
        areas = relative_area(curve)
        rows.append(
            (
                name,
                decimal(curve.point.fnmr, 4),
                _best(curve),
                *(interval(*area, 2) for area in areas.values()),
            )
        )
    return [
        Table(
            f"Relative area under the discard curve up to {limit:g} % of the genuine comparisons, at FMR {result.options.fmr:g}.",
            ("probes", "FNMR", "best possible", *result.methods),
            rows,
            note="1 is no gain over discarding nothing. A method is useful where its whole band is below 1.",
        )
    ]


def _cosine_table(result: Assessment) -> list[Table]:
    if not result.cosines:
        return []
    words = {"genuine": "two pictures of one person", "impostor": "pictures of two people"}
    rows = [(words[name], *(decimal(q, 2) for q in quantiles)) for name, quantiles in result.cosines.items()]
    return [
        Table(
            "Cosine between untouched pictures: what a similarity on this recogniser means.",
            ("pictures", "5th percentile", "median", "95th percentile"),
            rows,
        )
    ]


def _best(curve: EdcResult) -> str:
    start = curve.point.fnmr * curve.options.limits[0]
    return decimal(curve.best_areas[0] / start, 2) if start else "–"


def _notes(result: Assessment) -> list[str]:
    notes = []
    if result.faces < FEW_IMAGES:
        notes.append(
            f"There are only {result.faces} faces: read the result as an example, not as a measurement."
        )
    if not result.people:
        notes.append(
            "Identities are not known, so a degraded face is compared with itself. Give --identities folder, or a table, to "
            "compare it with other pictures of the same person."
        )
    notes += [
        f"{name} predicts little of the loss of similarity on this recogniser."
        for name in result.methods
        if result.methods[name].headline.value < WEAK
    ]
    notes.append(
        "The degradations are strong and known. On pictures that differ in pose, expression or age only, a method can be worth "
        "much less: see the row of untouched pictures where identities are known."
    )
    return notes


def _validity(picture: Picture) -> Figure:
    return drawn(
        picture,
        "validity",
        alt="Correlations of each method, one row for all degradations and one for each, with bands.",
        caption="Spearman correlation of each quality with the similarity that is left.",
        reading="Further right is better. Bands that do not overlap differ by more than chance.",
    )


def _degradations(picture: Picture) -> Figure:
    return drawn(
        picture,
        "degradations",
        alt="One panel for each degradation: similarity and the rank of each quality over the strength.",
        caption="Mean similarity to the untouched face and mean rank of each quality, over the strength.",
        reading="A quality that means something falls where the line of the similarity falls.",
    )


def _tap_table(taps: Mapping[str, Estimate]) -> Table:
    return Table(
        "The first row of the table above for serfiq, with the noise put into each vector that a linear layer reads.",
        ("vector", "serfiq"),
        [(tap, interval(c.value, c.low, c.high, 2)) for tap, c in taps.items()],
        note="The rule of this program takes the first vector from which everything that follows is affine.",
    )


def _maps_section(study: DeletionStudy) -> Section:
    lead = (
        f"The cells of {len(study.setup.faces)} of the faces were removed and shown in the order of each map, of a Gaussian on "
        "the middle of the face, of the mean map of the other faces, and at random. plq is P per intensity, plq-contrast P per "
        "contrast, cam Score-CAM, uniform the plain mean activation."
    )
    lines = Notes([f"{line}." for line in study.verdicts])
    return Section(
        "What the maps are worth", [lead, lines, area_table(study), Notes(deletion_notes(study.curves))]
    )


def _unit(result: Assessment) -> str:
    return "people" if result.people else "faces"
