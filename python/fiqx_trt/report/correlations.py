"""Rank correlations of several methods, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.report.canvas import (
    FAINT,
    INK,
    SMALL,
    TEXT,
    Look,
    Picture,
    Scale,
    color_bar,
    inch_axes,
    new_figure,
    number,
)
from fiqx_trt.text import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fiqx_trt.evaluate.correlation import Correlation

__all__ = ["correlation_figure"]

#: Inches: a cell, the gap between the matrices, the margins, the colour bar's place, a letter of a name.
CELL, GAP, TOP, RIGHT, BAR, LETTER = 0.78, 0.35, 0.4, 0.2, 0.48, 0.075
#: The letters of the two coefficients.
TITLES = {"spearman": "Spearman's ρ", "kendall": "Kendall's τ-b"}


def correlation_figure(
    methods: Sequence[str],
    spearman: Sequence[Sequence[Correlation]],
    kendall: Sequence[Sequence[Correlation]],
    *,
    level: float = 0.95,
    look: Look | None = None,
) -> Picture:
    """Draw both rank correlations of every two methods, with the interval below the number.

    Parameters
    ----------
    methods
        Names of the M methods, the order of rows and columns.
    spearman, kendall
        M×M correlations, methods turned so that higher is better.
    level
        Of the intervals, for the colour bar's label.
    look
        Colours and resolution.

    Raises
    ------
    InvalidInputError
        A matrix is not M×M.
    """
    count = len(methods)
    tables = {"spearman": spearman, "kendall": kendall}
    for table in tables.values():
        if count < 1 or len(table) != count or any(len(row) != count for row in table):
            raise InvalidInputError(f"{count} methods with a matrix of {len(table)} rows; give M×M matrices")
    look = look or Look()
    scale = Scale(-1.0, 1.0, look.difference)
    side = max(count * CELL, 1.3)
    left = 0.2 + LETTER * max(len(name) for name in methods)
    below = BAR + 0.15 + 0.5 * left  # the names below are slanted
    figure = new_figure(left + 2 * side + GAP + RIGHT, TOP + side + below)
    for column, (kind, table) in enumerate(tables.items()):
        axes = inch_axes(figure, left + column * (side + GAP), below, side, side)
        _matrix(axes, table, scale)
        axes.set_title(TITLES[kind], fontsize=TEXT, color=INK, pad=6)
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
    interval = f", {100 * level:g} % bootstrap interval below" if _has_intervals(spearman) else ""
    color_bar(figure, left, 0.34, 2 * side + GAP, scale, f"rank correlation{interval}")
    data = {
        f"{kind}{ending}": np.array([[getattr(cell, field) for cell in row] for row in table])
        for kind, table in tables.items()
        for ending, field in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    return Picture(figure, {"methods": np.array(methods), **data}, look.dpi)


def _has_intervals(table: Sequence[Sequence[Correlation]]) -> bool:
    return any(math.isfinite(cell.low) for i, row in enumerate(table) for j, cell in enumerate(row) if i != j)


def _matrix(axes: Axes, table: Sequence[Sequence[Correlation]], scale: Scale) -> None:
    values = np.array([[cell.value for cell in row] for row in table])
    axes.imshow(np.nan_to_num(values), cmap=scale.name, norm=scale.norm)
    for (row, column), value in np.ndenumerate(values):
        cell = table[row][column]
        # Black or white, whichever is further from the cell's luminance.
        dark = float(scale.color(np.array([np.nan_to_num(value)]))[0] @ (0.2126, 0.7152, 0.0722)) < 0.5
        known = row != column and math.isfinite(cell.low)
        ink = "white" if dark else "black"
        text = "–" if math.isnan(value) else number(round(value, 2))
        axes.text(
            column,
            row - (0.14 if known else 0),
            text,
            ha="center",
            va="center",
            fontsize=SMALL + 0.5,
            color=ink,
        )
        if known:
            bounds = f"{number(round(cell.low, 2))} … {number(round(cell.high, 2))}"
            axes.text(column, row + 0.2, bounds, ha="center", va="center", fontsize=SMALL - 2, color=ink)
    edges = np.arange(len(values) + 1) - 0.5
    axes.hlines(edges, edges[0], edges[-1], color="white", linewidth=1.0)
    axes.vlines(edges, edges[0], edges[-1], color="white", linewidth=1.0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(colors=FAINT, labelcolor=INK)
