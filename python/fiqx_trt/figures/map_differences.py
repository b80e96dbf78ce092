"""Activation maps beside the mean map of their run, and the difference of each, on one scale."""

from __future__ import annotations

from fiqx_trt.experiments.map_differences import MapDifferences
from fiqx_trt.figures.canvas import (
    INK,
    SMALL,
    TEXT,
    Look,
    Picture,
    Scale,
    bare,
    color_bar,
    draw_map,
    inch_axes,
    new_figure,
)
from fiqx_trt.text import literal, visible

__all__ = ["map_differences_figure"]

#: Letters of a file name below a map.
LETTERS = 14
#: Inches: a panel, the space between panels, the margins.
SIDE, GAP, LEFT, TOP, BOTTOM, RIGHT = 0.92, 0.08, 0.72, 0.3, 0.62, 0.15


def map_differences_figure(compared: MapDifferences, *, look: Look | None = None) -> Picture:
    """Draw the mean map, and for each face its map and the difference to the mean, one scale around zero for all.

    Parameters
    ----------
    compared
        The mean map and the faces.
    look
        Colours and resolution.
    """
    look = look or Look()
    mean, faces, differences = compared.mean, compared.faces, compared.differences
    scale, activation = Scale.around_zero([differences], look.difference), Scale(0.0, 1.0, look.maps)
    wide = LEFT + (len(faces) + 1) * (SIDE + GAP) + RIGHT
    high = TOP + 3 * (SIDE + GAP) + BOTTOM
    figure = new_figure(wide, high)
    rows = [high - TOP - (k + 1) * SIDE - k * GAP for k in range(3)]
    for bottom, words in zip(rows, ("face", "activation", "map − mean map"), strict=True):
        middle = (bottom + SIDE / 2) / high
        figure.text(0.06 / wide, middle, words.replace(" − ", "\n− "), fontsize=SMALL, color=INK, va="center")
    draw_map(inch_axes(figure, LEFT, rows[1], SIDE, SIDE), mean.values, activation)
    figure.text(
        (LEFT + SIDE / 2) / wide, (rows[1] + SIDE + 0.06) / high, "mean map", fontsize=TEXT, ha="center"
    )
    for column, (face, difference) in enumerate(zip(faces, differences, strict=True)):
        left = LEFT + (column + 1) * (SIDE + GAP)
        if face.face is not None:
            axes = inch_axes(figure, left, rows[0], SIDE, SIDE)
            axes.imshow(face.face, interpolation="antialiased")
            bare(axes)
        draw_map(inch_axes(figure, left, rows[1], SIDE, SIDE), face.values, activation)
        draw_map(inch_axes(figure, left, rows[2], SIDE, SIDE), difference, scale, literal(_title(face.path)))
    room = (wide - LEFT - RIGHT - 0.3) / 2
    color_bar(figure, LEFT, 0.3, min(2.2, room), activation, "activation")
    color_bar(figure, LEFT + room + 0.3, 0.3, min(2.2, room), scale, "map − mean map")
    return Picture(figure, {"mean": mean.values, "maps": compared.maps, "differences": differences}, look.dpi)


def _title(path: str) -> str:
    name = visible(path.replace("\\", "/").rsplit("/", 1)[-1])
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
