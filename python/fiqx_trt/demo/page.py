"""The report of the demonstration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fiqx_trt.demo.explain import AMVA
from fiqx_trt.demo.story import lower_at_full_strength, surprises, verdict
from fiqx_trt.evaluate.correlation import rank_correlation
from fiqx_trt.experiments.degradations import DEGRADATIONS
from fiqx_trt.report.amva import MAP_FORMULAS, map_cautions, map_figures
from fiqx_trt.report.formulas import PER_CONTRAST, PIXEL_QUALITY, QUALITY
from fiqx_trt.report.html import Figure, Files, Notes, Page, Section, Table
from fiqx_trt.report.parts import (
    cautions,
    closing,
    decimal,
    drawn,
    interval,
    model_cautions,
    model_facts,
    page_foot,
    plain,
)
from fiqx_trt.runs.record import RunRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fiqx_trt.demo.explain import ExplainedLadder
    from fiqx_trt.demo.picture import Step
    from fiqx_trt.figures.canvas import Picture
    from fiqx_trt.models import ModelSpec
    from fiqx_trt.runs.record import RanModel

__all__ = ["demo_page"]


def demo_page(
    model: RanModel,
    steps: Sequence[Step],
    explained: ExplainedLadder,
    pictures: Mapping[str, Picture],
    parameters: Mapping[str, object],
    record: RunRecord,
) -> Page:
    """Return the report of a demonstration.

    Parameters
    ----------
    model
        The model that was used.
    steps
        The rungs, the untouched face first.
    explained
        What the maps showed.
    pictures
        Its figures by the names of their files.
    parameters
        Settings of the quality that change a number.
    record
        The command.
    """
    lower, kinds = lower_at_full_strength(steps)
    worst = min(steps, key=lambda step: step.scaled)
    lead = (
        "What can a face recogniser do with a picture, and why? One sample face and degraded copies of it, "
        f"scored and explained. The untouched face has the quality {decimal(steps[0].scaled, 2)} of 1. At full strength, "
        f"{lower} of {kinds} degradations have a lower quality; the lowest, {decimal(worst.scaled, 2)}, has {worst.kind} at "
        f"{worst.level:.0%}."
    )
    spec, disagreements = model.spec, surprises(steps, model.spec.cosines)
    facts = [
        ("command", record.command),
        (
            "sample face",
            "the photo of an astronaut in scikit-image (NASA, public domain), detected and aligned",
        ),
        (
            "faces",
            f"{len(steps)}: untouched, and {len(DEGRADATIONS)} degradations in {len(steps) // len(DEGRADATIONS)} steps; "
            "none left out",
        ),
        *((name, plain(value)) for name, value in parameters.items()),
        *model_facts(model),
    ]
    return Page(
        kind="fiqx-trt demo",
        title="One face, made worse step by step",
        lead=lead,
        sections=[
            Section("In short", [_agreement(steps), *_yardstick(spec), _ladder(pictures["ladder"], steps)]),
            *(
                [Section("Where quality and recogniser disagree", [Notes(disagreements)])]
                if disagreements
                else []
            ),
            cautions(
                record,
                [
                    *_cautions(),
                    *map_cautions(
                        explained.activation.uniform_correlation, explained.activation.effective_channels
                    ),
                    *model_cautions(model.spec),
                ],
            ),
            Section("Every face in numbers", [_table(steps, spec)]),
            Section("Which pixels help, and where the recogniser looks", [_maps(pictures["maps"], steps)]),
            Section(
                "How the maps of good and bad faces vary",
                map_figures(explained.variation, _amva(pictures), AMVA),
            ),
            Section("What was computed", [_FORMULAS, MAP_FORMULAS]),
            *closing(facts, Files(_FILES)),
        ],
        foot=page_foot(),
    )


_FORMULAS = Table(
    "Quality and its pixels.",
    ("name", "formula", "in words", "source"),
    (
        QUALITY,
        PIXEL_QUALITY,
        PER_CONTRAST,
        ("activation", "Σ sₖ Aₖ", "channels Aₖ of the last layer, weighed by how alike the face stays under each as a mask",
         "Wang et al., Score-CAM, 2020"),
        ("cosine", "⟨e(face), e(untouched)⟩", "what the recogniser made of the face; 1: it sees no difference", "–"),
    ),
    note="d̄: expected distance of two embeddings under dropout; α, r and γ belong to the model.",
)  # fmt: skip


def _amva(pictures: Mapping[str, Picture]) -> dict[str, Picture]:
    """Return the figures of the variation by their names within their folder."""
    return {stem.removeprefix(AMVA): one for stem, one in pictures.items() if stem.startswith(AMVA)}


def _agreement(steps: Sequence[Step]) -> str:
    quality, similarity = (
        np.array([getattr(step, name) for step in steps]) for name in ("raw", "similarity")
    )
    correlation = rank_correlation(quality, similarity)
    return (
        "Does the quality predict what the recogniser makes of a face? Over these faces, quality and cosine to the untouched "
        f"face have a rank correlation (Spearman) of {interval(correlation.value, correlation.low, correlation.high, 2)},"
        " with a 95 % bootstrap interval."
    )


def _yardstick(spec: ModelSpec) -> list[str]:
    """Return the cosines of pictures of one person and of two people on this recogniser, in words."""
    if not spec.cosines:
        return []
    genuine, impostor = spec.cosines["genuine"], spec.cosines["impostor"]
    return [
        f"What a cosine means here: 95 % of the pairs of pictures of one person reach {decimal(genuine[0], 2)}, half of "
        f"them {decimal(genuine[1], 2)}; 95 % of the pairs of two people stay below {decimal(impostor[-1], 2)}."
    ]


def _table(steps: Sequence[Step], spec: ModelSpec) -> Table:
    rows = [
        (
            "untouched" if step.kind == "none" else f"{step.kind} {step.level:.0%}",
            decimal(step.raw, 4),
            decimal(step.scaled, 2),
            decimal(step.similarity, 2),
            *([verdict(step.similarity, spec.cosines)] if spec.cosines else []),
        )
        for step in steps
    ]
    return Table(
        "Quality of every face (SER-FIQ).",
        (
            "face",
            "raw Q",
            "scaled Q̂",
            "cosine to the untouched face",
            *(["taken for"] if spec.cosines else []),
        ),
        rows,
        "Q and Q̂ run up to 1, higher is better. The cosine is what the quality tries to predict without "
        "seeing the untouched face.",
    )


def _cautions() -> list[str]:
    return [
        "This is one face. It shows what the program does, not how good the method is; nothing here carries over to other faces.",
        "Quality is utility for this recogniser. A picture that looks bad to a person may serve it well, and the other "
        "way round.",
        "The groups of the variation maps have five faces each. All are copies of one face, so intervals that take them as "
        "independent are too narrow.",
    ]


def _ladder(picture: Picture, steps: Sequence[Step]) -> Figure:
    strongest = {step.kind: step for step in steps[1:]}
    spoken = "; ".join(f"{kind}: quality {decimal(step.scaled, 2)}" for kind, step in strongest.items())
    return drawn(
        picture,
        "ladder",
        alt=f"The untouched face at the left of every row, and its copies made worse from left to right. "
        f"At full strength: {spoken}.",
        caption="The untouched face and its copies, with scaled quality and cosine to the untouched face.",
        reading="From left to right every row gets worse. A useful quality falls where the cosine falls: where the recogniser "
        "no longer knows the face. The frame says what the recogniser would take the copy and the untouched face for.",
        data="scores.csv",
    )


def _maps(picture: Picture, steps: Sequence[Step]) -> Figure:
    kinds = ", ".join(dict.fromkeys(step.kind for step in steps[1:]))
    return drawn(
        picture,
        "maps",
        alt=f"Columns: the untouched face and, at full strength, {kinds}. Rows: the face, its map of pixel quality from dark "
        "blue to yellow, and its activation map over the grey face.",
        caption="Face, pixel-level quality per contrast (after Terhörst et al.; dark blue 0 to yellow 1, never rescaled) and "
        "activation (Score-CAM, each map from its own minimum to its maximum).",
        reading="Yellow pixels carry the recogniser's answer, dark blue ones do not; a bad face should turn dark as a whole, a "
        "covered one where it is covered; noise and JPEG add contrast of their own, and such a face may stay "
        "yellow. The activation says where the network is active, whether or not that helps: it is scaled per face.",
    )


_FILES = (
    ("scores.csv", "a row for every face"),
    ("scores.csv.meta.json", "the record of the scoring run"),
    ("maps.npz", "pixel quality (plq) and activation of every face, as float arrays"),
    ("faces/", "the faces"),
    ("amva/summary.json", "the variation of the activation maps in numbers"),
    ("amva/serfiq.npz", "its maps"),
)
