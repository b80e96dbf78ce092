"""Shared sections of the pages of all studies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fiqx_trt.report.formulas import PER_CONTRAST, PIXEL_QUALITY, QUALITY
from fiqx_trt.report.html import Files, Page, Section, Table
from fiqx_trt.report.parts import (
    FEW_IMAGES,
    cautions,
    closing,
    model_cautions,
    model_facts,
    page_foot,
    plain,
    skipped_words,
)

if TYPE_CHECKING:
    from fiqx_trt.experiments.study import StudySetup
    from fiqx_trt.runs.record import RunRecord

__all__ = ["study_page"]


def study_page(
    setup: StudySetup,
    record: RunRecord,
    kind: str,
    title: str,
    lead: str,
    sections: Sequence[Section],
    *,
    formulas: Sequence[Sequence[str]],
    files: Sequence[tuple[str, str]],
    notes: Sequence[str],
) -> Page:
    """Return the report of a study: its own sections between what all of them say.

    Parameters
    ----------
    setup
        What ran on which faces.
    record
        The command.
    kind, title, lead
        See :class:`fiqx_trt.report.html.Page`.
    sections
        The numbers first, then figures.
    formulas
        Rows of name, formula, words and source, behind those of Q̂ and P.
    files
        The files that the study is written to, beside ``summary.json``.
    notes
        What to know before trusting the numbers.
    """
    count, spec = len(setup.faces), setup.spec
    by_contrast = [PER_CONTRAST] if setup.parameters.get("per") == "contrast" else []
    table = Table(
        "What the names mean.",
        ("name", "formula", "in words", "source"),
        [QUALITY, PIXEL_QUALITY, *by_contrast, *formulas],
    )
    facts = [
        ("command", record.command),
        ("faces", str(count)),
        ("inputs without a face", skipped_words(setup.faces.skipped)),
        *((name, plain(value)) for name, value in setup.parameters.items()),
        *model_facts(setup.model),
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
            cautions(record, notes),
            *sections[1:],
            Section("What was computed", [table]),
            *closing(facts, Files([*files, ("summary.json", "every number of this page")])),
        ],
        foot=page_foot(),
    )
