"""Figures without pyplot: a canvas of its own for each, nothing global, written as picture and as data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import DependencyError, InvalidInputError, OutputError
from fiqx_trt.files import npz_bytes, write_settled
from fiqx_trt.runs.colors import COLORS, DEFAULT_COLORS, colors_of

try:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
except ImportError as error:
    raise DependencyError("figures need matplotlib: python -m pip install 'fiqx-trt[report]'") from error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "FAINT",
    "FORMATS",
    "HIGH",
    "INK",
    "LOW",
    "SMALL",
    "TEXT",
    "Look",
    "Picture",
    "Scale",
    "bare",
    "color_bar",
    "density",
    "draw_distributions",
    "draw_map",
    "group_legend",
    "in_formats",
    "inch_axes",
    "new_figure",
    "number",
    "save_pictures",
    "symbol",
]

#: Colours of the groups H and L: told apart by every kind of colour vision, and in print.
HIGH, LOW = "#0072B2", "#D55E00"
INK, FAINT = "#222222", "#777777"
TEXT, SMALL = 9.0, 7.0
#: What a figure can be written as beside its PNG, with what the file would say of the time and the program, left out: the same
#: figure has the same bytes.
FORMATS: Mapping[str, Mapping[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
#: Inches below which a colour bar has no room for a number in the middle.
NARROW = 1.3


@dataclass(frozen=True)
class Look:
    """Choices of colour, size and files for all figures.

    Parameters
    ----------
    quality
        Colour map of pixel-level quality in [0, 1].
    maps
        Colour map of activation maps: a perceptually uniform one, or ``"jet"`` as in the papers.
    variation
        Colour map of variations and deviations.
    difference
        Diverging colour map of signed differences.
    dpi
        Dots per inch of the picture.
    formats
        Names of :data:`FORMATS`: what every figure is written as beside the PNG.
    """

    quality: str = COLORS[DEFAULT_COLORS].quality
    maps: str = COLORS[DEFAULT_COLORS].activation
    variation: str = COLORS[DEFAULT_COLORS].variation
    difference: str = COLORS[DEFAULT_COLORS].signed
    dpi: int = 200
    formats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the names once."""
        for name in self.formats:
            if name not in FORMATS:
                raise InvalidInputError(
                    f"--figure-format is {name!r}; choose of {', '.join(FORMATS)} (in Python: formats=…); a png is always written"
                )
        for name in (self.quality, self.maps, self.variation, self.difference):
            if name not in matplotlib.colormaps:
                raise InvalidInputError(
                    f"there is no colour map {name!r}; give one of matplotlib's, such as viridis or jet"
                )

    @classmethod
    def named(cls, colors: str, formats: Sequence[str] = ()) -> Look:
        """Return the look with colours of a name of :data:`fiqx_trt.runs.colors.COLORS`.

        Raises
        ------
        InvalidInputError
            The colours or a format are unknown.
        """
        chosen = colors_of(colors)
        return cls(
            chosen.quality,
            chosen.activation,
            chosen.variation,
            chosen.signed,
            formats=tuple(dict.fromkeys(formats)),
        )


