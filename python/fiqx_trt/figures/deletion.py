"""Areas of deletion and insertion, a row for every map and baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.figures.canvas import FAINT, INK, SMALL, TEXT, Look, Picture, inch_axes, new_figure
from fiqx_trt.figures.edc import METHOD_COLORS
from fiqx_trt.text import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fiqx_trt.experiments.deletion import Deletion
    from fiqx_trt.experiments.deletion_worth import Area

__all__ = ["FILL_WORDS", "areas_figure"]

FILL_WORDS = {"mean": "mean colour", "blur": "blurred face", "other": "another face"}
MARKERS = ("o", "s", "^")
#: Inches: names at the left, a panel, a row, margins.
NAMES, PANEL, GAP, ROW, HEAD, FOOT = 1.35, 2.6, 0.25, 0.34, 0.32, 0.75


def areas_figure(
    result: Deletion, areas: Sequence[Area], measure: str = "similarity", *, look: Look | None = None
) -> Picture:
    """Draw the mean areas of every order with their bands: deletion at the left, insertion at the right, a mark for each fill.

    Parameters
    ----------
    result
        The curves; their means over the faces go into the figure's data.
    areas
        The areas with bands, from :func:`fiqx_trt.experiments.deletion_worth.areas`.
    measure
        What was measured.
    look
        Resolution.

    Raises
    ------
    InvalidInputError
        Nothing was measured by that name.
    """
    shown = {(one.order, one.fill): one for one in areas if one.measure == measure}
    if not shown:
        raise InvalidInputError(f"no area of {measure!r} was given; choose from {', '.join(result.curves)}")
    values = np.array(
        [
            [
                [(b.value, b.low, b.high) for b in (shown[o, f].deletion, shown[o, f].insertion)]
                for f in result.fills
            ]
            for o in result.orders
        ]
    )
    rows = len(result.orders)
    figure = new_figure(NAMES + 2 * PANEL + GAP + 0.15, HEAD + ROW * rows + FOOT)
    for k, (kind, good) in enumerate((("deletion", "lower"), ("insertion", "higher"))):
        axes = inch_axes(figure, NAMES + k * (PANEL + GAP), FOOT, PANEL, ROW * rows)
        _panel(axes, values[:, :, k], result.fills)
        axes.set_title(f"{kind} ({good} is better)", fontsize=TEXT, color=INK, pad=4)
        names = [literal(name) for name in result.orders] if k == 0 else [""] * rows
        axes.set_yticks(range(rows), names, fontsize=SMALL + 0.5)
        axes.axhline(len(result.maps) - 0.5, color=FAINT, linewidth=0.6)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=SMALL, frameon=False, ncols=3, loc="lower center")
    data = {"orders": np.array(result.orders), "fills": np.array(result.fills), "mean_low_high": values}
    curves = np.nanmean(result.curves[measure], axis=0)
    return Picture(figure, {**data, "share": result.share, "curves": curves}, (look or Look()).dpi)


def _panel(axes: Axes, values: np.ndarray, fills: Sequence[str]) -> None:
    """Draw ``(M, F, 3)`` means and bounds."""
    rows = np.arange(len(values))
    for f, fill in enumerate(fills):
        at = rows + (f - (len(fills) - 1) / 2) * 0.22
        color = METHOD_COLORS[f]
        axes.hlines(at, values[:, f, 1], values[:, f, 2], color=color, linewidth=1.3, alpha=0.7)
        axes.plot(values[:, f, 0], at, MARKERS[f], color=color, markersize=3.8, label=FILL_WORDS[fill])
    axes.set_ylim(len(values) - 0.45, -0.55)
    axes.set_xlabel("area under the curve", fontsize=SMALL, color=INK, labelpad=2)
    axes.tick_params(labelsize=SMALL, length=2.5, color=FAINT)
    axes.set_axisbelow(True)
    axes.grid(True, axis="x", color="#E6E6E6", linewidth=0.5)
    line: dict[str, Any] = {"linewidth": 0.6, "color": FAINT}
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(**line)
