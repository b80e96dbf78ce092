"""The reports of the experiments that change pictures: ``experiment masks`` and ``experiment inpaint``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fiqx_trt.report.experiment import Investigation, experiment_page
from fiqx_trt.report.html import Figure, Page, Part, Section, Table
from fiqx_trt.report.parts import decimal, percent, picture, share
from fiqx_trt.report.pointing import POINTING_FILES, pointing_parts

__all__ = ["inpainting_page", "masks_page"]

PAPER = "Terhörst et al."
INTERVALS = "In brackets: 95 % intervals (Wilson), in per cent."
WORDS = {"improved": "higher", "fallen": "lower", "within": "within the deviation"}


def masks_page(run: Investigation) -> Page:
    """Return the report of random masks."""
    faces, summary, out = run.faces, run.summary, run.out
    sizes, best = summary["sizes"], summary["ranking"][0]["weights"]
    count = sum(entry["masks"] for entry in sizes.values())
    lead = (
        "A black square hides a part of a face. Does the map of pixel quality notice it: does the covered area lose, and more "
        f"than the rest? {count} squares on {len(faces)} faces. Best at finding them: the weighting {best}, "
        f"where the covered area lost in {percent(summary['ranking'][0]['mean_share'])} of the cases."
    )
    parts: list[Part] = [_sizes(sizes, summary["ranking"]), _ranking(summary)]
    sections = [
        Section("In short", parts),
        Section("Figures", [_losses(out, sizes, best), _mask_examples(out)]),
        Section("Where something is wrong", pointing_parts(summary)),
        Section("Colours of the mask", [_colors(summary["color_study"])] if "color_study" in summary else []),
    ]
    return experiment_page(
        run,
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
            ("colors.csv", "a row for every coloured mask"),
            *POINTING_FILES[: 2 if summary.get("pointing") else 0],
            ("figure-5-masks.npz", "the losses of the first figure"),
            ("figure-6-examples.npz", "faces and maps of the second figure"),
        ],
        notes=[
            "The intervals take masks as independent, though several lie on one face: with few faces they are too narrow.",
            "Q̂ scales the whole map. Where a mask raises Q̂, as happens on weak faces, it raises P inside the mask as well.",
            "γ was measured for every weighting on these very faces, so that weightings compare fairly.",
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


def _losses(out: Path, sizes: Mapping[str, Any], best: str) -> Figure:
    spoken = "; ".join(
        f"{size} px: quality fell in {percent(entry['quality_loss_positive']['share'])}, pixel quality inside the mask in "
        f"{percent(entry['weights'][best]['loss_inside_positive']['share'])} ({best})"
        for size, entry in sizes.items()
    )
    return picture(
        out / "figure-5-masks.png",
        out,
        alt=f"Distributions of the loss, a row per size of the mask, a panel for the quality and one per weighting. {spoken}.",
        caption=f"Loss of quality and of pixel quality inside the mask, by size of the mask; {PAPER}, Fig. 5, Eq. 8 and 9.",
        reading="Right of the line (blue) the mask cost quality, left of it (orange) quality rose. The number at the left is the "
        "share on the right side, the short bar the mean. A map that notices masks has nearly all of its mass on the right.",
    )


def _mask_examples(out: Path) -> Figure:
    return picture(
        out / "figure-6-examples.png",
        out,
        alt="The best faces without a mask and with masks of growing size, each above its map of pixel quality and its Q̂.",
        caption=f"Examples: faces of the highest quality and their maps, dark blue (0) to yellow (1); {PAPER}, Fig. 6.",
        reading="The square should turn dark blue, and the rest should stay as it is.",
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


def inpainting_page(run: Investigation) -> Page:
    """Return the report of filling in the least useful area."""
    faces, summary, out = run.faces, run.summary, run.out
    first = next(iter(summary["inpainters"]))
    paired = summary["inpainters"][first]["paired"]
    used = len(faces) - summary["without_region"]
    lead = (
        "If the area that a map calls least useful is filled in from its surroundings, does the face gain quality? "
        f"Of {used} faces with such an area, {paired['improved']['count']} gained and {paired['fallen']['count']} lost "
        f"({first}, compared seed by seed)."
    )
    sections = [
        Section("In short", [_outcomes(summary)]),
        Section("Figures", [_before_after(out, summary), _inpainting_examples(out)]),
    ]
    return experiment_page(
        run,
        "inpaint",
        "Does filling in the least useful area help?",
        lead,
        sections,
        formulas=[
            (
                "seed by seed",
                "|mean(after − before)| against std(after − before)",
                "a seed's dropout masks are the same before and after, so their chance cancels",
                "this project",
            ),
            (
                "as the paper",
                "|mean after − mean before| against the larger std",
                "chance of the seeds stays in, so more changes count as none",
                f"{PAPER}, 5.1",
            ),
        ],
        files=[
            ("inpainting.csv", "a row for every face and inpainter"),
            ("figure-3-inpainting.npz", "qualities by seed"),
            ("figure-4-examples.npz", "faces and maps of the examples"),
        ],
        notes=[
            f"{summary['without_region']} of {len(faces)} faces have no low area between 1 % and 40 % of the face; "
            "they do not count.",
            "The inpainters continue what surrounds the area; they know no faces. A fall of quality may be their failure and not "
            "the map's.",
        ],
    )


def _outcomes(summary: Mapping[str, Any]) -> Table:
    words = ("improved", "fallen", "within")
    rows = [
        [
            name,
            *(share(entry["paired"][word]) for word in words),
            *(share(entry["as_printed"][word]) for word in words),
            decimal(entry["mean_change"], 3),
            f"{decimal(entry['mean_region_before'], 2)} – {decimal(entry['mean_region_after'], 2)}",
        ]
        for name, entry in summary["inpainters"].items()
    ]
    header = ["inpainter", *(f"{WORDS[w]}, seed by seed" for w in words), *(f"{WORDS[w]}, as the paper" for w in words),
              "mean change of Q̂", "P of the area, before – after"]  # fmt: skip
    note = f"Over {summary['parameters']['seeds']} seeds of the dropout masks. {INTERVALS}"
    return Table("Scaled quality after filling in, compared with before.", header, rows, note)


def _before_after(out: Path, summary: Mapping[str, Any]) -> Figure:
    spoken = "; ".join(
        f"{name}: {entry['paired']['improved']['count']} of {entry['paired']['improved']['total']} faces gained, mean change "
        f"{decimal(entry['mean_change'], 3)}"
        for name, entry in summary["inpainters"].items()
    )
    return picture(
        out / "figure-3-inpainting.png",
        out,
        alt=f"Quality before and after filling in, faces sorted by quality, a panel per inpainter. {spoken}.",
        caption=f"Scaled quality before and after, with the deviation over the seeds; {PAPER}, Fig. 3.",
        reading="The line is the quality before, in rising order, the grey band its deviation over the seeds. Points above the "
        "line (blue) gained, points below (orange) lost; within the band the change may be chance.",
    )


def _inpainting_examples(out: Path) -> Figure:
    return picture(
        out / "figure-4-examples.png",
        out,
        alt="Pairs of faces, before and after filling in, each above its map of pixel quality and its Q̂.",
        caption=f"The faces that changed most, from gain to loss, with their maps, dark blue (0) to yellow (1); {PAPER}, Fig. 4.",
        reading="Where the filled area looks like skin, its red should vanish; where the inpainter failed, a new fault appears.",
    )
