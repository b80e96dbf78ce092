"""The report of a study of inpainting (``experiment inpaint``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fiqx_trt.report.formulas import PAPER, PIXELS_SAY
from fiqx_trt.report.html import Figure, Page, Section, Table
from fiqx_trt.report.parts import decimal, drawn, share
from fiqx_trt.report.study import study_page

if TYPE_CHECKING:
    from fiqx_trt.experiments.inpainting_study import InpaintingStudy
    from fiqx_trt.figures.canvas import Picture
    from fiqx_trt.runs.record import RunRecord

__all__ = ["inpainting_page"]

INTERVALS = "In brackets: 95 % intervals (Wilson), in per cent."
WORDS = {"improved": "higher", "fallen": "lower", "within": "within the deviation"}


def inpainting_page(study: InpaintingStudy, pictures: Mapping[str, Picture], record: RunRecord) -> Page:
    """Return the report of filling in the least useful area.

    Parameters
    ----------
    study
        The result.
    pictures
        Its figures (:func:`fiqx_trt.figures.studies.inpainting_pictures`).
    record
        The command.
    """
    faces, summary = study.setup.faces, study.summary()
    first = next(iter(summary["inpainters"]))
    paired = summary["inpainters"][first]["paired"]
    used = len(faces) - summary["without_region"]
    lead = (
        f"{PIXELS_SAY} "
        "If the area that a map calls least useful is filled in from its surroundings, does the face gain quality? "
        f"Of {used} faces with such an area, {paired['improved']['count']} gained and {paired['fallen']['count']} lost "
        f"({first}, compared seed by seed)."
    )
    sections = [
        Section("In short", [_outcomes(summary)]),
        Section("Figures", [_before_after(pictures, summary), _examples(pictures)]),
    ]
    return study_page(
        study.setup,
        record,
        "inpaint",
        "Does filling in the least useful area help?",
        lead,
        sections,
        formulas=[
            (
                "seed by seed",
                "|mean(after − before)| against std(after − before)",
                "a seed's dropout masks are the same before and after, so their chance cancels",
                "this project",
            ),
            (
                "as the paper",
                "|mean after − mean before| against the larger std",
                "chance of the seeds stays in, so more changes count as none",
                f"{PAPER}, 5.1",
            ),
        ],
        files=[
            ("inpainting.csv", "a row for every face and inpainter"),
            ("figure-3-inpainting.npz", "qualities by seed"),
            ("figure-4-examples.npz", "faces and maps of the examples"),
        ],
        notes=[
            f"{summary['without_region']} of {len(faces)} faces have no low area between 1 % and 40 % of the face; "
            "they do not count.",
            "The inpainters continue what surrounds the area; they know no faces. A fall of quality may be their failure and not "
            "the map's.",
        ],
    )


def _outcomes(summary: Mapping[str, Any]) -> Table:
    words = ("improved", "fallen", "within")
    rows = [
        [
            name,
            *(share(entry["paired"][word]) for word in words),
            *(share(entry["as_printed"][word]) for word in words),
            decimal(entry["mean_change"], 3),
            f"{decimal(entry['mean_region_before'], 2)} – {decimal(entry['mean_region_after'], 2)}",
        ]
        for name, entry in summary["inpainters"].items()
    ]
    header = ["inpainter", *(f"{WORDS[w]}, seed by seed" for w in words), *(f"{WORDS[w]}, as the paper" for w in words),
              "mean change of Q̂", "P of the area, before – after"]  # fmt: skip
    note = f"Over {summary['parameters']['seeds']} seeds of the dropout masks. {INTERVALS}"
    return Table("Scaled quality after filling in, compared with before.", header, rows, note)


def _before_after(pictures: Mapping[str, Picture], summary: Mapping[str, Any]) -> Figure:
    spoken = "; ".join(
        f"{name}: {entry['paired']['improved']['count']} of {entry['paired']['improved']['total']} faces gained, mean change "
        f"{decimal(entry['mean_change'], 3)}"
        for name, entry in summary["inpainters"].items()
    )
    return drawn(
        pictures["figure-3-inpainting"],
        "figure-3-inpainting",
        alt=f"Quality before and after filling in, faces sorted by quality, a panel per inpainter. {spoken}.",
        caption=f"Scaled quality before and after, with the deviation over the seeds; {PAPER}, Fig. 3.",
        reading="The line is the quality before, in rising order, the grey band its deviation over the seeds. Points above the "
        "line (blue) gained, points below (orange) lost; within the band the change may be chance.",
    )


def _examples(pictures: Mapping[str, Picture]) -> Figure:
    return drawn(
        pictures["figure-4-examples"],
        "figure-4-examples",
        alt="Pairs of faces, before and after filling in, each above its map of pixel quality and its Q̂.",
        caption=f"The faces that changed most, from gain to loss, with their maps in the colours of the bar; {PAPER}, Fig. 4.",
        reading="Where the filled area looks like skin, it should lose the colour of 0; where the inpainter failed, a "
        "new fault appears.",
    )
