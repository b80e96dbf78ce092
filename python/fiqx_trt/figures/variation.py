"""Maps of H and L and their distributions, methods in rows (Fu & Damer, Fig. 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fiqx_trt.amva.variation import VariationMaps
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

__all__ = ["variation_figure"]

#: (average, its symbol, variation, its symbol, difference, its symbol, what the average and the variation are)
KINDS = {
    "mean": ("mam", "MAM", "am_v", "AM-V", "d_am_v", "D-AM-V", ("mean", "standard deviation")),
    "median": (
        "mdam",
        "MDAM",
        "am_mv",
        "AM-MV",
        "d_am_mv",
        "D-AM-MV",
        ("median", "deviation from the median"),
    ),
}
# Inches: a map's side, a distribution's width, gaps, and the margins around the grid.
SIDE, WIDE, GAP, ROW_GAP = 1.15, 1.45, 0.1, 0.3
LEFT, TOP, BOTTOM, RIGHT, BAR = 0.45, 0.35, 0.66, 0.12, 0.35


def variation_figure(
    methods: Mapping[str, VariationMaps], *, kind: str = "mean", look: Look | None = None
) -> Picture:
    """Draw mean (or median), variation and difference of H and L with the distributions of their values.

    All maps of a kind share one scale, printed below its columns, so that rows and columns can be compared.

    Parameters
    ----------
    methods
        Method → its maps; a row each.
    kind
        ``"mean"``: MAM, AM-V and D-AM-V (Fu & Damer, Fig. 3); ``"median"``: MDAM, AM-MV and D-AM-MV (Fig. 4).
    look
        Colours and resolution.

    Raises
    ------
    InvalidInputError
        The kind is unknown, or there is no method.
    """
    if kind not in KINDS or not methods:
        raise InvalidInputError(
            f"kind is {kind!r} for {len(methods)} methods; give 'mean' or 'median', and at least one method"
        )
    look = look or Look()
    average, _, varies, _, differs, _, _ = KINDS[kind]

    def all_of(*names: str) -> list[Any]:
        return [getattr(maps, name) for maps in methods.values() for name in names]

    scales = {
        average: Scale.of(all_of(f"{average}_high", f"{average}_low"), look.maps),
        varies: Scale(0.0, Scale.of(all_of(f"{varies}_high", f"{varies}_low"), "").high, look.variation),
        differs: Scale(0.0, Scale.of(all_of(differs), "").high, look.variation),
    }
    widths = [SIDE, SIDE, WIDE, SIDE, SIDE, WIDE, SIDE]
    width = LEFT + sum(widths) + GAP * (len(widths) - 1) + RIGHT
    height = TOP + len(methods) * (SIDE + ROW_GAP) - ROW_GAP + BOTTOM
    figure = new_figure(width, height)
    lefts = [LEFT + sum(widths[:i]) + i * GAP for i in range(len(widths))]
    for row, (name, maps) in enumerate(methods.items()):
        bottom = height - TOP - (row + 1) * SIDE - row * ROW_GAP
        axes = [inch_axes(figure, x, bottom, w, SIDE) for x, w in zip(lefts, widths, strict=True)]
        _row(axes, name, maps, kind, scales, first=row == 0)
    bar = {average: (lefts[0], 2 * SIDE + GAP), varies: (lefts[3], 2 * SIDE + GAP), differs: (lefts[6], SIDE)}
    labels = dict(zip((average, varies, differs), _bar_labels(kind), strict=True))
    for name, (left, span) in bar.items():
        color_bar(figure, left, BAR, span, scales[name], labels[name])
    data = {
        f"{name}__{key}": values for name, maps in methods.items() for key, values in maps.arrays().items()
    }
    return Picture(figure, data, look.dpi)


def _row(
    axes: list[Axes], method: str, maps: VariationMaps, kind: str, scales: Mapping[str, Scale], *, first: bool
) -> None:
    average, _, varies, _, differs, _, _ = KINDS[kind]
    for place, stem in ((0, average), (3, varies)):
        pair = getattr(maps, f"{stem}_high"), getattr(maps, f"{stem}_low")
        for offset, values in enumerate(pair):
            draw_map(axes[place + offset], values, scales[stem], f"mean {number(values.mean())}")
        draw_distributions(axes[place + 2], *pair, (scales[stem].low, scales[stem].high))
    difference = getattr(maps, differs)
    draw_map(axes[6], difference, scales[differs], f"mean {number(difference.mean())}")
    axes[0].set_ylabel(literal(method), fontsize=TEXT, color=INK, labelpad=6)
    if first:
        for one, title in zip(axes, _titles(kind), strict=True):
            one.set_title(title, fontsize=TEXT, color=INK, pad=5)
        group_legend(axes[2])


def _titles(kind: str) -> list[str]:
    _, mean, _, variation, _, difference, _ = KINDS[kind]
    return [
        symbol(mean, "H"),
        symbol(mean, "L"),
        f"values of {mean}",
        symbol(variation, "H"),
        symbol(variation, "L"),
        f"values of {variation}",
        difference,
    ]


def _bar_labels(kind: str) -> tuple[str, str, str]:
    *_, (mean, spread) = KINDS[kind]
    return f"{mean} activation", f"{spread} of the activation", "|H − L|"
