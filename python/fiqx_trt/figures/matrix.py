"""Two matrices between methods, side by side over one colour bar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.figures.canvas import INK, SMALL, TEXT, Scale, color_bar, inch_axes, new_figure
from fiqx_trt.text import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["matrix_pair"]

#: Inches: the gap between the matrices, the margins, the colour bar's place, a letter of a name.
GAP, TOP, RIGHT, BAR, LETTER = 0.35, 0.4, 0.2, 0.48, 0.075
#: How luminous red, green and blue are.
LUMINANCE = (0.2126, 0.7152, 0.0722)

Write = Callable[["Axes", int, int, str], None]


def matrix_pair(
    methods: Sequence[str],
    panels: Mapping[str, tuple[NDArray[np.floating], Write]],
    scale: Scale,
    label: str,
    *,
    cell: float,
) -> Figure:
    """Draw two M×M matrices.

    Parameters
    ----------
    methods
        Names of the M methods, the order of rows and columns.
    panels
        Title → matrix, NaN coloured as 0, and what writes into a cell: given the axes, row, column and the colour
        that can be read there.
    scale
        Colours of both.
    label
        Of the colour bar.
    cell
        Side of a cell in inches.
    """
    side = max(len(methods) * cell, 1.3)
    left = 0.2 + LETTER * max(len(name) for name in methods)
    below = BAR + 0.15 + 0.5 * left  # the names below are slanted
    figure = new_figure(left + 2 * side + GAP + RIGHT, TOP + side + below)
    for column, (title, (values, write)) in enumerate(panels.items()):
        axes = inch_axes(figure, left + column * (side + GAP), below, side, side)
        _cells(axes, np.nan_to_num(values), scale, write)
        axes.set_title(title, fontsize=TEXT, color=INK, pad=6)
        _names(axes, [literal(name) for name in methods], rows=column == 0)
    color_bar(figure, left, 0.34, 2 * side + GAP, scale, label)
    return figure


def _cells(axes: Axes, values: NDArray[np.floating], scale: Scale, write: Write) -> None:
    axes.imshow(values, cmap=scale.name, norm=scale.norm)
    for (row, column), value in np.ndenumerate(values):
        # Black or white, whichever is further from the cell's luminance.
        dark = float(scale.color(np.array([value]))[0] @ LUMINANCE) < 0.5
        write(axes, row, column, "white" if dark else "black")
    edges = np.arange(len(values) + 1) - 0.5
    axes.hlines(edges, edges[0], edges[-1], color="white", linewidth=1.0)
    axes.vlines(edges, edges[0], edges[-1], color="white", linewidth=1.0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _names(axes: Axes, names: Sequence[str], *, rows: bool) -> None:
    at = range(len(names))
    axes.set_xticks(at, names, rotation=35, ha="right", rotation_mode="anchor", fontsize=SMALL)
    axes.set_yticks(at, names if rows else [], fontsize=SMALL)
    axes.tick_params(length=0, pad=3, labelcolor=INK)
