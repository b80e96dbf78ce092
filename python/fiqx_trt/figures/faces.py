"""Faces with score, activation map and deviation from the mean map of high quality (Fu & Damer, Fig. 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.figures.canvas import (
    FAINT,
    INK,
    SMALL,
    TEXT,
    Look,
    Picture,
    Scale,
    bare,
    color_bar,
    inch_axes,
    new_figure,
    number,
    symbol,
)
from fiqx_trt.text import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FaceRow", "faces_figure", "overlay"]

SIDE, GAP, ROW_GAP, SECTION_GAP = 1.05, 0.08, 0.22, 0.42
LEFT, TOP, RIGHT, BOTTOM, BAR = 0.35, 0.42, 0.12, 0.66, 0.35
#: Letters of score text that fit in a line, and inches a further line takes.
LETTERS, LINE = 58, 0.12


@dataclass(frozen=True)
class FaceRow:
    """One face and everything the figure shows of it.

    Parameters
    ----------
    face
        ``(H, W, 3)`` uint8 RGB.
    activation
        ``(H, W)`` activation map in [0, 1].
    deviations
        Method → ``(H, W)`` AD-MAM_H against that method's group H.
    scores
        Method → quality.
    group
        ``"H"``, ``"L"``, or any other heading.
    name
        Name of the image, kept with the data.
    """

    face: NDArray[np.uint8]
    activation: NDArray[np.floating]
    deviations: Mapping[str, NDArray[np.floating]]
    scores: Mapping[str, float]
    group: str = ""
    name: str = ""


def overlay(
    face: NDArray[np.uint8],
    values: NDArray[Any],
    scale: Scale,
    *,
    weakest: float = 0.55,
    strongest: float = 0.55,
) -> NDArray[np.float64]:
    """Return a map's colours over the grey face, so that colour means the map alone.

    Parameters
    ----------
    face
        ``(H, W, 3)`` uint8 RGB.
    values
        ``(H, W)``.
    scale
        Colours of the values.
    weakest, strongest
        Share of the map's colour at the lowest and at the highest value of the scale.

    Returns
    -------
    ndarray
        ``(H, W, 3)`` float64 RGB in [0, 1].
    """
    grey = (face @ np.array([0.299, 0.587, 0.114]) / 255.0)[..., np.newaxis]
    share = (
        weakest + (strongest - weakest) * np.clip(np.asarray(scale.norm(values)), 0.0, 1.0)[..., np.newaxis]
    )
    return np.asarray((1.0 - share) * grey + share * scale.color(values))


def faces_figure(rows: Sequence[FaceRow], *, look: Look | None = None) -> Picture:
    """Draw faces with scores, activation map, overlay and AD-MAM_H of every method; a heading for each group.

    Parameters
    ----------
    rows
        Faces in the order shown; those of one group stand together.
    look
        Colours and resolution.

    Raises
    ------
    InvalidInputError
        There is no face, or the faces do not have the same methods.
    """
    if not rows or len({tuple(row.deviations) for row in rows}) > 1:
        raise InvalidInputError(
            f"{len(rows)} faces were given; give at least one, all with the deviations of the same methods"
        )
    look = look or Look()
    methods = tuple(rows[0].deviations)
    activation = Scale(0.0, 1.0, look.maps)
    largest = max((float(values.max()) for row in rows for values in row.deviations.values()), default=1.0)
    deviation = Scale(0.0, largest, look.variation)
    columns = 3 + len(methods)
    starts = _starts(rows, LINE * max(_scores(row).count("\n") for row in rows))
    width = LEFT + columns * (SIDE + GAP) - GAP + RIGHT
    height = TOP + starts[-1] + SIDE + BOTTOM
    figure = new_figure(width, height)
    for row, start in zip(rows, starts, strict=True):
        bottom = height - TOP - start - SIDE
        axes = [inch_axes(figure, LEFT + i * (SIDE + GAP), bottom, SIDE, SIDE) for i in range(columns)]
        _row(axes, row, activation, deviation)
        if start == starts[0]:
            titles = [
                "face",
                "activation",
                "overlay",
                *(f"{symbol('AD-MAM', 'H')}\n{literal(method)}" for method in methods),
            ]
            for one, title in zip(axes, titles, strict=True):
                one.set_title(title, fontsize=TEXT - 1, color=INK, pad=4)
    _group_labels(figure, rows, starts, height)
    color_bar(figure, LEFT + SIDE + GAP, BAR, 2 * SIDE + GAP, activation, "activation")
    if methods:
        span = len(methods) * (SIDE + GAP) - GAP
        color_bar(figure, LEFT + 3 * (SIDE + GAP), BAR, span, deviation, "|activation − mean of H|")
    return Picture(figure, _data(rows), look.dpi)


def _scores(row: FaceRow) -> str:
    """Return the scores in lines that fit under the first three pictures."""
    lines = [""]
    for method, score in row.scores.items():
        word = f"{method} {number(score)}"
        if lines[-1] and len(lines[-1]) + len(word) > LETTERS:
            lines.append("")
        lines[-1] += ("   " if lines[-1] else "") + word
    return "\n".join(lines)


def _starts(rows: Sequence[FaceRow], room: float) -> list[float]:
    """Return how far below the top every row begins, with room for more lines of scores."""
    starts, at = [], 0.0
    for i, row in enumerate(rows):
        if i:
            at += SIDE + room + (ROW_GAP if row.group == rows[i - 1].group else SECTION_GAP)
        starts.append(at)
    return starts


def _row(axes: list[Axes], row: FaceRow, activation: Scale, deviation: Scale) -> None:
    axes[0].imshow(row.face)
    axes[1].imshow(row.activation, cmap=activation.name, norm=activation.norm)
    axes[2].imshow(overlay(row.face, row.activation, activation))
    for one, values in zip(axes[3:], row.deviations.values(), strict=True):
        # Where nothing deviates, the face is to be seen.
        one.imshow(overlay(row.face, values, deviation, weakest=0.1, strongest=0.75))
        one.set_xlabel(f"mean {number(float(values.mean()))}", fontsize=SMALL, color=FAINT, labelpad=2)
    for one in axes:
        bare(one)
    axes[0].text(
        0.0,
        -0.035,
        _scores(row),
        transform=axes[0].transAxes,
        fontsize=SMALL,
        color=INK,
        ha="left",
        va="top",
        clip_on=False,
    )


def _group_labels(figure: Any, rows: Sequence[FaceRow], starts: Sequence[float], height: float) -> None:
    words = {"H": "high quality", "L": "low quality"}
    for group in dict.fromkeys(row.group for row in rows):
        own = [start for row, start in zip(rows, starts, strict=True) if row.group == group]
        middle = height - TOP - (own[0] + own[-1] + SIDE) / 2
        figure.text(
            0.14 / figure.get_size_inches()[0],
            middle / height,
            words.get(group, group),
            rotation=90,
            fontsize=TEXT,
            color=INK,
            ha="center",
            va="center",
        )


def _data(rows: Sequence[FaceRow]) -> dict[str, NDArray[Any]]:
    data: dict[str, NDArray[Any]] = {
        "names": np.array([row.name for row in rows], dtype=np.str_),
        "groups": np.array([row.group for row in rows], dtype=np.str_),
        "faces": np.stack([row.face for row in rows]),
        "activation": np.stack([row.activation for row in rows]),
    }
    for method in rows[0].deviations:
        data[f"ad_mam__{method}"] = np.stack([row.deviations[method] for row in rows])
    for method in rows[0].scores:
        data[f"score__{method}"] = np.array([row.scores.get(method, np.nan) for row in rows])
    return data
