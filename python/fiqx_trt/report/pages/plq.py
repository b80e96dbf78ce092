"""The report of pixel-level quality maps (``plq``)."""

from __future__ import annotations

from fiqx_trt.explain.appearance import DARK, FLAT
from fiqx_trt.explain.regions import REGIONS, WHOLE
from fiqx_trt.report.explained_summary import ExplainedSummary
from fiqx_trt.report.html import Page, Table
from fiqx_trt.report.pages.experiment import PAPER, PIXEL_QUALITY, QUALITY
from fiqx_trt.report.pages.explained import (
    SHARES,
    ExplainedTable,
    Words,
    explained_page,
    faces_sections,
    spread_cells,
)
from fiqx_trt.report.pages.parts import decimal, percent, plain
from fiqx_trt.rows import Row

__all__ = ["plq_page"]

READING = (
    "From left to right: the face as the network sees it, its pixel-level quality P, and P over the grey face. Red pixels (0) do "
    "not serve the recogniser, green ones (1) do. The colours are never rescaled, so faces can be compared, and a face of low "
    "quality is red everywhere. The words below name regions that lie low even for that: relative to the rest of the face."
)
_COLUMNS = {
    "quality": "quality Q̂",
    "plq": "mean P of the face",
    **{f"plq_{name}": f"mean P, {name}" for name in REGIONS},
}


def plq_page(done: ExplainedTable, *, method: str = "serfiq") -> Page:
    """Return the report of a complete table of pixel-level quality.

    Parameters
    ----------
    done
        The table.
    method
        The quality method behind the maps.
    """
    found = done.summary("quality", {**dict.fromkeys(_COLUMNS, 2), "clipped": 0, "dark": 0, "flat": 0})
    settings = done.meta.parameters
    compared = any(name.startswith("plq.usual.") for name in settings)
    words = Words(
        kind="plq",
        title="Which pixels make a face useful",
        lead=f"Which pixels of every face serve the recogniser, and which regions lie low? {_middle(found)}",
        formulas=_formulas(method, str(settings["plq.per"])),
        note=f"Here P is per {settings['plq.per']}, the weighting w is {settings['plq.weights']} and γ = "
        f"{plain(settings['plq.gamma'])}.",
        notes=_notes(found, compared=compared),
        facts=[("quality method", method), ("gradients", "fp32")],
    )
    faces = faces_sections(
        done, found, ends=("The lowest qualities", "The highest qualities"), reading=[READING], lines=_lines
    )
    return explained_page(done, found, words, _spread(found, compared=compared), faces)


def _middle(found: ExplainedSummary) -> str:
    middle = found.spreads["quality"].at(0.5)
    return "" if middle is None else f"The median quality is {decimal(middle, 2)} of 1."


def _lines(row: Row) -> tuple[str, ...]:
    return f"quality {decimal(float(row['quality'] or 0.0), 2)}", str(row["summary"] or "")


def _spread(found: ExplainedSummary, *, compared: bool) -> Table:
    def low(column: str) -> str:
        name = {"plq": WHOLE}.get(column, column.removeprefix("plq_"))
        return percent(found.low[name] / found.faces) if compared and column != "quality" else "–"

    rows = [(words, *spread_cells(found.spreads[name]), low(name)) for name, words in _COLUMNS.items()]
    note = "Half of the faces have at most the median, a tenth at most what stands below 10 %. "
    note += (
        "A region lies low where it is below 90 % of the calibration faces, relative to its face."
        if compared
        else "None is called low: the model has no calibration faces with this γ and weighting."
    )
    return Table(
        "How quality and pixel quality are spread over the faces.", ("", *SHARES, "lies low in"), rows, note
    )


def _notes(found: ExplainedSummary, *, compared: bool) -> list[str]:
    notes = [
        "P says what serves this recogniser, not what a person would call a good picture. Maps of other models, weightings, "
        "definitions (--per) or γ do not compare with these."
    ]
    if not compared:
        notes.append(
            "The model has no calibration faces with this γ and weighting, so the words name the lowest region of every face "
            "and cannot say whether that is unusual; fiqx-trt calibrate measures them."
        )
    if clipped := found.spreads["clipped"].counts[1.0]:
        notes.append(f"The gradient of {clipped} faces was shortened (--clip); their maps are too low.")
    if dark := found.spreads["dark"].counts[1.0]:
        notes.append(
            f"{dark} faces are marked dark: their mean grey lies below {DARK:g} of 255. The darker a picture, the larger its "
            "gradient per intensity, so green there does not mean a good picture."
        )
    if flat := found.spreads["flat"].counts[1.0]:
        notes.append(
            f"{flat} faces are marked flat: the grey around their pixels deviates by less than {FLAT:g} of 255 on average, or "
            "the network does not react. There is little that a map could tell apart."
        )
    return notes


def _formulas(method: str, per: str) -> list[tuple[str, ...]]:
    other = ("Q̂", "see the method", f"the scaled quality by {method}, 0 to 1", "")
    node = "the quality node on the embedding e; its weights w make it give Q̂"
    level = "what is compared with the calibration faces: Q̂ and γ cancel"
    colours = "over the three colours of the pixel I, per unit of intensity"
    contrast = "standard deviation of the grey intensity in the 9 × 9 pixels around: the effect of a change as large as that"
    per_contrast = [("Ŝ per contrast", "Ŝ · C", f"in place of Ŝ below; C: {contrast}", "this program")]
    return [
        QUALITY if method == "serfiq" else other,
        ("M", "Σ wᵢ eᵢ", node, f"{PAPER}, Eq. 3"),
        ("Ŝ", "⅓ Σ |∂M/∂I|", colours, f"{PAPER}, Eq. 4 and 5"),
        *(per_contrast if per == "contrast" else []),
        PIXEL_QUALITY,
        ("level", "mean Ŝ of the region / mean Ŝ of the face", level, "this program"),
    ]
