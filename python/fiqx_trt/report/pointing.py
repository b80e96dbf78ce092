"""Tables on disturbed squares and regions for the page of ``experiment masks``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fiqx_trt.experiments.disturbances import DISTURBANCES
from fiqx_trt.experiments.pointing import MAPS
from fiqx_trt.report.html import Part, Table
from fiqx_trt.report.parts import decimal, percent, share

__all__ = ["POINTING_FILES", "pointing_parts"]

POINTING_FILES = [
    ("pointing.csv", "a row for every disturbed square: areas under the ROC"),
    ("regions.csv", "a row for every face, untouched and with every region disturbed: what was named"),
]


def pointing_parts(summary: Mapping[str, Any]) -> list[Part]:
    """Return the tables; nothing where it was not measured, a line where the model does not know what is usual."""
    if "pointing" not in summary:
        return []
    measured = summary["pointing"]
    if measured is None:
        return [
            "Not measured: the model does not know what is usual with these weightings; fiqx-trt calibrate measures it."
        ]
    return [_squares(measured), _words(measured)]


def _squares(measured: Mapping[str, Any]) -> Table:
    rows = [
        (f"{size} %", kind, *(decimal(areas[name], 2) for name in MAPS))
        for size, kinds in measured["squares"].items()
        for kind, areas in kinds.items()
    ]
    note = (
        f"{measured['faces']} faces, weighting {measured['weights']}. 1: every pixel of the square comes first, 0.5: chance. "
        "Deviation, low P and local contrast see the disturbed picture alone; the change of P (smoothed) needs the untouched one."
    )
    header = ("side of the square", "it shows", *MAPS)
    return Table("Area under the ROC of the pixels of a disturbed square.", header, rows, note)


def _words(measured: Mapping[str, Any]) -> Table:
    rows = [
        (
            region.replace("-", " "),
            *(share(kinds[kind]["hit"]) for kind in DISTURBANCES),
            percent(max(kinds[kind]["wrong"]["share"] for kind in DISTURBANCES)),
        )
        for region, kinds in measured["regions"].items()
    ]
    note = (
        f"Of the untouched faces {share(measured['untouched_named'])} get a word, of the better half "
        f"{share(measured['better_half_named'])}; the threshold is meant for one in twenty good faces. A part of the lower face "
        "also counts where the lower face is named, and the reverse."
    )
    header = ("region disturbed", *(f"named, {kind}" for kind in DISTURBANCES), "another named, at worst")
    return Table("How often the words name a region that was disturbed.", header, rows, note)
