"""The reports of the experiments on finished maps: ``experiment compare`` and ``experiment deletion``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fiqx_trt.explain.regions import REGIONS
from fiqx_trt.report.html import Page, Section, Table
from fiqx_trt.report.pages.experiment import Investigation, experiment_page
from fiqx_trt.report.pages.parts import decimal, picture, share

__all__ = ["comparison_page", "deletion_page"]

PAPER = "Terhörst et al."
#: Pictures that stand in the tables of the page; the CSV has all.
LISTED = 60


def comparison_page(run: Investigation) -> Page:
    """Return the report of a reference beside pictures that break its rules."""
    summary, out = run.summary, run.out
    rows = _told_apart(summary["rows"], run.faces.paths)
    below = summary["quality_below_reference"]
    lead = (
        "What makes these pictures worse than the reference of the same person, and in which part of the face? "
        f"{below['count']} of {below['total']} have a lower quality than the reference, {rows[0]['name']}."
    )
    more = "" if len(rows) <= LISTED else f" The first {LISTED} of {len(rows)}; compare.csv has all."
    spoken = "; ".join(
        f"{row['name']}: quality {decimal(row['quality'], 2)}, {row['summary']}" for row in rows[:LISTED]
    )
    figure = picture(
        out / "figure-7-compare.png",
        out,
        alt=f"The reference and the other pictures, each above its map of pixel quality. {spoken}.",
        caption=f"Reference (first) and the others, each above its map, red (0) to green (1), never rescaled; {PAPER}, Fig. 7.",
        reading="Compare each map with the first one: areas that turned from green to red no longer help the recogniser. "
        "Below: the cosine to the reference, and the region that lost most.",
    )
    return experiment_page(
        run,
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


def _told_apart(rows: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the rows under names of which none comes twice: the paths where file names do not suffice."""
    unique = len({row["name"] for row in rows}) == len(rows)
    return list(rows) if unique else [{**row, "name": path} for row, path in zip(rows, paths, strict=True)]


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


def deletion_page(run: Investigation) -> Page:
    """Return the report of deletion and insertion curves."""
    summary, out = run.summary, run.out
    curves, parameters = summary["curves"], summary["parameters"]
    wins = {kind: entry["map_beats_random"] for kind, entry in curves.items()}
    lead = (
        "If pixels vanish in the order of their quality, does the recogniser lose the face sooner than if they vanish at random? "
        f"Of {summary['faces']} faces, the map beats chance on {wins['deletion']['count']} when pixels are removed and on "
        f"{wins['insertion']['count']} when they come back."
    )
    rows = [
        (
            kind,
            decimal(entry["area_map"], 3),
            decimal(entry["area_random"], 3),
            f"{entry['map_beats_random']['count']}",
            share(entry["map_beats_random"]),
        )
        for kind, entry in curves.items()
    ]
    table = Table(
        "Mean area under the curves of similarity.",
        ("curve", "by pixel quality", "at random", "faces where the map beats chance", "their share"),
        rows,
        "Deletion: lower is better. Insertion: higher is better. In brackets: 95 % intervals (Wilson), in per cent.",
    )
    spoken = "; ".join(
        f"{kind}: area {decimal(entry['area_map'], 3)} by the map, {decimal(entry['area_random'], 3)} at random"
        for kind, entry in curves.items()
    )
    figure = picture(
        out / "figure-curves.png",
        out,
        alt=f"Cosine to the untouched face as its cells are removed (left) and shown (right). {spoken}.",
        caption="Deletion and insertion: the mean over the faces, the band from the lower to the upper quartile; after Petsiuk "
        "et al., RISE, BMVC 2018.",
        reading="If the map is right, the blue curve falls faster than the orange one where cells are removed, and rises faster "
        "where they are shown. Curves that lie together: the order of the map tells the recogniser nothing.",
    )
    return experiment_page(
        run,
        "deletion",
        "Does the recogniser follow the map?",
        lead,
        [Section("In short", [table]), Section("Figure", [figure])],
        formulas=[
            (
                "curve",
                "⟨e(changed face), e(face)⟩ over the share of cells",
                "what is left of the face for the recogniser",
                "RISE, with a cosine for the class score",
            ),
            (
                "area",
                "∫ of the curve from 0 to 1, by trapezia",
                "deletion: low is good; insertion: high is good",
                "the same",
            ),
        ],
        files=[
            ("deletion.csv", "the areas of every face"),
            ("figure-curves.npz", "the curves of every face"),
        ],
        notes=[
            f"A removed cell gets the face's mean colour; a face has {parameters['cells']} × {parameters['cells']} cells. Flat "
            "cells are unlike anything the recogniser has learnt, so the first ones may cost much, in any order.",
            f"Chance is the mean of {parameters['randoms']} random orders per face.",
        ],
    )
