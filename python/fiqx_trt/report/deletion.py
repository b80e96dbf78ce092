"""The report of ``experiment deletion``: what maps are worth beside plain baselines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fiqx_trt.experiments.deletion_worth import words
from fiqx_trt.figures.deletion import FILL_WORDS
from fiqx_trt.report.html import Figure, Notes, Page, Section, Table
from fiqx_trt.report.parts import drawn, interval
from fiqx_trt.report.study import study_page

if TYPE_CHECKING:
    from fiqx_trt.evaluate.bootstrap import Estimate
    from fiqx_trt.experiments.deletion import Deletion
    from fiqx_trt.experiments.deletion_study import DeletionStudy
    from fiqx_trt.figures.canvas import Picture
    from fiqx_trt.runs.record import RunRecord

__all__ = ["area_cell", "area_table", "deletion_notes", "deletion_page"]

RISE = "Petsiuk et al., RISE, BMVC 2018, with a cosine for the class score"
MEASURES = {
    "similarity": "cosine to the untouched face",
    "genuine": "cosine to other pictures of the same person",
}
SHORT = {"similarity": "itself", "genuine": "other pictures"}


def deletion_page(study: DeletionStudy, pictures: Mapping[str, Picture], record: RunRecord) -> Page:
    """Return the report of deletion and insertion.

    Parameters
    ----------
    study
        The result.
    pictures
        Its figures (:func:`fiqx_trt.figures.studies.deletion_pictures`).
    record
        The command.
    """
    result, setup = study.curves, study.setup
    compared = [one for one in study.comparisons if one.measure == "similarity"]
    worth = "; ".join(words([one for one in compared if one.name == name]) for name in result.maps)
    lead = (
        "Does the recogniser lose a face sooner when its cells vanish in the order of a map than in the order of their distance "
        f"to the middle of the face? On {len(setup.faces)} faces with {setup.spec.name}: {worth}."
    )
    return study_page(
        setup,
        record,
        "deletion",
        "What the maps are worth",
        lead,
        [
            Section(
                "In short",
                [Notes([f"{line}." for line in study.verdicts]), area_table(study)],
            ),
            Section("Figures", [_figure(study, pictures, measure) for measure in study.measures]),
        ],
        formulas=_formulas(),
        files=[
            ("deletion.csv", "the areas of every face, order and fill"),
            *((f"areas-{measure}.npz", "means, bands and mean curves") for measure in study.measures),
        ],
        notes=deletion_notes(result),
    )


def area_cell(band: Estimate) -> str:
    """Return an area with its band."""
    return interval(band.value, band.low, band.high, 3)


def area_table(study: DeletionStudy) -> Table:
    """Return the areas of every order and fill."""
    result, measures = study.curves, study.measures
    shown = {(one.order, one.fill, one.measure): one for one in study.areas}
    rows = [
        (
            order,
            FILL_WORDS[fill],
            *(
                area_cell(band)
                for measure in measures
                for band in (shown[order, fill, measure].deletion, shown[order, fill, measure].insertion)
            ),
        )
        for order in result.orders
        for fill in result.fills
    ]
    columns = [f"{kind}, {SHORT[measure]}" for measure in measures for kind in ("deletion", "insertion")]
    note = (
        f"Deletion: lower is better; insertion: higher is better. In brackets: {100 * result.options.level:g} % bootstrap bands "
        f"over {'people' if result.people else 'faces'}. Maps of the same faces vary together: the comparisons above are face by "
        "face, and sharper than the bands here."
    )
    measured = " and ".join(MEASURES[measure] for measure in measures)
    return Table(f"Mean area under the curves of {measured}.", ("order", "cells show", *columns), rows, note)


def _figure(study: DeletionStudy, pictures: Mapping[str, Picture], measure: str) -> Figure:
    result, stem = study.curves, f"areas-{measure}"
    return drawn(
        pictures[stem],
        stem,
        alt=f"Mean areas of deletion (left) and insertion (right) of {', '.join(result.orders)}; the table has the numbers.",
        caption=f"{MEASURES[measure].capitalize()}: mean areas with {100 * result.options.level:g} % bands, a mark for a fill. "
        "Above the line: the maps; below: what they have to beat.",
        reading="A map that tells something of each face lies to the left of the baselines at the left, and to their right at "
        "the right, with every fill. One fill alone favours some maps.",
    )


def _formulas() -> list[tuple[str, str, str, str]]:
    area = "deletion: cells are removed, low is good; insertion: they come back, high is good"
    prior = "the plainest guess: a face's middle matters; d: distance between the eyes"
    return [
        (
            "curve",
            "cos(e(changed face), reference) over the share of cells",
            "what is left of the face",
            RISE,
        ),
        ("area", "∫ of the curve from 0 to 1, by trapezia", area, RISE),
        ("insertion − deletion", "the mean over the fills", "0 for chance, high is good", "this program"),
        ("centre prior", "exp(−r² / 2d²), r: distance to the face's middle", prior, "this program"),
        (
            "plq-contrast",
            "P with Ŝ times the local contrast",
            "the effect of changing a pixel by its own contrast",
            "this program",
        ),
        (
            "uniform, cam",
            "mean activation, Score-CAM",
            "where the network is active",
            "Wang et al., CVPRW 2020",
        ),
        ("mean …", "mean of the other faces' maps", "what a map says of any face", "this program"),
    ]


def deletion_notes(result: Deletion) -> list[str]:
    """Return what to know before trusting the areas."""
    options = result.options
    left_out = "of other people" if result.people else "of other faces, maybe of the same person"
    return [
        f"A face has {options.cells} × {options.cells} cells, removed in {options.steps} steps; a removed cell shows "
        f"{', '.join(FILL_WORDS[fill] for fill in result.fills)}. None of them is what the recogniser has learnt.",
        f"The mean maps are {left_out}. A map that does not beat its own mean says nothing of the single face; one that does not "
        "beat the centre prior says no more than where a face is.",
        f"Chance: {options.randoms} random orders of each face, averaged; a reversed random order is one too, so that its "
        "two areas are equal.",
    ]
