"""The report of a study of random masks (``experiment masks``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fiqx_trt.report.formulas import PAPER, PIXELS_SAY
from fiqx_trt.report.html import Figure, Page, Part, Section, Table
from fiqx_trt.report.parts import decimal, drawn, percent, share
from fiqx_trt.report.pointing import POINTING_FILES, pointing_parts
from fiqx_trt.report.study import study_page

if TYPE_CHECKING:
    from fiqx_trt.experiments.mask_study import MaskStudy
    from fiqx_trt.figures.canvas import Picture
    from fiqx_trt.runs.record import RunRecord

__all__ = ["masks_page"]

FLAT_SQUARE = (
    "P is per contrast here, and a square of one colour has none: inside it P is 0 by definition but for its rim. That covered "
    "areas lose P says nothing of the recogniser then; the losses of the face quality, and P per intensity, do."
)
INTERVALS = "In brackets: 95 % intervals (Wilson), in per cent."


def masks_page(study: MaskStudy, pictures: Mapping[str, Picture], record: RunRecord) -> Page:
    """Return the report of random masks.

    Parameters
    ----------
    study
        The result.
    pictures
        Its figures (:func:`fiqx_trt.figures.studies.mask_pictures`).
    record
        The command.
    """
    summary = study.summary()
    sizes, best = summary["sizes"], summary["ranking"][0]["weights"]
    count = sum(entry["masks"] for entry in sizes.values())
    lead = (
        f"{PIXELS_SAY} "
        "A black square hides a part of a face. Does the map of pixel quality notice it: does the covered area lose, and more "
        f"than the rest? {count} squares on {len(study.setup.faces)} faces. Best at finding them: the weighting {best}, "
        f"where the covered area lost in {percent(summary['ranking'][0]['mean_share'])} of the cases."
    )
    parts: list[Part] = [_sizes(sizes, summary["ranking"]), _ranking(summary)]
    sections = [
        Section("In short", parts),
        Section("Figures", [_losses(pictures, sizes, best), _examples(pictures)]),
        Section("Where something is wrong", pointing_parts(summary)),
        Section("Colours of the mask", [_colors(summary["color_study"])] if "color_study" in summary else []),
    ]
    return study_page(
        study.setup,
        record,
        "masks",
        "Does pixel quality notice what is covered?",
        lead,
        sections,
        formulas=[
            ("Δ of Q̂", "Q̂(face) − Q̂(masked face)", "above 0: the mask cost quality", f"{PAPER}, Eq. 8"),
            (
                "Δ of P",
                "mean P over an area, before − after",
                "above 0: the area lost pixel quality",
                f"{PAPER}, Eq. 9",
            ),
        ],
        files=[
            ("masks.csv", "a row for every mask"),
            *([("colors.csv", "a row for every coloured mask")] if study.colored else []),
            *(POINTING_FILES if study.pointing else []),
            ("figure-5-masks.npz", "the losses of the first figure"),
            ("figure-6-examples.npz", "faces and maps of the second figure"),
        ],
        notes=[
            "The intervals take masks as independent, though several lie on one face: with few faces they are too narrow.",
            "Q̂ scales the whole map. Where a mask raises Q̂, as happens on weak faces, it raises P inside the mask as well.",
            "γ was measured for every weighting on these very faces, so that weightings compare fairly.",
            *([FLAT_SQUARE] if study.options.per == "contrast" else []),
        ],
    )


def _sizes(sizes: Mapping[str, Any], ranking: Sequence[Mapping[str, Any]]) -> Table:
    names = [row["weights"] for row in ranking]
    rows = [
        [
            f"{size} px",
            str(entry["masks"]),
            share(entry["quality_loss_positive"]),
            decimal(entry["mean_quality_loss"], 3),
            *(share(entry["weights"][name]["loss_inside_positive"]) for name in names),
        ]
        for size, entry in sizes.items()
    ]
    header = ["side of the mask", "masks", "faces that lost Q̂", "mean loss of Q̂",
              *(f"covered area lost P, {name}" for name in names)]  # fmt: skip
    note = f"Sides in pixels of a 112-pixel face. Weightings from the best to the worst. {INTERVALS}"
    return Table("How often a mask cost quality, by its size.", header, rows, note)


def _ranking(summary: Mapping[str, Any]) -> Table:
    rows = [
        (row["weights"], percent(row["mean_share"]), decimal(row["mean_contrast"], 3))
        for row in summary["ranking"]
    ]
    header = ("weighting", "covered area lost P", "loss inside minus outside")
    note = "Means over the sizes. Inside minus outside: how much more pixel quality the covered area lost than the rest. "
    note += "Weightings whose intervals above overlap may change places."
    return Table("The weightings of the quality node, best first.", header, rows, note)


def _losses(pictures: Mapping[str, Picture], sizes: Mapping[str, Any], best: str) -> Figure:
    spoken = "; ".join(
        f"{size} px: quality fell in {percent(entry['quality_loss_positive']['share'])}, pixel quality inside the mask in "
        f"{percent(entry['weights'][best]['loss_inside_positive']['share'])} ({best})"
        for size, entry in sizes.items()
    )
    return drawn(
        pictures["figure-5-masks"],
        "figure-5-masks",
        alt=f"Distributions of the loss, a row per size of the mask, a panel for the quality and one per weighting. {spoken}.",
        caption=f"Loss of quality and of pixel quality inside the mask, by size of the mask; {PAPER}, Fig. 5, Eq. 8 and 9.",
        reading="Right of the line (blue) the mask cost quality, left of it (orange) quality rose. The number at the left is the "
        "share on the right side, the short bar the mean. A map that notices masks has nearly all of its mass on the right.",
    )


def _examples(pictures: Mapping[str, Picture]) -> Figure:
    return drawn(
        pictures["figure-6-examples"],
        "figure-6-examples",
        alt="The best faces without a mask and with masks of growing size, each above its map of pixel quality and its Q̂.",
        caption=f"Examples: faces of the highest quality and their maps in the colours of the bar; {PAPER}, Fig. 6.",
        reading="The square should take the colour of 0, and the rest should stay as it is.",
    )


def _colors(study: Mapping[str, Any]) -> Table:
    rows = [
        (
            name,
            share(entry["loss_inside_positive"]),
            decimal(entry["mean_loss_inside"], 3),
            decimal(entry["mean_loss_outside"], 3),
            decimal(entry["mean_quality_loss"], 3),
        )
        for name, entry in study["colors"].items()
    ]
    header = ("colour", "covered area lost P", "mean loss inside", "mean loss outside", "mean loss of Q̂")
    note = f"Weighting {study['weights']}; {PAPER}, 8.4.1. {INTERVALS}"
    return Table(f"Squares of {study['size']} pixels in twelve colours.", header, rows, note)
