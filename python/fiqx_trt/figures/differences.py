"""Differences of the variation between methods, for H and for L (Fu & Damer, Fig. 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fiqx_trt.amva.variation import MethodDifference
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.figures.canvas import (
    INK,
    TEXT,
    Look,
    Picture,
    Scale,
    color_bar,
    draw_distributions,
    draw_map,
    group_legend,
    inch_axes,
    new_figure,
    number,
    symbol,
)
from fiqx_trt.text import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["differences_figure"]

NAMES = {"mean": ("d_am_v", "D-AM-V"), "median": ("d_am_mv", "D-AM-MV")}
SIDE, WIDE, GAP, ROW_GAP = 1.15, 1.6, 0.1, 0.3
LEFT, TOP, RIGHT, BOTTOM, BAR = 0.75, 0.35, 0.15, 0.66, 0.35
#: Pairs in one column; more of them stand side by side.
ROWS, BLOCK_GAP = 6, 0.3


def differences_figure(
    differences: Sequence[MethodDifference], *, kind: str = "mean", look: Look | None = None
) -> Picture:
    """Draw the differences of variation between methods, one scale around zero for the whole figure.

    Parameters
    ----------
    differences
        From :func:`fiqx_trt.amva.method_differences`; a row each.
    kind
        ``"mean"``: D-AM-V; ``"median"``: D-AM-MV.
    look
        Colours and resolution.

    Raises
    ------
    InvalidInputError
        The kind is unknown, or there is no pair of methods.
    """
    if kind not in NAMES or not differences:
        raise InvalidInputError(
            f"kind is {kind!r} for {len(differences)} pairs; give 'mean' or 'median', and the maps of at least two methods"
        )
    look = look or Look()
    stem, label = NAMES[kind]
    arrays = [getattr(one, f"{stem}_{group}") for one in differences for group in ("high", "low")]
    signed = all(one.signed for one in differences)
    scale = (
        Scale.around_zero(arrays, look.difference)
        if signed
        else Scale(0.0, Scale.of(arrays, "").high, look.variation)
    )
    blocks, rows = -(-len(differences) // ROWS), min(ROWS, len(differences))
    block = LEFT + 2 * SIDE + WIDE + 2 * GAP
    width = blocks * block + (blocks - 1) * BLOCK_GAP + RIGHT
    height = TOP + rows * (SIDE + ROW_GAP) - ROW_GAP + BOTTOM
    figure = new_figure(width, height)
    for index, one in enumerate(differences):
        left = index // ROWS * (block + BLOCK_GAP) + LEFT
        bottom = height - TOP - index % ROWS * (SIDE + ROW_GAP) - SIDE
        sides = ((left, SIDE), (left + SIDE + GAP, SIDE), (left + 2 * (SIDE + GAP), WIDE))
        axes = [inch_axes(figure, x, bottom, span, SIDE) for x, span in sides]
        _row(axes, one, stem, scale)
        if index % ROWS == 0:
            for part, title in zip(
                axes, (symbol(label, "H"), symbol(label, "L"), f"values of {label}"), strict=True
            ):
                part.set_title(title, fontsize=TEXT, color=INK, pad=5)
            group_legend(axes[2])
    name = "first method − second method" if signed else "|first method − second method|"
    color_bar(figure, LEFT, BAR, min(width - LEFT - RIGHT, 2 * SIDE + GAP), scale, name)
    data = {
        f"{one.first}__{one.second}__{key}": values
        for one in differences
        for key, values in one.arrays().items()
    }
    return Picture(figure, data, look.dpi)


def _row(axes: list[Axes], one: MethodDifference, stem: str, scale: Scale) -> None:
    high, low = getattr(one, f"{stem}_high"), getattr(one, f"{stem}_low")
    for part, values in zip(axes, (high, low), strict=False):
        draw_map(
            part, values, scale, f"{number(values.min(), scale.high)} … {number(values.max(), scale.high)}"
        )
    draw_distributions(axes[2], high, low, (scale.low, scale.high))
    axes[2].axvline(0.0, color=INK, linewidth=0.5)
    axes[0].set_ylabel(literal(f"{one.first}\n− {one.second}"), fontsize=TEXT, color=INK, labelpad=6)
