"""The pictures of the ladder: the faces with their quality, and the maps of the strongest degradations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.demo.story import BETWEEN, LOST, SAME, verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fiqx_trt.figures.canvas import Picture

__all__ = ["Step", "ladder_figure", "maps_figure"]


class Step(Protocol):
    """The numbers of a face in the figure."""

    @property
    def kind(self) -> str:
        """The degradation."""

    @property
    def level(self) -> float:
        """Its strength."""

    @property
    def raw(self) -> float:
        """Q."""

    @property
    def scaled(self) -> float:
        """Q̂."""

    @property
    def similarity(self) -> float:
        """Cosine to the untouched face."""


#: Dots per inch.
DPI = 120
#: Frame of a face by what its cosine means: colour, width and dashes differ, for print and for every colour vision.
FRAMES: Mapping[str, dict[str, Any]] = {
    SAME: {"color": "#0072B2", "linewidth": 1.6},
    BETWEEN: {"color": "#E69F00", "linewidth": 2.4, "linestyle": (0, (3, 1.5))},
    LOST: {"color": "#D55E00", "linewidth": 4.0},
}


def ladder_figure(
    faces: Sequence[NDArray[np.uint8]],
    steps: Sequence[Step],
    cosines: Mapping[str, tuple[float, ...]],
) -> Picture:
    """Draw the untouched face and its degraded copies, framed by what the recogniser makes of each.

    Parameters
    ----------
    faces
        The untouched face, then for every degradation its copies from weak to strong.
    steps
        What belongs to each face.
    cosines
        What a cosine means on the model (:func:`fiqx_trt.demo.story.verdict`); empty: no frames.
    """
    from matplotlib.figure import Figure

    from fiqx_trt.figures.canvas import Picture

    kinds = list(dict.fromkeys(step.kind for step in steps[1:]))
    columns = 1 + (len(steps) - 1) // len(kinds)
    figure = Figure(figsize=(1.5 * columns, 1.72 * len(kinds)), layout="constrained")
    grid = figure.subplots(len(kinds), columns, squeeze=False)
    for row, kind in enumerate(kinds):
        first = 1 + row * (columns - 1)
        for column, index in enumerate([0, *range(first, first + columns - 1)]):
            axes, step = grid[row, column], steps[index]
            axes.imshow(faces[index])
            axes.set(xticks=[], yticks=[], xlabel=f"Q̂ {step.scaled:.2f}   cos {step.similarity:.2f}")
            axes.xaxis.set_label_coords(0.5, -0.03)
            axes.xaxis.label.set_fontsize("small")
            frame = FRAMES.get(verdict(step.similarity, cosines))
            for spine in axes.spines.values():
                spine.set_visible(frame is not None)
                spine.set(**(frame or {}))
            if row == 0:
                axes.set_title("untouched" if column == 0 else f"{step.level:.0%}", fontsize="medium")
        grid[row, 0].set_ylabel(kind)
    if cosines:
        _frame_legend(figure)
    return Picture(figure, {}, DPI)


def _frame_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    figure.legend(
        [Line2D([], [], **frame) for frame in FRAMES.values()],
        [f"taken for {name}" if name != BETWEEN else name for name in FRAMES],
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize="small",
        handlelength=3.0,
    )


def maps_figure(
    faces: Sequence[NDArray[np.uint8]],
    quality_maps: NDArray[np.float32],
    activation_maps: NDArray[np.float32],
    steps: Sequence[Step],
) -> Picture:
    """Draw the untouched face and the strongest step of every degradation, each with its two maps.

    Parameters
    ----------
    faces, steps
        As in :func:`ladder_figure`.
    quality_maps, activation_maps
        ``(N, H, W)`` in [0, 1].
    """
    from matplotlib.figure import Figure

    from fiqx_trt.figures.canvas import Look, Picture, Scale
    from fiqx_trt.figures.faces import overlay
    from fiqx_trt.runs.face_picture import quality_colors

    last = {step.kind: index for index, step in enumerate(steps)}
    figure = Figure(figsize=(1.6 * len(last), 5.2), layout="constrained")
    grid = figure.subplots(3, len(last), squeeze=False)
    scale = Scale(0.0, 1.0, Look().maps)
    for column, (kind, index) in enumerate(last.items()):
        pictures = (
            faces[index],
            quality_colors(quality_maps[index]),
            overlay(faces[index], activation_maps[index], scale),
        )
        for axes, picture in zip(grid[:, column], pictures, strict=True):
            axes.imshow(picture)
            axes.set(xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set_visible(False)
        grid[0, column].set_title("untouched" if kind == "none" else kind, fontsize="medium")
        grid[0, column].set_xlabel(f"Q̂ {steps[index].scaled:.2f}", fontsize="small")
        grid[1, column].set_xlabel(f"mean {quality_maps[index].mean():.2f}", fontsize="small")
    for axes, name in zip(grid[:, 0], ("face", "pixel quality", "activation"), strict=True):
        axes.set_ylabel(name)
    return Picture(figure, {"plq": quality_maps, "activation": activation_maps}, DPI)
