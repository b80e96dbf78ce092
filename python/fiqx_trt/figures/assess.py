"""Figures of an assessment: correlations with their bands, and what each degradation does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.figures.canvas import FAINT, INK, SMALL, TEXT, Look, Picture, inch_axes, new_figure
from fiqx_trt.figures.edc import METHOD_COLORS
from fiqx_trt.text import literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fiqx_trt.experiments.assessment import Assessment
    from fiqx_trt.experiments.degraded_scores import DegradedScores

__all__ = ["degradation_figure", "validity_figure"]

#: Inches of the correlation figure: names at the left, the axis, a row, margins.
NAMES, AXIS, ROW, HEAD, FOOT = 2.1, 4.6, 0.36, 0.4, 0.55
#: Inches of a panel of the degradation figure, and panels side by side.
PANEL, COLUMNS = 1.75, 4


def validity_figure(result: Assessment, *, look: Look | None = None) -> Picture:
    """Draw Spearman's correlation of every method, in total and for each degradation, with bootstrap bands.

    Parameters
    ----------
    result
        The assessment.
    look
        Resolution.
    """
    tables = {name: method.rows() for name, method in result.methods.items()}
    names = list(next(iter(tables.values())))
    height = HEAD + ROW * len(names) + FOOT
    figure = new_figure(NAMES + AXIS + 0.2, height)
    axes = inch_axes(figure, NAMES, FOOT, AXIS, ROW * len(names))
    values = np.array([[(c.value, c.low, c.high) for c in rows.values()] for rows in tables.values()])
    step = 0.6 / max(len(tables) - 1, 1)
    for m, name in enumerate(tables):
        at = np.arange(len(names)) + (m - (len(tables) - 1) / 2) * min(step, 0.22)
        color = METHOD_COLORS[m % len(METHOD_COLORS)]
        axes.hlines(at, values[m, :, 1], values[m, :, 2], color=color, linewidth=1.4, alpha=0.7)
        axes.plot(values[m, :, 0], at, "o", color=color, markersize=4.2, label=literal(name))
    axes.axvline(0.0, color=FAINT, linewidth=0.8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(min(-0.25, float(np.nanmin(values)) - 0.05), 1.0)
    axes.set_yticks(range(len(names)), names, fontsize=SMALL + 0.5)
    axes.set_xlabel("Spearman correlation with the similarity that is left", fontsize=TEXT, color=INK)
    axes.legend(fontsize=SMALL, frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(-0.02, 1.0))
    _quiet(axes)
    axes.grid(True, axis="x", color="#E6E6E6", linewidth=0.5)
    return Picture(
        figure,
        {"methods": np.array(list(tables)), "rows": np.array(names), "spearman_low_high": values},
        (look or Look()).dpi,
    )


def degradation_figure(scored: DegradedScores, *, look: Look | None = None) -> Picture:
    """Draw for each degradation how similarity and the rank of each quality fall with its strength.

    The rank of a picture is the share of all pictures, untouched and degraded, whose quality is lower; 0.5 on average.

    Parameters
    ----------
    scored
        Scores of faces and of their copies.
    look
        Resolution.
    """
    ranks = {name: _mean_ranks(*scored.rising(name)) for name in scored.clean}
    similarity = np.concatenate(
        [np.ones((len(scored.kinds), 1)), np.nanmean(scored.similarity, axis=0)], axis=1
    )
    lines = math.ceil(len(scored.kinds) / COLUMNS)
    figure = new_figure(0.55 + COLUMNS * (PANEL + 0.2), 0.75 + lines * (PANEL + 0.45))
    at = np.array([0.0, *scored.levels])
    for k, kind in enumerate(scored.kinds):
        row, column = divmod(k, COLUMNS)
        bottom = 0.5 + (lines - 1 - row) * (PANEL + 0.45)
        axes = inch_axes(figure, 0.45 + column * (PANEL + 0.2), bottom, PANEL, PANEL)
        axes.plot(at, similarity[k], color=INK, linewidth=1.6, marker="s", markersize=3, label="similarity")
        for m, (name, values) in enumerate(ranks.items()):
            color = METHOD_COLORS[m % len(METHOD_COLORS)]
            axes.plot(
                at, values[k], color=color, linewidth=1.2, marker="o", markersize=3, label=literal(name)
            )
        axes.set_title(kind, fontsize=TEXT, color=INK, pad=4)
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(min(-0.05, float(np.nanmin(similarity)) - 0.05), 1.05)
        axes.set_xticks([0, 0.5, 1])
        axes.tick_params(labelleft=column == 0)
        _quiet(axes)
        axes.grid(True, color="#E6E6E6", linewidth=0.5)
    figure.legend(*axes.get_legend_handles_labels(), fontsize=SMALL, frameon=False, ncols=6, loc="lower left")
    return Picture(
        figure,
        {
            "kinds": np.array(scored.kinds),
            "levels": at,
            "similarity": similarity,
            "methods": np.array(list(ranks)),
            "ranks": np.array(list(ranks.values())),
        },
        (look or Look()).dpi,
    )


def _mean_ranks(clean: NDArray[np.float64], degraded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean rank in [0, 1] of the pictures of each degradation and strength, untouched first, ``(K, L + 1)``."""
    everything = np.sort(np.concatenate([clean, degraded.ravel()]))
    everything = everything[np.isfinite(everything)]

    def rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
        middle = np.searchsorted(everything, values) + np.searchsorted(everything, values, side="right")
        return np.where(np.isfinite(values), middle / (2.0 * len(everything)), np.nan)

    start = np.full((degraded.shape[1], 1), np.nanmean(rank(clean)))
    return np.concatenate([start, np.nanmean(rank(degraded), axis=0)], axis=1)


def _quiet(axes: Axes) -> None:
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL, length=2.5, color=FAINT)
    kept: dict[str, Any] = {"linewidth": 0.6, "color": FAINT}
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(**kept)
