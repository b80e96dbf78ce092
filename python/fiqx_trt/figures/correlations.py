"""Rank correlations of several methods, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.figures.canvas import SMALL, Look, Picture, Scale, number
from fiqx_trt.figures.matrix import matrix_pair

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fiqx_trt.evaluate.bootstrap import Estimate
    from fiqx_trt.figures.matrix import Write

__all__ = ["correlation_figure"]

#: Inches of a cell's side.
CELL = 0.78
#: The letters of the two coefficients.
TITLES = {"spearman": "Spearman's ρ", "kendall": "Kendall's τ-b"}


def correlation_figure(
    methods: Sequence[str],
    spearman: Sequence[Sequence[Estimate]],
    kendall: Sequence[Sequence[Estimate]],
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
    interval = f", {100 * level:g} % bootstrap interval below" if _has_intervals(spearman) else ""
    panels = {
        TITLES[kind]: (np.array([[cell.value for cell in row] for row in table]), _writer(table))
        for kind, table in tables.items()
    }
    figure = matrix_pair(methods, panels, scale, f"rank correlation{interval}", cell=CELL)
    data = {
        f"{kind}{ending}": np.array([[getattr(cell, field) for cell in row] for row in table])
        for kind, table in tables.items()
        for ending, field in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    return Picture(figure, {"methods": np.array(methods), **data}, look.dpi)


def _has_intervals(table: Sequence[Sequence[Estimate]]) -> bool:
    return any(math.isfinite(cell.low) for i, row in enumerate(table) for j, cell in enumerate(row) if i != j)


def _writer(table: Sequence[Sequence[Estimate]]) -> Write:
    def write(axes: Axes, row: int, column: int, ink: str) -> None:
        cell = table[row][column]
        known = row != column and math.isfinite(cell.low)
        text = "–" if math.isnan(cell.value) else number(round(cell.value, 2))
        above = row - (0.14 if known else 0)
        axes.text(column, above, text, ha="center", va="center", fontsize=SMALL + 0.5, color=ink)
        if known:
            bounds = f"{number(round(cell.low, 2))} … {number(round(cell.high, 2))}"
            axes.text(column, row + 0.2, bounds, ha="center", va="center", fontsize=SMALL - 2, color=ink)

    return write
