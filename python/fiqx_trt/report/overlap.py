"""Overlap of the groups of several methods (Fu & Damer, Fig. 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.report.canvas import INK, SMALL, TEXT, Look, Picture, Scale, color_bar, inch_axes, new_figure
from fiqx_trt.text import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["overlap_figure"]

#: Inches: a cell, the gap between the matrices, the margins, the colour bar's place.
CELL, GAP, TOP, RIGHT, BAR = 0.62, 0.35, 0.4, 0.2, 0.48
#: Inches a letter of a name takes.
LETTER = 0.075


def overlap_figure(
    methods: Sequence[str],
    high: NDArray[np.floating],
    low: NDArray[np.floating],
    *,
    fraction: float | None = None,
    look: Look | None = None,
) -> Picture:
    """Draw the share of images that the groups of two methods have in common: L on the left, H on the right.

    Parameters
    ----------
    methods
        Names of the M methods, the order of rows and columns.
    high, low
        ``(M, M)`` overlap ratios in [0, 1].
    fraction
        Size of the groups, for the titles: what unrelated methods would share.
    look
        Colours and resolution.

    Raises
    ------
    InvalidInputError
        The matrices are not M×M.
    """
    count = len(methods)
    if count < 1 or high.shape != (count, count) or low.shape != (count, count):
        raise InvalidInputError(
            f"{count} methods with matrices {high.shape} and {low.shape}; give M×M matrices"
        )
    look = look or Look()
    scale = Scale(0.0, 1.0, look.maps)
    side = max(count * CELL, 1.3)
    left = 0.2 + LETTER * max(len(name) for name in methods)
    below = BAR + 0.15 + 0.5 * left  # the names below are slanted
    figure = new_figure(left + 2 * side + GAP + RIGHT, TOP + side + below)
    for column, (name, which, values) in enumerate((("L", "lowest", low), ("H", "highest", high))):
        axes = inch_axes(figure, left + column * (side + GAP), below, side, side)
        _matrix(axes, values, scale)
        share = "" if fraction is None else f"{100 * fraction:g} % of "
        axes.set_title(f"{name}: {share}{which} quality", fontsize=TEXT, color=INK, pad=6)
        axes.set_xticks(
            range(count),
            [*map(literal, methods)],
            rotation=35,
            ha="right",
            rotation_mode="anchor",
            fontsize=SMALL,
        )
        axes.set_yticks(range(count), [*map(literal, methods)] if column == 0 else [], fontsize=SMALL)
        axes.tick_params(length=0, pad=3)
    color_bar(figure, left, 0.34, 2 * side + GAP, scale, "share of images in both groups")
    return Picture(figure, {"methods": np.array(methods), "overlap_high": high, "overlap_low": low}, look.dpi)


def _matrix(axes: Axes, values: NDArray[Any], scale: Scale) -> None:
    axes.imshow(values, cmap=scale.name, norm=scale.norm)
    for (row, column), value in np.ndenumerate(values):
        # Black or white, whichever is further from the cell's luminance.
        dark = float(scale.color(np.array([value]))[0] @ (0.2126, 0.7152, 0.0722)) < 0.5
        axes.text(
            column,
            row,
            f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=SMALL,
            color="white" if dark else "black",
        )
    edges = np.arange(len(values) + 1) - 0.5
    axes.hlines(edges, edges[0], edges[-1], color="white", linewidth=1.0)
    axes.vlines(edges, edges[0], edges[-1], color="white", linewidth=1.0)
    for spine in axes.spines.values():
        spine.set_visible(False)
