"""DET curves of what is left at several discard fractions, one panel per method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.figures.canvas import FAINT, INK, SMALL, TEXT, Look, Picture, inch_axes, new_figure
from fiqx_trt.text import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fiqx_trt.evaluate.det import DetCurve

__all__ = ["det_figure"]

#: Inches: a panel, the space around it, and panels in a row.
SIDE, LEFT, GAP, ABOVE, BOTTOM, EDGE = 2.3, 0.68, 0.3, 0.34, 0.5, 1.25
COLUMNS = 3
#: No discard is grey; the more has left, the darker the blue.
NOTHING = "#999999"
SHADES = ("#9ecae1", "#4292c6", "#08519c", "#08306b")


def det_figure(curves: Mapping[str, Sequence[DetCurve]], *, look: Look | None = None) -> Picture:
    """Draw the false non-match rate over the false match rate, both logarithmic, for each discard fraction.

    Parameters
    ----------
    curves
        Method → curves (:func:`fiqx_trt.evaluate.method_curves.det_of_methods`); at least one method.
    look
        Resolution.
    """
    columns = min(COLUMNS, len(curves))
    rows = math.ceil(len(curves) / columns)
    width = LEFT + columns * SIDE + (columns - 1) * GAP + EDGE
    figure = new_figure(width, BOTTOM + rows * (SIDE + ABOVE) + (rows - 1) * GAP)
    low, floor = _limits(curves)
    for position, (name, of_method) in enumerate(curves.items()):
        row, column = divmod(position, columns)
        at = LEFT + column * (SIDE + GAP), BOTTOM + (rows - 1 - row) * (SIDE + ABOVE + GAP)
        axes = inch_axes(figure, *at, SIDE, SIDE)
        _draw(axes, of_method, low, floor)
        axes.set_title(_short(name), fontsize=SMALL + 0.5, color=INK, loc="left", pad=6)
        if column:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel("FNMR", fontsize=TEXT, color=INK)
        if position + columns < len(curves):
            axes.tick_params(labelbottom=False)
        else:
            axes.set_xlabel("FMR", fontsize=TEXT, color=INK)
        if position == columns - 1:
            _legend(axes)
    return Picture(figure, _data(curves), (look or Look()).dpi)


def _limits(curves: Mapping[str, Sequence[DetCurve]]) -> tuple[float, float]:
    """Return the lowest false match rate that is resolved, and half a false non-match."""
    every = [one for of_method in curves.values() for one in of_method]
    rates = [float(one.target[-1]) for one in every if len(one.target)]
    return min(rates, default=0.1), 0.5 / max((one.genuine for one in every), default=1)


def _draw(axes: Axes, of_method: Sequence[DetCurve], low: float, floor: float) -> None:
    for position, one in enumerate(of_method):
        color = (
            NOTHING
            if one.wanted == 0.0
            else SHADES[min(position - (of_method[0].wanted == 0.0), len(SHADES) - 1)]
        )
        axes.plot(
            one.target,
            np.maximum(one.fnmr, floor),
            color=color,
            linewidth=1.3,
            label=f"{100 * one.wanted:g} %",
            zorder=2 + 0.1 * position,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, 1.0)
    axes.set_ylim(floor, 1.0)
    axes.grid(True, color="#E6E6E6", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL, length=2.5, color=FAINT)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_linewidth(0.6)
        spine.set_color(FAINT)


def _legend(axes: Axes) -> None:
    legend = axes.legend(
        title="discarded",
        title_fontsize=SMALL,
        fontsize=SMALL,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.02),
        frameon=False,
        handlelength=1.6,
    )
    legend.get_title().set_color(FAINT)


def _short(name: str) -> str:
    return literal(name if len(name) <= 32 else f"{name[:14]}…{name[-17:]}")


def _data(curves: Mapping[str, Sequence[DetCurve]]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"methods": np.array(list(curves))}
    for position, of_method in enumerate(curves.values()):
        arrays[f"discard_{position}"] = np.array([one.wanted for one in of_method])
        for place, one in enumerate(of_method):
            arrays |= {
                f"{kind}_{position}_{place}": getattr(one, kind)
                for kind in ("target", "threshold", "fmr", "fnmr")
            }
    return arrays
