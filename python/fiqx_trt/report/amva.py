"""The report of an activation-map variation analysis (``amva``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.amva import Amva
from fiqx_trt.amva.bootstrap import MapBands
from fiqx_trt.amva.result import MethodResult, file_name
from fiqx_trt.figures.canvas import Picture
from fiqx_trt.report.formulas import ACTIVATION_SAYS
from fiqx_trt.report.html import Figure, Files, Page, Part, Section, Table
from fiqx_trt.report.parts import (
    FEW_IMAGES,
    cautions,
    closing,
    decimal,
    drawn,
    interval,
    method_name,
    page_foot,
    percent,
    uniform_caution,
)
from fiqx_trt.runs.record import RunRecord

__all__ = ["MAP_FORMULAS", "MapsMade", "amva_page", "map_cautions", "map_figures"]

PAPER = "Fu & Damer"
MAP_FORMULAS = Table(
    "What the names mean; a is an activation map with values from 0 to 1, n the number of images in a group.",
    ("name", "formula", "in words", "source"),
    (
        ("MAM", "1/n Σ a", "the mean map of a group", f"{PAPER}, Eq. 1"),
        ("AM-V", "√(1/n Σ (a − MAM)²)", "how much the maps of a group vary, per pixel", f"{PAPER}, Eq. 2"),
        ("MDAM", "median of a", "the median map of a group", f"{PAPER}, Eq. 3"),
        ("AM-MV", "√(1/n Σ (a − MDAM)²)", "the same variation, around the median", f"{PAPER}, Eq. 4"),
        ("D-AM-V", "|AM-V(H) − AM-V(L)|", "how differently good and bad images vary", f"{PAPER}, Eq. 5"),
        ("D-AM-MV", "|AM-MV(H) − AM-MV(L)|", "the same, around the median", f"{PAPER}, Eq. 6"),
        ("AD-MAM", "|a − MAM(H)|", "how far one image is from what good images look like", f"{PAPER}, Eq. 7"),
    ),
    note="H: the images of highest quality, L: those of lowest. All maps are per pixel and have no unit.",
)


@dataclass(frozen=True)
class MapsMade:
    """Settings, numbers and cautions of the maps.

    Parameters
    ----------
    correlation
        ``(N,)`` correlation of every map with the plain mean activation; NaN where one of the two is flat.
    channels
        ``(N,)`` effective number of channels.
    facts
        What ran, and the settings.
    notes
        What a reader should know of the model and of the inputs.
    scores
        The table of the score files.
    positions
        ``(N,)`` position of every map's image in the result's paths; empty where it is not known.
    """

    correlation: NDArray[np.float64]
    channels: NDArray[np.float64]
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str] = ()
    scores: Sequence[Table] = field(default=())
    positions: Sequence[int] = ()


def amva_page(result: Amva, pictures: Mapping[str, Picture], record: RunRecord, origin: MapsMade) -> Page:
    """Return the report of an analysis.

    Parameters
    ----------
    result
        The analysis.
    pictures
        Its figures (:func:`fiqx_trt.figures.amva.amva_figures`).
    record
        The command.
    origin
        How the maps were made.
    """
    first = next(iter(result.methods.values()))
    names = ", ".join(result.methods)
    lead = (
        f"{ACTIVATION_SAYS} "
        "Where does the recogniser look in the best and in the worst images, and does it look there more steadily in good ones? "
        f"Compared are the {len(first.groups.high)} best (H) and the {len(first.groups.low)} worst (L) of "
        f"{first.groups.considered} images by {names}."
    )
    notes = [*_group_cautions(result), *map_cautions(origin.correlation, origin.channels), *origin.notes]
    return Page(
        kind="fiqx-trt amva",
        title="Activation maps of good and of bad images",
        lead=lead,
        sections=[
            Section("In short", [*_numbers(result), *_uniform_share(result, origin)]),
            cautions(record, notes),
            Section("Maps", map_figures(result, pictures)),
            Section("Between methods", _between(result, pictures)),
            Section("What was computed", [MAP_FORMULAS]),
            *closing(
                [("command", record.command), *_facts(result), *origin.facts],
                _files(result, pictures),
                origin.scores,
            ),
        ],
        foot=page_foot(),
    )


def _numbers(result: Amva) -> list[Part]:
    rows = [
        (
            method_name(name, higher=one.groups.higher_is_better),
            str(len(one.groups.high)),
            _mean_variation(one, "high"),
            _mean_variation(one, "low"),
            decimal(float(one.maps.d_am_v.mean())),
            percent(float((one.maps.am_v_low > one.maps.am_v_high).mean())),
            decimal(float(one.deviations.mean[: len(one.groups.high)].mean())),
            decimal(float(one.deviations.mean[len(one.groups.high) :].mean())),
        )
        for name, one in result.methods.items()
    ]
    header = ("method", "images per group", "AM-V of H", "AM-V of L", "D-AM-V", "pixels varying more in L",
              "AD-MAM of H", "AD-MAM of L")  # fmt: skip
    bands = next((one.bands for one in result.methods.values() if one.bands is not None), None)
    note = "Means over the pixels; the maps run from 0 to 1. "
    note += (
        f"In brackets: {100 * bands.level:g} % intervals, {bands.replicates} bootstrap samples of the images. "
        if bands is not None
        else "No intervals were asked for; --replicates 200 gives them. "
    )
    table = Table("How much the activation maps of both groups vary.", header, rows, note)
    return [*_sentences(result), table]


def _uniform_share(result: Amva, origin: MapsMade) -> list[Part]:
    """Return how much of the maps of each group is the plain mean activation."""
    place = {position: row for row, position in enumerate(origin.positions)}
    rows = []
    for name, one in result.methods.items() if place else ():
        groups = [
            origin.correlation[[place[int(i)] for i in group]] for group in (one.groups.high, one.groups.low)
        ]
        known = [values[np.isfinite(values)] for values in groups]
        means = [decimal(float(values.mean()) if len(values) else None) for values in known]
        shares = [percent(float(np.square(values).mean()) if len(values) else None) for values in known]
        rows.append((method_name(name, higher=one.groups.higher_is_better), *means, *shares))
    header = ("method", "correlation, H", "correlation, L", "shared variation, H", "shared variation, L")
    note = (
        "Correlation over the pixels of each map with the plain mean activation of the same face, which needs no masked pass; "
        "shared variation: its square. Means over the maps of a group; maps without contrast are left out. What is shared says "
        "where the network is active at all."
    )
    return [Table("How much of a map is the plain mean activation.", header, rows, note)] if rows else []


def _sentences(result: Amva) -> list[str]:
    """Return for every method which group varies more, and whether that is beyond chance where it is known."""
    said = []
    for name, one in result.methods.items():
        high, low = float(one.maps.am_v_high.mean()), float(one.maps.am_v_low.mean())
        steadier = "good" if high < low else "bad"
        text = (
            f"By {name}, the maps of {steadier} images vary less: "
            f"AM-V is {decimal(high)} in H and {decimal(low)} in L, on average over the pixels."
        )
        if one.bands is not None:
            text += _certainty(one.bands)
        said.append(text)
    return said


def _certainty(bands: MapBands) -> str:
    """Return the share of the pixels where H and L differ beyond chance, in words."""
    low, high = bands.means["am_v_difference"]
    chance = "may be chance" if low <= 0 <= high else "is beyond chance"
    return (
        f" The mean difference H − L {chance} ({100 * bands.level:g} % interval {decimal(low)} to {decimal(high)}); taken one by "
        f"one, {percent(float(bands.distinct().mean()))} of the pixels have an interval without 0, where chance alone gives "
        f"{percent(1 - bands.level)}."
    )


def _mean_variation(one: MethodResult, group: str) -> str:
    value = float(getattr(one.maps, f"am_v_{group}").mean())
    return decimal(value) if one.bands is None else interval(value, *one.bands.means[f"am_v_{group}"])


def _group_cautions(result: Amva) -> list[str]:
    notes = []
    sizes = [len(one.groups.high) for one in result.methods.values()]
    if min(sizes) < FEW_IMAGES:
        notes.append(
            f"A group has only {min(sizes)} images. A standard deviation of so few maps is "
            "uncertain, and single images show in the mean map."
        )
    worst = max(one.maps.median_error for one in result.methods.values())
    if worst > 0:
        notes.append(
            f"The medians come from histograms, because the maps do not fit the memory budget; "
            f"their error is at most {worst:.2g}."
        )
    flat = [name for name, one in result.methods.items() if one.bands is None]
    if flat:
        notes.append("Without bootstrap intervals a difference between H and L may be chance.")
    return notes


def map_cautions(correlation: NDArray[np.float64], channels: NDArray[np.float64]) -> list[str]:
    """Return notes on the correlation with the plain mean activation and on maps without contrast."""
    known = correlation[np.isfinite(correlation)]
    notes = []
    if known.size:
        notes.append(uniform_caution(float(known.mean()), float(np.nanmean(channels))))
    if known.size < correlation.size:
        notes.append(f"{correlation.size - known.size} of {correlation.size} maps have no contrast.")
    return notes


def map_figures(result: Amva, pictures: Mapping[str, Picture], folder: str = "") -> list[Figure]:
    """Return the figures of maps.

    Parameters
    ----------
    result
        The analysis.
    pictures
        Its figures (:func:`fiqx_trt.figures.amva.amva_figures`).
    folder
        Where their files are, relative to the page, such as ``"amva/"``.
    """
    names = ", ".join(result.methods)
    columns = "from left to right: the maps of H and of L and the distributions of their values; the same for the variation; D"
    reading = (
        "Bright: the recogniser uses these pixels a lot (maps), or uses them differently from image to image (variations). "
        "All maps of one kind share the colour scale below them, so rows and columns compare directly. Curves far "
        "apart mean that H and L differ everywhere; equal curves with different maps, that only the place differs."
    )
    figures = [
        drawn(
            pictures["mam"],
            f"{folder}mam",
            alt=f"For {names}, {columns}-AM-V. {_spoken(result, 'am_v')}",
            caption="Mean map (MAM), its standard deviation (AM-V) and the difference between H and L (D-AM-V), a row per "
            f"method; {PAPER}, Fig. 3, Eq. 1, 2 and 5.",
            reading=reading,
        ),
        drawn(
            pictures["mdam"],
            f"{folder}mdam",
            alt=f"For {names}, {columns}-AM-MV. {_spoken(result, 'am_mv')}",
            caption="Median map (MDAM), the variation around it (AM-MV) and the difference between H and L (D-AM-MV); "
            f"{PAPER}, Fig. 4, Eq. 3, 4 and 6.",
            reading="As the figure before. A median ignores single odd images; where both figures agree, no outlier made "
            "the mean.",
        ),
    ]
    if "faces" in pictures:
        figures.append(_faces(pictures["faces"], f"{folder}faces"))
    return figures


def _spoken(result: Amva, stem: str) -> str:
    means = [
        f"{name}: mean variation {decimal(float(getattr(one.maps, f'{stem}_high').mean()))} in H, "
        f"{decimal(float(getattr(one.maps, f'{stem}_low').mean()))} in L"
        for name, one in result.methods.items()
    ]
    return "; ".join(means) + "."


def _faces(picture: Picture, stem: str) -> Figure:
    return drawn(
        picture,
        stem,
        alt="Rows of faces, the best of group H above the worst of group L: the face with its scores, its activation map, the "
        "map over the grey face, and its deviation from the mean map of H for every method.",
        caption=f"The best and the worst images with their scores, activation map, overlay and AD-MAM; {PAPER}, Fig. 6, Eq. 7.",
        reading="The overlay shows which part of the face is bright. In AD-MAM, dark means: as in good images; bright: here the "
        "recogniser looks where it does not look in good ones, or the other way round.",
    )


def _between(result: Amva, pictures: Mapping[str, Picture]) -> list[Part]:
    if len(result.methods) < 2:
        return []
    parts: list[Part] = [
        drawn(
            pictures["overlap"],
            "overlap",
            alt="Two matrices, L and H: the share of images that the groups of two methods have in common.",
            caption=f"How many of the worst (left) and of the best (right) images two methods share; {PAPER}, Fig. 2.",
            reading=f"1: the same images. Methods that know nothing of each other would share "
            f"{percent(next(iter(result.methods.values())).groups.fraction)}.",
        )
    ]
    for kind, equation in (("d-am-v", "5, with its sign"), ("d-am-mv", "6, with its sign")):
        parts.append(
            drawn(
                pictures[kind],
                kind,
                alt=f"For every two methods, maps of the difference of their variation in H and in L, around zero. "
                f"{_difference_words(result, kind)}",
                caption=f"{kind.upper()} between methods, first minus second, for H and for L; {PAPER}, Fig. 5, Eq. {equation}.",
                reading="White: both methods' groups vary alike there. The two colours say which method's group varies more; "
                "one scale around zero holds for the whole figure, and the numbers below each map are its ends.",
            )
        )
    return parts


def _difference_words(result: Amva, kind: str) -> str:
    stem = kind.replace("-", "_")
    differences = result.differences()
    largest = max(differences, key=lambda one: float(np.abs(getattr(one, f"{stem}_high")).mean()))
    return f"In H, {largest.first} and {largest.second} differ most."


def _facts(result: Amva) -> list[tuple[str, str]]:
    first = next(iter(result.methods.values()))
    return [
        ("images listed", str(len(result.paths))),
        ("images with every score", f"{first.groups.considered}; the others belong to no group"),
        ("group size", f"{100 * first.groups.fraction:g} % of them, {len(first.groups.high)} images each"),
    ]


def _files(result: Amva, pictures: Mapping[str, Picture]) -> Files:
    rows = {
        "summary.json": "every number of this page, and the paths of the images",
        **{
            file_name(
                name
            ): f"all maps of {name} as float arrays, the members of its groups and their deviations"
            for name in result.methods
        },
        **({"between.npz": "differences between the methods"} if len(result.methods) > 1 else {}),
        **{f"{name}.npz": f"the arrays of the figure {name}.png" for name in pictures},
    }
    return Files(list(rows.items()))
