"""Error-versus-discard curves of several methods in one figure (Fu & Damer, Fig. 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.curves import step_values
from fiqx_trt.figures.canvas import FAINT, INK, SMALL, TEXT, Look, Picture, inch_axes, new_figure
from fiqx_trt.text import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fiqx_trt.evaluate.method_curves import EdcResult, MethodCurve

__all__ = ["METHOD_COLORS", "SCALES", "edc_figure"]

#: Colours of the methods (Okabe & Ito): told apart by every kind of colour vision. More methods repeat them dashed.
METHOD_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (1.2, 1.2)))
SCALES = ("linear", "log")
#: Steps drawn at most; a longer curve is sampled at so many places of the axis.
DRAWN = 4000
#: Inches: the panels, the margins, the legend.
WIDTH, HIGH, LOW, LEFT, TOP, GAP, BOTTOM, LEGEND = 4.3, 2.75, 0.95, 0.68, 0.34, 0.16, 0.5, 2.35
#: With more methods than this, shaded bands would hide each other; whiskers take their place.
SHADED = 2
#: Places of the whiskers, as fractions of the axis, and the step from one method to the next.
WHISKERS, ASIDE = (0.1, 0.3, 0.5, 0.7, 0.9), 0.014


@dataclass(frozen=True)
class _Panel:
    """Shared settings of the lines of the figure."""

    until: float
    scale: str
    floor: float


def edc_figure(
    result: EdcResult, *, until: float = 0.95, scale: str = "linear", look: Look | None = None
) -> Picture:
    """Draw the false non-match rate over the discard fraction, and the false match rate below it.

    Curves are step lines. Grey: the best possible order (dashed) and a random one (dotted). Bands, where there are any, are
    the bootstrap's. The rule of the threshold stands above; the legend gives the partial areas, normalised.

    Parameters
    ----------
    result
        From :func:`fiqx_trt.evaluate.method_curves.compare_methods`.
    until
        Right end of the axis, in (0, 1].
    scale
        Of the false non-match rate: ``"linear"``, or ``"log"``; there 0 is drawn on the lower edge, which lies at half a
        false non-match.
    look
        Resolution.

    Raises
    ------
    InvalidInputError
        An option is out of range.
    """
    if scale not in SCALES:
        raise InvalidInputError(f"scale is {scale!r}; choose one of {', '.join(SCALES)}")
    if not 0.0 < until <= 1.0:
        raise InvalidInputError(f"until is {until}; give a discard fraction above 0 and at most 1")
    panel = _Panel(until, scale, 0.5 / max(result.comparisons.genuine_count, 1))
    figure = new_figure(LEFT + WIDTH + LEGEND, TOP + HIGH + GAP + LOW + BOTTOM)
    upper = inch_axes(figure, LEFT, BOTTOM + LOW + GAP, WIDTH, HIGH)
    lower = inch_axes(figure, LEFT, BOTTOM, WIDTH, LOW)
    _draw_errors(upper, result, panel)
    _draw_false_matches(lower, result, panel)
    for axes in (upper, lower):
        _plain(axes, until)
    upper.tick_params(labelbottom=False)
    upper.set_title(_rule(result), fontsize=SMALL + 0.5, color=INK, loc="left", pad=6)
    lower.set_xlabel(f"fraction of {_counted(result)} discarded", fontsize=TEXT, color=INK)
    upper.set_ylabel("FNMR", fontsize=TEXT, color=INK)
    lower.set_ylabel("FMR", fontsize=TEXT, color=INK)
    figure.align_ylabels([upper, lower])
    _legend(upper, result)
    return Picture(figure, _data(result), (look or Look()).dpi)


def _style(position: int) -> dict[str, Any]:
    return {
        "color": METHOD_COLORS[position % len(METHOD_COLORS)],
        "linestyle": DASHES[position // len(METHOD_COLORS) % len(DASHES)],
    }


def _draw_errors(axes: Axes, result: EdcResult, panel: _Panel) -> None:
    grey: dict[str, Any] = {"color": FAINT, "linewidth": 1.0, "zorder": 1.5}
    _steps(
        axes,
        result.best.discard,
        result.best.fnmr,
        panel,
        linestyle=(0, (4, 2)),
        label="best possible",
        **grey,
    )
    _steps(
        axes,
        result.random.discard,
        result.random.fnmr,
        panel,
        linestyle=(0, (1, 1.5)),
        label="random",
        **grey,
    )
    for position, one in enumerate(result.methods):
        style = _style(position)
        _steps(
            axes,
            one.curve.discard,
            one.curve.fnmr,
            panel,
            linewidth=1.4,
            zorder=3,
            label=literal(one.name),
            **style,
        )
        if one.bands is not None:
            _draw_bands(axes, result, position, panel)
    if panel.scale == "log":
        axes.set_yscale("log")
        axes.set_ylim(bottom=panel.floor)
    else:
        axes.set_ylim(bottom=0.0)


def _draw_bands(axes: Axes, result: EdcResult, position: int, panel: _Panel) -> None:
    """Shade the bands of one or two methods; of more, draw them as whiskers side by side."""
    bands, color = result.methods[position].bands, _style(position)["color"]
    if bands is None:
        return
    low, high = _shown(bands.low, panel), _shown(bands.high, panel)
    if len(result.methods) <= SHADED:
        inside = bands.grid <= panel.until
        x = np.append(bands.grid[inside], panel.until)
        low, high = (np.append(values[inside], values[inside][-1]) for values in (low, high))
        axes.fill_between(x, low, high, step="post", color=color, alpha=0.16, linewidth=0, zorder=2)
        return
    shift = ASIDE * (position - (len(result.methods) - 1) / 2)
    at = panel.until * (np.array(WHISKERS) + shift)
    places = np.searchsorted(bands.grid, at, side="right") - 1
    axes.vlines(at, low[places], high[places], color=color, linewidth=0.9, alpha=0.75, zorder=2.5)
    for ends in (low, high):
        axes.plot(
            at, ends[places], "_", color=color, markersize=3.5, markeredgewidth=0.9, alpha=0.75, zorder=2.5
        )


def _draw_false_matches(axes: Axes, result: EdcResult, panel: _Panel) -> None:
    linear = _Panel(panel.until, "linear", panel.floor)
    highest = result.point.target_fmr or 0.0
    for position, one in enumerate(result.methods):
        _steps(axes, one.curve.discard, one.curve.fmr, linear, linewidth=1.1, **_style(position))
        inside = one.curve.fmr[(one.curve.discard <= panel.until) & np.isfinite(one.curve.fmr)]
        highest = max(highest, float(inside.max(initial=0.0)))
    if result.point.target_fmr is not None:
        axes.axhline(result.point.target_fmr, color=FAINT, linewidth=0.8, linestyle=(0, (1, 1.5)))
    axes.set_ylim(0.0, 1.15 * highest or 1.0)
    axes.locator_params(axis="y", nbins=4)


def _steps(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], panel: _Panel, **style: Any) -> None:
    """Draw a step function from 0 to the end of the axis."""
    if len(x) > DRAWN:
        at = np.linspace(0.0, panel.until, DRAWN)
        x, y = at, step_values(x, y, at)
    inside = x <= panel.until
    x, y = np.append(x[inside], panel.until), y[inside]
    axes.step(x, _shown(np.append(y, y[-1]), panel), where="post", **style)


def _shown(values: NDArray[np.float64], panel: _Panel) -> NDArray[np.float64]:
    return np.maximum(values, panel.floor) if panel.scale == "log" else values


def _plain(axes: Axes, until: float) -> None:
    axes.set_xlim(0.0, until)
    axes.grid(True, color="#E6E6E6", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL, length=2.5, color=FAINT)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_linewidth(0.6)
        spine.set_color(FAINT)


def _counted(result: EdcResult) -> str:
    return "genuine comparisons" if result.options.fraction == "genuine" else "comparisons"


def _rule(result: EdcResult) -> str:
    point = result.point
    if point.target_fmr is None:
        return f"threshold {point.threshold:.4g}, given: FMR {point.fmr:.3g}, FNMR {point.fnmr:.3g} on all comparisons"
    if result.options.recompute:
        return f"threshold recomputed at every step for FMR ≤ {point.target_fmr:g}"
    return f"threshold {point.threshold:.4g}, fixed on all comparisons for FMR ≤ {point.target_fmr:g}"


def _legend(axes: Axes, result: EdcResult) -> None:
    lines, _ = axes.get_legend_handles_labels()
    limits = [f"{100 * limit:g} %" for limit in result.options.limits]
    rows = [
        _areas(
            "best possible", [a / x for a, x in zip(result.best_areas, result.options.limits, strict=True)]
        )
    ]
    rows.append(_areas("random", [area.normalised for area in result.random_areas]))
    rows += [_areas(literal(one.name), [area.normalised for area in one.areas]) for one in result.methods]
    order = [*range(2, len(rows)), 1, 0]
    level = next((f"{100 * one.bands.level:g} %" for one in result.methods if one.bands is not None), "")
    mark = "shaded" if len(result.methods) <= SHADED else "whiskers"
    band = f"\n{mark}: {level}, bootstrap over people" if level else ""
    legend = axes.legend(
        [lines[i] for i in order],
        [rows[i] for i in order],
        title=f"mean FNMR up to {' · '.join(limits)} discard{band}",
        title_fontsize=SMALL,
        fontsize=SMALL,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.02),
        frameon=False,
        handlelength=1.8,
        labelspacing=0.7,
        alignment="left",
    )
    legend.get_title().set_color(FAINT)


def _areas(name: str, numbers: Sequence[float]) -> str:
    shown = name if len(name) <= 32 else f"{name[:14]}…{name[-17:]}"
    return f"{shown}\n{' · '.join(f'{number:.4f}' for number in numbers)}"


def _data(result: EdcResult) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {
        "methods": np.array([one.name for one in result.methods]),
        "best_discard": result.best.discard,
        "best_fnmr": result.best.fnmr,
        "random_discard": result.random.discard,
        "random_fnmr": result.random.fnmr,
        "threshold": np.array(result.point.threshold),
    }
    for position, one in enumerate(result.methods):
        arrays |= _method_data(position, one)
    return arrays


def _method_data(position: int, one: MethodCurve) -> dict[str, NDArray[Any]]:
    arrays = {
        f"{name}_{position}": getattr(one.curve, name)
        for name in ("discard", "fnmr", "fmr", "threshold", "quality")
    }
    if one.bands is not None:
        arrays |= {f"band_{name}_{position}": getattr(one.bands, name) for name in ("grid", "low", "high")}
    return arrays
