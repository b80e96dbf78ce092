"""Figures of the pixel-quality experiments (Terhörst et al., Fig. 3 to 7), each with its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.figures.canvas import (
    FAINT,
    HIGH,
    INK,
    LOW,
    SMALL,
    TEXT,
    Look,
    Picture,
    Scale,
    bare,
    color_bar,
    density,
    inch_axes,
    new_figure,
)
from fiqx_trt.text import literal, percent, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fiqx_trt.experiments.study import ExampleFaces

__all__ = [
    "compare_figure",
    "examples_figure",
    "inpainting_figure",
    "masks_figure",
    "short_name",
]

SIDE, GAP, MARGIN = 1.15, 0.08, 0.15


def masks_figure(
    losses: Mapping[str, Mapping[int, NDArray[np.float64]]], *, look: Look | None = None
) -> Picture:
    """Draw the distributions of what random masks cost, by size of the mask (Fig. 5).

    Parameters
    ----------
    losses
        Title of a panel → size → the changes of all faces; positive ones are losses.
    look
        Colours and resolution.

    Raises
    ------
    InvalidInputError
        There is nothing to draw.
    """
    if not losses or not all(losses.values()):
        raise InvalidInputError("no distribution was given; give at least one panel with one size")
    sizes = list(next(iter(losses.values())))
    wide, row, left, bottom, top = 1.7, 0.5, 0.62, 0.42, 0.32
    figure = new_figure(left + len(losses) * (wide + 0.22), bottom + top + row * (len(sizes) + 0.6))
    for column, (title, by_size) in enumerate(losses.items()):
        axes = inch_axes(figure, left + column * (wide + 0.22), bottom, wide, row * (len(sizes) + 0.6))
        _ridges(axes, by_size, sizes)
        axes.set_title(title, fontsize=TEXT, color=INK, pad=5)
        axes.set_yticks(range(len(sizes)), [f"{s} px" for s in reversed(sizes)] if column == 0 else [])
        axes.tick_params(axis="y", length=0, labelsize=SMALL, pad=3)
    figure.text(
        0.5,
        0.05 / figure.get_size_inches()[1],
        "loss through the mask (right of the line: quality fell), and its share",
        ha="center",
        fontsize=SMALL,
        color=FAINT,
    )
    data = {f"{title}__{size}": values for title, sizes_ in losses.items() for size, values in sizes_.items()}
    return Picture(figure, data, (look or Look()).dpi)


def _ridges(axes: Axes, by_size: Mapping[int, NDArray[np.float64]], sizes: Sequence[int]) -> None:
    everything = np.concatenate([by_size[size] for size in sizes])
    limit = max(float(np.quantile(np.abs(everything), 0.995)) * 1.1, 1e-6)
    at = np.linspace(-limit, limit, 400)
    for place, size in enumerate(reversed(sizes)):
        values = by_size[size]
        curve = density(np.clip(values, -limit, limit), at)
        height = 0.85 * curve / max(float(curve.max()), 1e-12)
        for side, color in ((at <= 0, LOW), (at >= 0, HIGH)):
            axes.fill_between(at[side], place, place + height[side], color=color, alpha=0.3, linewidth=0)
        axes.plot(at, place + height, color=INK, linewidth=0.7)
        mean = float(values.mean())
        axes.plot([mean, mean], [place, place + 0.3], color=INK, linewidth=1.2)
        share = percent(float(np.mean(values > 0)))
        axes.text(-0.97 * limit, place + 0.2, share, fontsize=SMALL, color=INK, ha="left", va="bottom")
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_xlim(-limit, limit)
    axes.set_ylim(-0.08, len(sizes) + 0.1)
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(axis="x", labelsize=SMALL, length=2, pad=1.5, color=FAINT)
    for name in ("left", "right", "top"):
        axes.spines[name].set_visible(False)
    axes.spines["bottom"].set_linewidth(0.5)


def inpainting_figure(
    before: NDArray[np.float64], after: Mapping[str, NDArray[np.float64]], *, look: Look | None = None
) -> Picture:
    """Draw quality before and after inpainting, faces sorted by quality, with the deviation over the seeds (Fig. 3).

    Parameters
    ----------
    before
        ``(N, S)`` Q̂ of N faces by seed.
    after
        Inpainter → ``(N, S)``.
    look
        Colours and resolution.

    Raises
    ------
    InvalidInputError
        There is nothing to draw.
    """
    if not after or not len(before):
        raise InvalidInputError("no inpainted face was given; give at least one")
    order = np.argsort(before.mean(axis=1), kind="stable")
    wide, high = 3.1, 2.0
    figure = new_figure(0.55 + len(after) * (wide + 0.35), high + 0.85)
    x = np.arange(len(order))
    for column, (name, values) in enumerate(after.items()):
        axes = inch_axes(figure, 0.55 + column * (wide + 0.35), 0.48, wide, high)
        old, new = before[order].mean(axis=1), values[order].mean(axis=1)
        spread = before[order].std(axis=1)
        axes.fill_between(
            x, old - spread, old + spread, color=FAINT, alpha=0.22, linewidth=0, label="± std over the seeds"
        )
        axes.plot(x, old, color=INK, linewidth=1.2, label="before")
        better = new >= old
        for side, color, word in ((better, HIGH, "after, higher"), (~better, LOW, "after, lower")):
            axes.vlines(x[side], old[side], new[side], color=color, linewidth=0.8, alpha=0.7)
            axes.plot(x[side], new[side], "o", color=color, markersize=2.6, label=word, linestyle="none")
        _plain(axes, "faces, sorted by quality", "scaled quality Q̂" if column == 0 else "")
        axes.set_title(name, fontsize=TEXT, color=INK, pad=5)
        axes.set_ylim(0, 1)
        axes.set_xlim(-0.8, len(order) - 0.2)
        if column == 0:
            axes.legend(fontsize=SMALL, frameon=False, loc="upper left", handlelength=1.2, labelspacing=0.25)
    data = {"before": before, "order": order, **{f"after__{name}": values for name, values in after.items()}}
    return Picture(figure, data, (look or Look()).dpi)


def examples_figure(
    examples: Sequence[ExampleFaces],
    titles: Sequence[str],
    *,
    across: int = 1,
    look: Look | None = None,
) -> Picture:
    """Draw faces over their maps, a column per variant (Fig. 4 and 6).

    Parameters
    ----------
    examples
        Faces with their maps and qualities, as many variants as titles.
    titles
        Above the columns of every example in the first line.
    across
        Examples side by side.
    look
        Colours and resolution.

    Raises
    ------
    InvalidInputError
        There is no example, or one has another number of variants.
    """
    if not examples or any(len(one.images) != len(titles) for one in examples):
        raise InvalidInputError(
            f"{len(examples)} examples under {len(titles)} titles; give a face per title in each"
        )
    scale = _quality_scale(look)
    across = min(across, len(examples))
    lines = -(-len(examples) // across)
    labels = [short_name(one.name) for one in examples]
    wide, high = len(titles) * (SIDE + GAP) + 0.3, 2 * SIDE + GAP + 0.32
    width, height = 2 * MARGIN + across * wide, 0.32 + lines * high + 0.55
    figure = new_figure(width, height)
    for number, one in enumerate(examples):
        left = MARGIN + (number % across) * wide + 0.2
        bottom = height - (number // across + 1) * high
        for column, title in enumerate(titles):
            x = left + column * (SIDE + GAP)
            _face_and_map(figure, x, bottom, scale, one.images[column], one.maps[column], one.quality[column])
            if number < across:
                figure.text(
                    (x + SIDE / 2) / width, 1 - 0.22 / height, title, fontsize=SMALL, color=INK, ha="center"
                )
        middle = (left - 0.09) / width, (bottom + SIDE + GAP / 2) / height
        figure.text(
            *middle, labels[number], fontsize=SMALL, color=FAINT, rotation=90, ha="center", va="center"
        )
    color_bar(figure, MARGIN + 0.2, 0.3, min(3 * SIDE, width - 0.6), scale, "pixel-level quality")
    data = {
        f"{i:02d}__{kind}": np.stack([np.asarray(v) for v in values])
        for i, one in enumerate(examples)
        for kind, values in (("faces", one.images), ("maps", one.maps), ("quality", one.quality))
    }
    return Picture(
        figure, {"titles": np.array(titles), "labels": np.array(labels), **data}, (look or Look()).dpi
    )


def short_name(name: str) -> str:
    """Return a file name that fits above a face: at most 22 characters, undecodable bytes escaped, no formula begun."""
    text = visible(name)
    return literal(text if len(text) <= 22 else f"{text[:20]}…")


def compare_figure(
    faces: Sequence[NDArray[np.uint8]],
    maps: Sequence[NDArray[np.floating]],
    qualities: Sequence[float],
    labels: Sequence[str],
    notes: Sequence[str],
    *,
    columns: int = 6,
    look: Look | None = None,
) -> Picture:
    """Draw a reference and its violations, the face over its map (Fig. 7).

    Parameters
    ----------
    faces, maps, qualities
        Of each picture, the reference first.
    labels, notes
        Above and below each.
    columns
        Pictures side by side.
    look
        Colours and resolution.

    Raises
    ------
    InvalidInputError
        There is no face.
    """
    if not len(faces):
        raise InvalidInputError("no face was given; give a reference and what to compare with it")
    scale = _quality_scale(look)
    columns = min(columns, len(faces))
    lines = -(-len(faces) // columns)
    side, gap = 1.35, 0.12
    block = 2 * side + GAP + 0.72
    width, height = 2 * MARGIN + columns * (side + gap) - gap, lines * block + 0.55
    figure = new_figure(width, height)
    for i, (face, quality_map, quality) in enumerate(zip(faces, maps, qualities, strict=True)):
        left = MARGIN + (i % columns) * (side + gap)
        bottom = height - (i // columns + 1) * block + 0.5
        _face_and_map(figure, left, bottom, scale, face, quality_map, quality, side=side)
        middle = (left + side / 2) / width
        top = (bottom + 2 * side + GAP + 0.06) / height
        weight = "bold" if i == 0 else "normal"
        figure.text(middle, top, labels[i], fontsize=SMALL, color=INK, ha="center", weight=weight)
        figure.text(
            middle,
            (bottom - 0.2) / height,
            notes[i],
            fontsize=SMALL - 1.2,
            color=FAINT,
            ha="center",
            va="top",
        )
    color_bar(figure, MARGIN, 0.32, min(3.0, width - 2 * MARGIN), scale, "pixel-level quality")
    data = {
        "faces": np.stack(faces),
        "maps": np.stack(maps),
        "quality": np.asarray(qualities),
        "labels": np.array(labels),
    }
    return Picture(figure, data, (look or Look()).dpi)


def _quality_scale(look: Look | None) -> Scale:
    """Return the scale of every map of pixel-level quality, which is never rescaled."""
    return Scale(0.0, 1.0, (look or Look()).quality)


def _face_and_map(
    figure: Figure,
    left: float,
    bottom: float,
    scale: Scale,
    face: NDArray[np.uint8],
    quality_map: NDArray[np.floating],
    quality: float,
    *,
    side: float = SIDE,
) -> None:
    above = inch_axes(figure, left, bottom + side + GAP, side, side)
    above.imshow(face, interpolation="antialiased")
    below = inch_axes(figure, left, bottom, side, side)
    below.imshow(quality_map, cmap=scale.name, norm=scale.norm, interpolation="antialiased")
    for axes in (above, below):
        bare(axes)
    below.set_xlabel(f"Q̂ = {quality:.2f}", fontsize=SMALL, color=INK, labelpad=2)


def _plain(axes: Axes, xlabel: str, ylabel: str) -> None:
    axes.set_xlabel(xlabel, fontsize=SMALL, color=INK, labelpad=2)
    axes.set_ylabel(ylabel, fontsize=SMALL, color=INK, labelpad=3)
    axes.tick_params(labelsize=SMALL, length=2, pad=1.5, color=FAINT)
    for name in ("right", "top"):
        axes.spines[name].set_visible(False)
    for name in ("left", "bottom"):
        axes.spines[name].set_linewidth(0.5)
        axes.spines[name].set_color(FAINT)