@dataclass(frozen=True)
class Scale:
    """A colour map and the values at its ends, shared by all panels that use it."""

    low: float
    high: float
    name: str

    @classmethod
    def of(cls, arrays: Sequence[NDArray[Any]], name: str) -> Scale:
        """Return the scale that holds all values."""
        return cls(min(float(a.min()) for a in arrays), max(float(a.max()) for a in arrays), name)

    @classmethod
    def around_zero(cls, arrays: Sequence[NDArray[Any]], name: str) -> Scale:
        """Return the scale that is symmetric about 0 and holds all values."""
        limit = max(float(np.abs(a).max()) for a in arrays)
        return cls(-limit, limit, name)

    @property
    def norm(self) -> Any:
        """The same for matplotlib; a single value gets a little room."""
        room = 0.0 if self.high > self.low else 1e-6
        return Normalize(self.low - room, self.high + room)

    def color(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return RGB in [0, 1] of values, ``(..., 3)``."""
        return np.asarray(matplotlib.colormaps[self.name](self.norm(values))[..., :3], np.float64)


@dataclass(frozen=True)
class Picture:
    """A figure and the arrays it shows.

    Parameters
    ----------
    figure
        The drawing.
    data
        Name → array.
    dpi
        Dots per inch when written.
    formats
        Names of :data:`FORMATS`: what it is written as beside the PNG.
    """

    figure: Figure
    data: Mapping[str, NDArray[Any]]
    dpi: int = 200
    formats: tuple[str, ...] = ()

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """``(H, W, 4)`` RGBA, rendered once."""
        self.figure.set_dpi(self.dpi)
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()
        return np.array(canvas.buffer_rgba())

    @cached_property
    def dark_pixels(self) -> NDArray[np.uint8]:
        """``(H, W, 3)`` RGB of the same figure on dark paper (:mod:`fiqx_trt.figures.dark`), with its maps as they are."""
        from fiqx_trt.figures.dark import darkened

        height = self.pixels.shape[0]
        extents = [image.get_window_extent() for axes in self.figure.axes for image in axes.get_images()]
        kept = [
            (
                max(0, math.floor(box.x0)),
                max(0, height - math.ceil(box.y1)),
                math.ceil(box.x1),
                height - math.floor(box.y0),
            )
            for box in extents
        ]
        return darkened(self.pixels[..., :3], kept)

    def png(self) -> bytes:
        """Return the picture as a PNG file."""
        from matplotlib.image import imsave

        content = BytesIO()
        imsave(content, self.pixels, format="png", dpi=self.dpi, metadata={"Software": None})  # type: ignore[dict-item]  # None leaves the entry out
        return content.getvalue()

    def vector(self, kind: str) -> bytes:
        """Return the picture as a file of a format of :data:`FORMATS`: lines as curves, maps as pixels.

        Letters are curves in SVG, and embedded fonts in PDF. The background is transparent. The same figure gives the same bytes.
        """
        settings = {"svg.hashsalt": "fiqx_trt", "svg.fonttype": "path", "pdf.fonttype": 42}
        content = BytesIO()
        with matplotlib.rc_context(settings):
            self.figure.savefig(
                content, format=kind, dpi=self.dpi, transparent=True, metadata=dict(FORMATS[kind])
            )
        return content.getvalue()

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The suffixes of the files of the drawing, without those of its data."""
        return "png", *self.formats

    def save(self, path: Path) -> list[Path]:
        """Write ``<path>.png``, other formats and ``<path>.npz``, each in one step; what looks like a suffix of the path stays.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        vectors = {kind: partial(self.vector, kind) for kind in self.formats}
        contents: dict[str, Callable[[], bytes]] = {
            "png": self.png,
            **vectors,
            "npz": partial(npz_bytes, self.data, compressed=True),
        }
        files = {kind: path.with_name(f"{path.name}.{kind}") for kind in (*contents, *FORMATS)}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            for kind in FORMATS.keys() - contents.keys():
                files[kind].unlink(missing_ok=True)  # of an earlier result in more formats
        except OSError as error:
            raise OutputError(
                f"cannot write the figure {files['png']}: {error.strerror or error}; choose another folder"
            ) from error
        for kind, content in contents.items():
            write_settled(files[kind], content())
        return [files[kind] for kind in contents]


def in_formats(pictures: Mapping[str, Picture], formats: tuple[str, ...]) -> dict[str, Picture]:
    """Return pictures that are written in some formats (:data:`FORMATS`) as well."""
    return {stem: replace(picture, formats=formats) for stem, picture in pictures.items()}


def save_pictures(pictures: Mapping[str, Picture], folder: Path) -> list[Path]:
    """Write pictures by the names of their files without suffix (:meth:`Picture.save`) and return the files."""
    return [file for stem, picture in pictures.items() for file in picture.save(folder / stem)]


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, with a canvas of its own."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def draw_map(axes: Axes, values: NDArray[Any], scale: Scale, note: str = "") -> None:
    """Draw a map without axes; a short note stands below it."""
    axes.imshow(values, cmap=scale.name, norm=scale.norm, interpolation="nearest")
    bare(axes)
    if note:
        axes.set_xlabel(note, fontsize=SMALL, color=FAINT, labelpad=2)


def inch_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place in inches from the lower left corner."""
    wide, high = figure.get_size_inches()
    return figure.add_axes((left / wide, bottom / high, width / wide, height / high))


def bare(axes: Axes) -> None:
    """Remove ticks and frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def color_bar(figure: Figure, left: float, bottom: float, width: float, scale: Scale, label: str) -> None:
    """Draw a horizontal colour bar at a place in inches, with the numbers of its ends and middle."""
    axes = inch_axes(figure, left, bottom, width, 0.07)
    ramp = np.linspace(scale.low, scale.high, 256)[np.newaxis]
    axes.imshow(ramp, cmap=scale.name, norm=scale.norm, aspect="auto", extent=(0, 1, 0, 1))
    axes.set_yticks([])
    numbers = [number(v, scale.high) for v in (scale.low, (scale.low + scale.high) / 2, scale.high)]
    if width < NARROW:
        numbers[1] = ""
    axes.set_xticks([0, 0.5, 1], numbers)
    axes.tick_params(labelsize=SMALL, length=2, pad=1.5, color=FAINT)
    sides: tuple[Literal["left", "center", "right"], ...] = ("left", "center", "right")
    for tick, side in zip(axes.get_xticklabels(), sides, strict=True):
        tick.set_horizontalalignment(side)  # the outer numbers stay within the bar
    axes.set_xlabel(label, fontsize=SMALL, labelpad=1.5, color=INK)
    for spine in axes.spines.values():
        spine.set_linewidth(0.4)
        spine.set_color(FAINT)


def number(value: float, limit: float = 0.0) -> str:
    """Return a number with three significant digits and a typographic minus; 0 when it is nothing beside a limit.

    Examples
    --------
    >>> number(-0.01234), number(0.5), number(-1e-6, limit=0.1)
    ('−0.0123', '0.5', '0')
    """
    return "0" if abs(value) < 1e-3 * limit else f"{value:.3g}".replace("-", "−")


def symbol(name: str, group: str) -> str:
    """Return a map's name with its group as an index, as matplotlib sets it."""
    return rf"{name}$_\mathrm{{{group}}}$"


def density(values: NDArray[Any], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a Gaussian kernel density estimate of values at regular places (Silverman's bandwidth).

    The values are counted into bins as fine as the places first, which moves each by less than a bin.
    """
    values = np.asarray(values, np.float64).ravel()
    step = at[1] - at[0]
    quarter, three_quarters = np.quantile(values, [0.25, 0.75])
    spread = min(float(values.std()), float(three_quarters - quarter) / 1.34) or float(values.std())
    width = max(0.9 * spread * len(values) ** -0.2, 0.75 * step)
    counts, _ = np.histogram(values, bins=np.append(at - step / 2, at[-1] + step / 2))
    reach = min(int(np.ceil(4 * width / step)), len(at) - 1)
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) * step / width))
    smooth = np.convolve(counts, kernel / kernel.sum())[reach : reach + len(at)]
    return np.asarray(smooth / (len(values) * step))


def group_legend(axes: Axes) -> None:
    """Draw the legend of the curves H and L above them."""
    axes.legend(
        loc="upper center",
        ncols=2,
        fontsize=SMALL,
        frameon=False,
        handlelength=1.0,
        borderpad=0.0,
        columnspacing=1.0,
    )


def draw_distributions(
    axes: Axes, high: NDArray[Any], low: NDArray[Any], limits: tuple[float, float]
) -> None:
    """Draw the distributions of the values of two maps, H and L, in one plot."""
    room = 0.06 * (limits[1] - limits[0]) or 1e-6
    at = np.linspace(limits[0] - room, limits[1] + room, 400)
    for values, color, name in ((high, HIGH, "H"), (low, LOW, "L")):
        curve = density(values, at)
        axes.fill_between(at, curve, color=color, alpha=0.22, linewidth=0)
        axes.plot(at, curve, color=color, linewidth=1.1, label=name)
        axes.axvline(float(np.mean(values)), ymax=0.83, color=color, linewidth=0.7, linestyle=(0, (3, 2)))
    axes.set_xlim(at[0], at[-1])
    axes.set_ylim(0.0, 1.2 * axes.dataLim.ymax)  # the legend stands above the curves
    axes.set_yticks([])
    axes.tick_params(labelsize=SMALL, length=2, pad=1.5, color=FAINT)
    axes.locator_params(axis="x", nbins=4)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_linewidth(0.5)
    axes.spines["bottom"].set_color(FAINT)
