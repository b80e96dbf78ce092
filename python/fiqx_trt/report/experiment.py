"""What the reports of all experiments share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.report.html import Page, Section, Table
from fiqx_trt.report.parts import (
    FEW_IMAGES,
    Asked,
    cautions,
    closing,
    existing,
    model_cautions,
    model_facts,
    page_foot,
    plain,
    skipped_words,
)

if TYPE_CHECKING:
    from fiqx_trt.experiments.face_set import FaceSet
    from fiqx_trt.models.model import Model

__all__ = ["PER_CONTRAST", "PIXEL_QUALITY", "QUALITY", "Investigation", "experiment_page"]

PAPER = "Terhörst et al."
QUALITY = (
    "Q̂",
    "σ(α (Q − r)), Q = 2σ(−d̄)",
    "SER-FIQ: how little the embedding moves under dropout, 0 to 1",
    f"{PAPER}, Eq. 1 and 2",
)
PIXEL_QUALITY = (
    "P",
    "1 − 1/(1 + 10^γ Ŝ²)",
    "pixel quality, 0 to 1; Ŝ: how strongly the pixel moves a quality node",
    f"{PAPER}, Eq. 3 to 7",
)
PER_CONTRAST = (
    "Ŝ per contrast",
    "Ŝ · C",
    "in place of Ŝ in P; C: deviation of the grey intensity in the 9 × 9 pixels around, the effect of a change as large as that",
    "this program",
)


@dataclass(frozen=True)
class Investigation:
    """An experiment that is done.

    Parameters
    ----------
    model, faces
        What ran on what.
    summary
        What came out, as in ``summary.json``.
    out
        The folder with its files, where the page will be.
    asked
        The command.
    """

    model: Model
    faces: FaceSet
    summary: Mapping[str, Any]
    out: Path
    asked: Asked


def experiment_page(
    run: Investigation,
    kind: str,
    title: str,
    lead: str,
    sections: Sequence[Section],
    *,
    formulas: Sequence[Sequence[str]],
    files: Sequence[tuple[str, str]],
    notes: Sequence[str],
) -> Page:
    """Return the report of an experiment: its own sections between what all of them say.

    Parameters
    ----------
    run
        The experiment.
    kind, title, lead
        See :class:`fiqx_trt.report.html.Page`.
    sections
        The numbers first, then figures.
    formulas
        Rows of name, formula, words and source, behind those of Q̂ and P.
    files
        What the experiment wrote, beside ``summary.json``.
    notes
        What to know before trusting the numbers.
    """
    count, spec = len(run.faces), run.model.spec
    by_contrast = [PER_CONTRAST] if run.summary["parameters"].get("per") == "contrast" else []
    table = Table(
        "What the names mean.",
        ("name", "formula", "in words", "source"),
        [QUALITY, PIXEL_QUALITY, *by_contrast, *formulas],
    )
    facts = [
        ("command", run.asked.command),
        ("faces", str(count)),
        ("inputs without a face", skipped_words(run.faces.skipped)),
        *((name, plain(value)) for name, value in run.summary["parameters"].items()),
        *model_facts(run.model),
        ("gradients", "fp32"),
    ]
    few = f"There are only {count} faces: read the result as an example, not as a measurement."
    notes = [*([few] if count < FEW_IMAGES else []), *notes, *model_cautions(spec)]
    return Page(
        kind=f"fiqx-trt experiment {kind}",
        title=title,
        lead=lead,
        sections=[
            sections[0],
            cautions(run.asked, notes),
            *sections[1:],
            Section("What was computed", [table]),
            *closing(facts, existing(run.out, files, later=[("summary.json", "every number of this page")])),
        ],
        foot=page_foot(),
    )
