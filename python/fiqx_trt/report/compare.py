"""The report of ``experiment compare``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fiqx_trt.explain.regions import REGIONS
from fiqx_trt.report.formulas import PAPER, PIXELS_SAY
from fiqx_trt.report.html import Page, Section, Table
from fiqx_trt.report.parts import decimal, drawn
from fiqx_trt.report.study import study_page

if TYPE_CHECKING:
    from fiqx_trt.experiments.compare import ComparisonStudy
    from fiqx_trt.figures.canvas import Picture
    from fiqx_trt.runs.record import RunRecord

__all__ = ["comparison_page"]

#: Pictures that stand in the tables of the page; the CSV has all.
LISTED = 60


def comparison_page(study: ComparisonStudy, pictures: Mapping[str, Picture], record: RunRecord) -> Page:
    """Return the report of a reference beside pictures that break its rules.

    Parameters
    ----------
    study
        The result.
    pictures
        Its figure (:func:`fiqx_trt.figures.studies.comparison_pictures`).
    record
        The command.
    """
    rows = _with_unique_names(study.rows())
    below = study.summary()["quality_below_reference"]
    lead = (
        f"{PIXELS_SAY} "
        "What makes these pictures worse than the reference of the same person, and in which part of the face? "
        f"{below['count']} of {below['total']} have a lower quality than the reference, {rows[0]['name']}."
    )
    more = "" if len(rows) <= LISTED else f" The first {LISTED} of {len(rows)}; compare.csv has all."
    spoken = "; ".join(
        f"{row['name']}: quality {decimal(row['quality'], 2)}, {row['summary']}" for row in rows[:LISTED]
    )
    figure = drawn(
        pictures["figure-7-compare"],
        "figure-7-compare",
        alt=f"The reference and the other pictures, each above its map of pixel quality. {spoken}.",
        caption=f"Reference (first) and the others, each above its map in the colours of the bar; {PAPER}, Fig. 7.",
        reading="Compare each map with the first one: areas whose colour fell towards that of 0 no longer help the recogniser. "
        "Below: the cosine to the reference, and the region that lost most.",
    )
    return study_page(
        study.setup,
        record,
        "compare",
        "What changed against the reference",
        lead,
        [
            Section("In short", [_pictures(rows, more), _regions(rows, more)]),
            Section("Figure", [figure]),
        ],
        formulas=[
            (
                "cosine",
                "⟨e(picture), e(reference)⟩",
                "how alike the recogniser finds both; 1 for the same picture",
                "–",
            ),
            (
                "loss of a region",
                "mean P(reference) − mean P(picture)",
                "above 0: the region became less useful",
                f"{PAPER}, 5.3",
            ),
        ],
        files=[
            ("compare.csv", "a row for every picture"),
            ("figure-7-compare.npz", "faces and maps of the figure"),
        ],
        notes=[
            "Q̂ scales the whole map, so a picture of low quality loses in every region; look at the region that lost most.",
            "A low cosine may also mean another person: the pictures are taken to show one.",
        ],
    )


def _with_unique_names(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows under names of which none comes twice: the paths where file names do not suffice."""
    unique = len({row["name"] for row in rows}) == len(rows)
    return list(rows) if unique else [{**row, "name": row["path"]} for row in rows]


def _pictures(rows: Sequence[Mapping[str, Any]], more: str) -> Table:
    cells = [
        (
            f"{row['name']} (reference)" if i == 0 else row["name"],
            decimal(row["quality"], 2),
            decimal(row["similarity"], 2),
            row["summary"],
        )
        for i, row in enumerate(rows[:LISTED])
    ]
    header = ("picture", "quality Q̂", "cosine to the reference", "what the map says")
    return Table("Every picture beside the reference.", header, cells, f"Q̂ runs from 0 to 1.{more}")


def _regions(rows: Sequence[Mapping[str, Any]], more: str) -> Table:
    cells = [
        (row["name"], *(decimal(row[f"loss_{name}"], 2) for name in REGIONS)) for row in rows[1 : LISTED + 1]
    ]
    note = f"Above 0: the region is less useful than in the reference.{more}"
    return Table("Loss of pixel quality by region of the face.", ("picture", *REGIONS), cells, note)
