"""Overlap of the groups of several methods (Fu & Damer, Fig. 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.figures.canvas import SMALL, Look, Picture, Scale
from fiqx_trt.figures.matrix import matrix_pair

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fiqx_trt.figures.matrix import Write

__all__ = ["overlap_figure"]

#: Inches of a cell's side.
CELL = 0.62


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
    share = "" if fraction is None else f"{100 * fraction:g} % of "
    panels = {
        f"{name}: {share}{which} quality": (values, _writer(values))
        for name, which, values in (("L", "lowest", low), ("H", "highest", high))
    }
    figure = matrix_pair(methods, panels, scale, "share of images in both groups", cell=CELL)
    return Picture(figure, {"methods": np.array(methods), "overlap_high": high, "overlap_low": low}, look.dpi)


def _writer(values: NDArray[np.floating]) -> Write:
    def write(axes: Axes, row: int, column: int, ink: str) -> None:
        text = f"{values[row, column]:.2f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=ink)

    return write
