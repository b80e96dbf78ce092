"""The report of activation maps (``cam``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fiqx_trt.experiments.map_worth import worth_line
from fiqx_trt.explain.recipe import Recipe
from fiqx_trt.report.explained import (
    SHARES,
    ExplainedTable,
    Words,
    explained_page,
    faces_sections,
    spread_cells,
)
from fiqx_trt.report.explained_faces import CAM_FACES, explained_faces
from fiqx_trt.report.formulas import ACTIVATION_SAYS
from fiqx_trt.report.html import Page, Section, Table
from fiqx_trt.report.parts import decimal, drawn, uniform_caution
from fiqx_trt.rows import Row
from fiqx_trt.runs.colors import DEFAULT_COLORS, MapColors, colors_of
from fiqx_trt.runs.table_summary import TableSummary
from fiqx_trt.runs.thumbs import ThumbFile

if TYPE_CHECKING:
    from fiqx_trt.figures.canvas import Picture

__all__ = ["cam_page", "cam_summary"]

READING = (
    "In the order of reading: the face as the network sees it, its activation map, and the map over the grey face; {low} is "
    "0, {high} 1. Every map is scaled to [0, 1] by itself: it shows where in this face, never how much more than in another. The "
    "correlation below is with the plain mean activation, which needs no masked face: near 1 the map says where the network is "
    "active at all."
)
PAPER = "Wang et al., Score-CAM, CVPRW 2020"
SCORES = {
    "self": "cosine of the masked face's embedding to the face's own",
    "argmax": "softmax of the masked face's embedding, at the largest coordinate of the unmasked one",
    "norm": "norm of the masked face's embedding, relative to the unmasked one's",
    "logit": "the masked face's raw embedding, at the largest coordinate of the unmasked one",
}
WEIGHTS = {
    "score": "sₖ",
    "softmax": "softmax of s over the channels",
    "increase": "sₖ − s of the all-zero input",
    "uniform": "1",
}


def cam_summary(table: ExplainedTable) -> TableSummary:
    """Read what the page says of a table of activation maps."""
    return table.summary(
        "uniform_correlation", {"uniform_correlation": 3, "effective_channels": 1, "flat": 0}
    )


def cam_page(
    table: ExplainedTable,
    summary: TableSummary,
    *,
    recipe: Recipe,
    differences: Picture | None = None,
    averaged: int = 0,
    thumbs: ThumbFile | None = None,
) -> Page:
    """Return the report of a complete table of activation maps.

    Parameters
    ----------
    table, summary
        The table, and what is known of it (:func:`cam_summary`).
    recipe
        The definition the maps follow.
    differences
        The figure of differences to the mean map, where it was drawn.
    averaged
        Number of maps that the mean map in it is made of.
    thumbs
        The small pictures that the run kept. The sheets of them are written beside the page.
    """
    colors = colors_of(str(table.meta.parameters.get("files.colors", DEFAULT_COLORS)))
    low, high = colors.activation_ends
    words = Words(
        kind="cam",
        title="Where the recogniser looks",
        lead=f"{ACTIVATION_SAYS} "
        f"Which places of every face carry the recogniser's answer? {_middle(summary, recipe)}",
        formulas=_formulas(recipe),
        note="The maps of other definitions (--preset) do not compare with these.",
        notes=[*_notes(summary, recipe), _worth(table, recipe)],
    )
    faces = faces_sections(
        table,
        summary,
        ends=("The maps most their own", "The maps most like the plain mean activation"),
        reading=[READING.format(low=low, high=high)],
        lines=_lines,
    )
    if differences is not None:
        faces = [_differences(differences, averaged, colors), *faces]
    faces = [explained_faces(table, thumbs, CAM_FACES), *faces]
    return explained_page(table, summary, words, _spread(summary), faces)


def _differences(picture: Picture, averaged: int, colors: MapColors) -> Section:
    low, high = colors.signed_ends
    spread = float(np.abs(picture.data["differences"]).max())
    figure = drawn(
        picture,
        "differences",
        alt="The mean map, then columns of faces: the face, its activation map, and the difference to the mean map.",
        caption=f"Activation maps beside their mean over {averaged} faces of this run, and the difference of each to it. The "
        "faces are the first of those at both ends below.",
        reading=f"{high.capitalize()}: the recogniser is more active here than in the usual face; {low}: less; white: as usual. "
        f"One scale holds for all differences; its ends are ±{decimal(spread, 2)}, where maps run from 0 to 1. Where a "
        "difference is pale, the map says what the mean map says already.",
    )
    return Section("What is not in every map", [figure])


def _middle(summary: TableSummary, recipe: Recipe) -> str:
    middle = summary.spreads["uniform_correlation"].at(0.5)
    if middle is None or not recipe.needs_passes:
        return ""
    return f"The median correlation with the plain mean activation is {decimal(middle, 3)}."


def _lines(row: Row) -> tuple[str, ...]:
    correlation, channels = row["uniform_correlation"], row["effective_channels"]
    words = f"{float(channels):.3g} effective channels" if channels is not None else ""
    return f"correlation {decimal(float(correlation or 0.0), 3)}", words


def _spread(summary: TableSummary) -> Table:
    rows = [
        ("correlation with the plain mean activation", *spread_cells(summary.spreads["uniform_correlation"])),
        ("effective channels", *spread_cells(summary.spreads["effective_channels"])),
    ]
    note = "Half of the faces lie below the median, a tenth below the value under 10 %."
    return Table("How the maps differ from the plain mean activation.", ("", *SHARES), rows, note)


def _notes(summary: TableSummary, recipe: Recipe) -> list[str]:
    notes = []
    correlation, channels = (
        summary.spreads[name].mean for name in ("uniform_correlation", "effective_channels")
    )
    if not recipe.needs_passes:
        notes.append(
            "With --weights uniform every map is the plain mean activation itself: no masked face was run, and the correlation "
            "is 1 by definition. It shows where the network is active at all, hardly what speaks for this face."
        )
    elif correlation is not None and channels is not None:
        notes.append(uniform_caution(correlation, channels))
    if flat := summary.spreads["flat"].counts[1.0]:
        notes.append(f"{flat} of {summary.faces} maps have no contrast; they are 0 everywhere.")
    return notes


def _worth(table: ExplainedTable, recipe: Recipe) -> str:
    """Say what the maps were worth; measured are the default definition, with its own weights or uniform ones, and layer."""
    spec, measured = table.model.spec, (Recipe(), Recipe(weights="uniform"))
    same = recipe in measured and table.meta.parameters["cam.layer"] == spec.features
    return worth_line(
        spec, "cam" if recipe.needs_passes else "uniform", {} if same else {"definition": "another"}
    )


def _formulas(recipe: Recipe) -> list[tuple[str, ...]]:
    layer = f"the channels k of the layer, weighed and enlarged (U); B: their {recipe.summed}"
    says = "what the face x still says of itself where channel k is active (the mask H)"
    spread = "how many equally weighted channels would spread as these do"
    score = ("sₖ", f"of x ∘ Hₖ: {SCORES[recipe.target]}", says, PAPER)
    return [
        ("map", "minmax(U ReLU(Σ wₖ Bₖ))", layer, PAPER),
        ("wₖ", WEIGHTS[recipe.weights], "the weight of a channel", PAPER),
        *([score] if recipe.needs_passes else []),
        ("effective channels", "(Σ w)² / Σ w²", spread, "this program"),
        (
            "correlation",
            "over the pixels, with the map of wₖ = 1",
            "near 1: the plain mean activation",
            "this program",
        ),
    ]
