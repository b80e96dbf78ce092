"""The report of pixel-level quality maps (``plq``)."""

from __future__ import annotations

from fiqx_trt.experiments.map_worth import PLQ_MAPS, map_settings, worth_line
from fiqx_trt.explain.appearance import DARK, FLAT
from fiqx_trt.explain.region_words import LOWER_FACE, NAMED
from fiqx_trt.explain.regions import REGIONS
from fiqx_trt.quality.base import scaled_column
from fiqx_trt.report.explained import (
    SHARES,
    ExplainedTable,
    Words,
    explained_page,
    faces_sections,
    spread_cells,
)
from fiqx_trt.report.explained_faces import explained_faces, plq_faces
from fiqx_trt.report.formulas import PAPER, PER_CONTRAST, PIXEL_QUALITY, PIXELS_SAY, QUALITY
from fiqx_trt.report.html import Page, Table
from fiqx_trt.report.parts import decimal, percent, plain
from fiqx_trt.rows import Row
from fiqx_trt.runs.colors import DEFAULT_COLORS, colors_of
from fiqx_trt.runs.table_summary import TableSummary
from fiqx_trt.runs.thumbs import ThumbFile

__all__ = ["plq_page"]

READING = (
    "In the order of reading: the face as the network sees it, its pixel-level quality P, and P over the grey face. {Low} pixels "
    "(0) do not serve the recogniser, {high} ones (1) do. The colours are never rescaled, so faces can be compared, and a face "
    "of low quality is {low} everywhere."
)
#: Colours of P: names of the lowest and of the highest.
DEVIATING = (
    "The last panel shows where a face deviates from the usual: orange pixels serve less than the same pixels of the calibration "
    "faces, white ones as much, purple ones more, from −4 to 4 standard deviations. Look for orange: what covers a face or "
    "destroys its detail is orange, while the rim of a face, where P is always low, is white. What weakens a whole face alike, "
    "such as blur or darkness, lowers the quality and is not seen here. The words name the regions that are less useful than "
    "usual, and whether it is the saliency per intensity or per contrast that fell."
)
_COLUMNS = {
    "plq": "mean P of the face",
    **{f"plq_{name}": f"mean P, {name}" for name in REGIONS},
}


def plq_page(table: ExplainedTable, *, method: str = "serfiq", thumbs: ThumbFile | None = None) -> Page:
    """Return the report of a complete table of pixel-level quality.

    Parameters
    ----------
    table
        The table.
    method
        The quality method behind the maps.
    thumbs
        The small pictures that the run kept. The sheets of them are written beside the page.
    """
    quality = scaled_column(method)
    summary = table.summary(
        quality, {**dict.fromkeys((quality, *_COLUMNS), 2), "clipped": 0, "dark": 0, "flat": 0}
    )
    settings = table.meta.parameters
    low, high = colors_of(str(settings.get("files.colors", DEFAULT_COLORS))).quality_ends
    reading = READING.format(Low=low.capitalize(), low=low, high=high)
    calibrated = int(str(settings.get("plq.usual.faces") or 0))
    compared = calibrated > 0
    words = Words(
        kind="plq",
        title="Which pixels make a face useful",
        lead=f"{PIXELS_SAY} "
        f"Which pixels of every face serve the recogniser, and which regions serve less than usual? {_middle(summary)}",
        formulas=_formulas(method, str(settings["plq.per"])),
        note=f"Here P is per {settings['plq.per']}, the weighting w is {settings['plq.weights']} and γ = "
        f"{plain(settings['plq.gamma'])}.",
        notes=[*_notes(summary, compared=compared), _worth(table)],
        facts=[("quality method", method), ("gradients", "fp32")],
    )
    faces = faces_sections(
        table,
        summary,
        ends=("The lowest qualities", "The highest qualities"),
        reading=[reading, DEVIATING] if compared else [reading],
        lines=lambda row: _lines(row, quality),
        panels=4 if compared else 3,
    )
    faces = [explained_faces(table, thumbs, plq_faces(quality)), *faces]
    return explained_page(table, summary, words, _spread(summary, calibrated=calibrated), faces)


