"""Activation maps beside the mean map of their run, and the difference of each, on one scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.arrays import load_arrays
from fiqx_trt.errors import SourceError
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
from fiqx_trt.rows import Row
from fiqx_trt.text import literal

__all__ = ["DifferentFace", "MeanMap", "map_differences_figure", "mean_map", "stored_map"]

#: Maps that a mean is made of at most, spread evenly over the table.
AVERAGED = 1000
#: Inches: a panel, the space between panels, the margins.
SIDE, GAP, LEFT, TOP, BOTTOM, RIGHT = 0.92, 0.08, 0.72, 0.3, 0.62, 0.15


@dataclass(frozen=True)
class MeanMap:
    """The mean of the activation maps of a run.

    Parameters
    ----------
    values
        ``(H, W)`` float64 in [0, 1].
    count
        Maps it is made of.
    """

    values: NDArray[np.float64]
    count: int


@dataclass(frozen=True)
class DifferentFace:
    """A column of the figure.

    Parameters
    ----------
    values
        ``(H, W)`` the face's activation map.
    title
        Below it.
    face
        ``(h, w, 3)`` uint8 RGB; ``None`` where no picture was kept.
    """

    values: NDArray[np.floating]
    title: str
    face: NDArray[np.uint8] | None = None


def stored_map(folder: Path, row: Row) -> NDArray[np.float64] | None:
    """Return the map of a row from the run's folder; ``None`` where it has none, is flat, or cannot be read."""
    if not row.get("maps") or row.get("flat"):
        return None
    try:
        values = load_arrays(folder / "maps" / str(row["maps"]))["map"]
    except (SourceError, KeyError):
        return None
    return np.asarray(values, np.float64) if values.ndim == 2 and np.isfinite(values).all() else None


def mean_map(rows: Iterable[Row], folder: Path, faces: int) -> MeanMap | None:
    """Return the mean map of a run: of all its maps, or of :data:`AVERAGED` spread evenly over a longer table.

    Parameters
    ----------
    rows
        The table, row after row.
    folder
        Where the maps lie.
    faces
        Number of its ``ok`` rows.

    Returns
    -------
    MeanMap or None
        ``None`` where fewer than two maps of one size were kept.
    """
    step, position, count = max(1, -(-faces // AVERAGED)), 0, 0
    total = np.zeros((0, 0))
    for row in rows:
        if row["status"] != "ok":
            continue
        position += 1
        values = stored_map(folder, row) if (position - 1) % step == 0 else None
        if values is not None and (not count or values.shape == total.shape):
            total = values if not count else total + values
            count += 1
    return MeanMap(total / count, count) if count > 1 else None


def map_differences_figure(
    mean: MeanMap, faces: Sequence[DifferentFace], *, look: Look | None = None
) -> Picture:
    """Draw the mean map, and for each face its map and the difference to the mean, one scale around zero for all.

    Parameters
    ----------
    mean
        The mean map.
    faces
        At least one, with maps of the mean's size.
    look
        Colours and resolution.
    """
    look = look or Look()
    maps = np.stack([face.values for face in faces])
    differences = maps - mean.values
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
        draw_map(inch_axes(figure, left, rows[2], SIDE, SIDE), difference, scale, literal(face.title))
    room = (wide - LEFT - RIGHT - 0.3) / 2
    color_bar(figure, LEFT, 0.3, min(2.2, room), activation, "activation")
    color_bar(figure, LEFT + room + 0.3, 0.3, min(2.2, room), scale, "map − mean map")
    return Picture(figure, {"mean": mean.values, "maps": maps, "differences": differences}, look.dpi)