def _middle(summary: TableSummary) -> str:
    middle = summary.spreads[summary.rank].at(0.5)
    return "" if middle is None else f"The median quality is {decimal(middle, 2)} of 1."


def _lines(row: Row, quality: str) -> tuple[str, ...]:
    return f"quality {decimal(float(row[quality] or 0.0), 2)}", str(row["summary"] or "")


def _spread(summary: TableSummary, *, calibrated: int) -> Table:
    compared = calibrated > 0 and summary.faces > 0

    def low(column: str) -> str:
        name = column.removeprefix("plq_")
        return percent(summary.low[name] / summary.faces) if compared and name in NAMED else "–"

    columns = {summary.rank: f"quality Q̂ ({summary.rank})", **_COLUMNS}
    rows = [(words, *spread_cells(summary.spreads[name]), low(name)) for name, words in columns.items()]
    note = "Half of the faces lie below the median, a tenth below the value under 10 %. "
    note += (
        f"Nose, mouth and cheeks together, the lower face, were named in {percent(summary.low[LOWER_FACE] / summary.faces)}. "
        f"The threshold was measured on {calibrated} calibration faces, for one in twenty good faces to get any word; the "
        "background is never named."
        if compared
        else "None is named: the model does not know what is usual with this weighting."
    )
    return Table(
        "How quality and pixel quality are spread over the faces.", ("", *SHARES, "named in"), rows, note
    )


def _notes(summary: TableSummary, *, compared: bool) -> list[str]:
    notes = [
        "P says what serves this recogniser, not what a person would call a good picture. Maps of other models, weightings, "
        "definitions (--per) or γ do not compare with these."
    ]
    if not compared:
        notes.append(
            "The model does not know what is usual with this weighting, so no region is named and there is no map of the "
            "deviation; fiqx-trt calibrate measures it."
        )
    if clipped := summary.spreads["clipped"].counts[1.0]:
        notes.append(f"The gradient of {clipped} faces was shortened (--clip); their maps are too low.")
    if dark := summary.spreads["dark"].counts[1.0]:
        notes.append(
            f"{dark} faces are marked dark: their mean grey lies below {DARK:g} of 255. The darker a picture, the larger its "
            "gradient per intensity, so a high P there does not mean a good picture."
        )
    if flat := summary.spreads["flat"].counts[1.0]:
        notes.append(
            f"{flat} faces are marked flat: the grey around their pixels deviates by less than {FLAT:g} of 255 on average, or "
            "the network does not react. There is little that a map could tell apart."
        )
    return notes


def _worth(table: ExplainedTable) -> str:
    """Say what the maps were worth on this model, by this definition and weighting."""
    name = PLQ_MAPS[str(table.meta.parameters["plq.per"])]
    return worth_line(table.model.spec, name, map_settings(name, str(table.meta.parameters["plq.weights"])))


def _formulas(method: str, per: str) -> list[tuple[str, ...]]:
    other = ("Q̂", "see the method", f"the scaled quality by {method}, 0 to 1", "")
    node = "the quality node on the embedding e; its weights w make it give Q̂"
    relative = "smoothed logarithm of Ŝ over its median in the face: Q̂ and γ cancel; by both definitions of Ŝ"
    deviation = (
        "the lower of both; μ, σ: mean and standard deviation over the calibration faces at this pixel"
    )
    colours = "over the three colours of the pixel I, per unit of intensity"
    return [
        QUALITY if method == "serfiq" else other,
        ("M", "Σ wᵢ eᵢ", node, f"{PAPER}, Eq. 3"),
        ("Ŝ", "⅓ Σ |∂M/∂I|", colours, f"{PAPER}, Eq. 4 and 5"),
        *([PER_CONTRAST] if per == "contrast" else []),
        PIXEL_QUALITY,
        ("ℓ", "G * log(Ŝ / median Ŝ)", relative, "this program"),
        ("deviation", "min (ℓ − μ) / σ", deviation, "this program"),
    ]
