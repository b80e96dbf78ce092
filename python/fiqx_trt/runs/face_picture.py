"""Draw the picture of one face: face, map, overlay, score and a remark."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import OutputError
from fiqx_trt.files import write_unsynced
from fiqx_trt.opencv import cv2
from fiqx_trt.runs.colors import COLORS
from fiqx_trt.runs.text_line import write_line

__all__ = [
    "ACTIVATION",
    "DEVIATION",
    "PIXEL_QUALITY",
    "FacePicture",
    "MapStyle",
    "face_of",
    "map_colors",
    "overlay_map",
    "panels_of",
    "quality_colors",
    "read_panels",
    "split_panels",
    "stacked_panels",
]

Pixels = NDArray[np.uint8]

#: Panels are the nearest even multiple of the face to this height: a pixel of the map stays one square, and, because the
#: margins are even too, has the sample of colour that JPEG keeps of two by two pixels for itself.
PANEL = 240
GAP, LINE = 12, 24
INK, FAINT = 34, 119
ENCODING = {
    ".jpg": [
        cv2.IMWRITE_JPEG_QUALITY,
        95,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ],
    ".png": [cv2.IMWRITE_PNG_COMPRESSION, 3, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE],
}


@dataclass(frozen=True)
class MapStyle:
    """How a kind of map is drawn: title, colours, opacity, and the ends of the scale.

    Parameters
    ----------
    title
        Above the map.
    colors
        Name of matplotlib's colour map.
    opacity
        Share of the map's colour in the overlay.
    ends
        Values that the first and the last colour stand for.
    smooth
        Standard deviation of the Gaussian that smooths the values, in pixels; the title says so.
    """

    title: str
    colors: str
    opacity: float
    ends: tuple[float, float] = (0.0, 1.0)
    smooth: float = 0.0

    @property
    def heading(self) -> str:
        """The title, and that the values are smoothed."""
        return f"{self.title}, smoothed" if self.smooth else self.title


_UNIFORM = COLORS["uniform"]
PIXEL_QUALITY = MapStyle("pixel-level quality", _UNIFORM.quality, 0.5)
ACTIVATION = MapStyle("activation", _UNIFORM.activation, 0.55)
#: Orange is less than usual, in every choice of colours.
DEVIATION = MapStyle("deviation (orange: less)", _UNIFORM.signed, 0.6, (-4.0, 4.0))


@lru_cache(maxsize=8)
def _table(name: str) -> Pixels:
    colors = matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, np.newaxis, :3]
    return np.asarray(np.rint(colors * 255), np.uint8)


def map_colors(values: NDArray[np.floating], style: MapStyle) -> Pixels:
    """Return the colours of values, ``(H, W)`` → ``(H, W, 3)`` uint8 RGB; values beyond an end of the scale get its colour."""
    low, high = style.ends
    if style.smooth:
        values = cv2.GaussianBlur(values, (0, 0), style.smooth, borderType=cv2.BORDER_REPLICATE)
    shares = values if style.ends == (0.0, 1.0) else (values - low) / (high - low)
    levels = cv2.convertScaleAbs(np.maximum(shares, 0.0), alpha=255.0)  # too large ones saturate
    return cv2.applyColorMap(levels, _table(style.colors))  # type: ignore[no-any-return]


def quality_colors(quality_map: NDArray[np.floating]) -> Pixels:
    """Return the colours of pixel qualities in [0, 1], ``(H, W)`` → ``(H, W, 3)`` uint8 RGB.

    Examples
    --------
    >>> quality_colors(np.array([[0.0, 1.0]])).tolist()
    [[[0, 34, 78], [254, 232, 56]]]
    """
    return map_colors(quality_map, PIXEL_QUALITY)


def overlay_map(face: Pixels, colors: Pixels, style: MapStyle) -> Pixels:
    """Return the colours of a map over the grey face, so that colour means the map alone; ``(H, W, 3)`` uint8 RGB."""
    grey = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(grey, 1 - style.opacity, colors, style.opacity, 0.0)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class FacePicture:
    """The contents of the picture of one face.

    Parameters
    ----------
    face
        ``(H, W, 3)`` uint8 RGB.
    values
        ``(H, W)`` in [0, 1].
    style
        What kind of map it is.
    name, score, remark
        Above the face, below it, and below everything; cut off where they are too long.
    deviation
        ``(H, W)`` in standard deviations, drawn over the grey face in a panel of its own; ``None`` for no such panel.
    """

    face: Pixels
    values: NDArray[np.floating]
    style: MapStyle = PIXEL_QUALITY
    name: str = ""
    score: str = ""
    remark: str = ""
    deviation: NDArray[np.floating] | None = None

    def draw(self) -> Pixels:
        """Return face, map, overlay, deviation where there is one, the scale of the colours and the lines of text, uint8 RGB."""
        canvas = np.empty_like(self._sheet)
        self._draw(canvas)
        return canvas[:, :, ::-1]

    def save(self, path: Path) -> None:
        """Write the picture in the format of the suffix, ``.jpg`` or ``.png``.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        # Fresh memory for every picture would be mapped and cleared by the system each time, at a third of the cost.
        canvas: Pixels | None = getattr(_scratch, "canvas", None)
        if canvas is None or canvas.shape != self._sheet.shape:
            canvas = _scratch.canvas = np.empty_like(self._sheet)
        self._draw(canvas)
        done, data = cv2.imencode(path.suffix, canvas, ENCODING[path.suffix])
        if not done:
            raise OutputError(f"cannot encode the picture {path.name}")
        write_unsynced(path, data.tobytes())

    @property
    def _size(self) -> tuple[int, int]:
        scale = 2 * max(1, round(PANEL / 2 / self.face.shape[0]))
        return scale * self.face.shape[0], scale * self.face.shape[1]

    @property
    def _deviating(self) -> MapStyle:
        return replace(DEVIATION, smooth=self.style.smooth)

    @property
    def _sheet(self) -> Pixels:
        styles = (self.style,) if self.deviation is None else (self.style, self._deviating)
        return _sheet(*self._size, styles)

    def _draw(self, canvas: Pixels) -> None:
        """Draw on a copy of the sheet, in OpenCV's order of colours, blue first."""
        np.copyto(canvas, self._sheet)
        height, width = self._size
        colors = map_colors(self.values, self.style)
        panels = [
            (self.face, cv2.INTER_CUBIC),
            (colors, cv2.INTER_NEAREST),
            (overlay_map(self.face, colors, self.style), cv2.INTER_LINEAR),
        ]
        if self.deviation is not None:
            over = overlay_map(self.face, map_colors(self.deviation, self._deviating), DEVIATION)
            panels.append((over, cv2.INTER_LINEAR))
        top = GAP + LINE
        for left, (panel, way) in zip(_lefts(width, len(panels)), panels, strict=True):
            place = canvas[top : top + height, left : left + width]
            cv2.resize(_swapped(panel), (width, height), dst=place, interpolation=way)
        line = top + height + LINE - 4
        write_line(canvas, GAP, GAP + 14, self.name, width, tone=INK)
        write_line(canvas, GAP, line, self.score, width, tone=INK)
        write_line(canvas, GAP, line + LINE, self.remark, canvas.shape[1] - 2 * GAP, tone=FAINT)


_scratch = threading.local()


def _swapped(colors: Pixels) -> Pixels:
    return cv2.cvtColor(colors, cv2.COLOR_RGB2BGR)  # type: ignore[no-any-return]


def _lefts(width: int, panels: int) -> list[int]:
    return [GAP + i * (width + GAP) for i in range(panels)]


def panels_of(picture: Pixels) -> Pixels:
    """Return the part of a drawn picture that holds face, map and overlay, without the lines of text."""
    return picture[GAP + LINE : -(2 * LINE + GAP - 4), GAP:-GAP]


def read_panels(path: Path) -> Pixels | None:
    """Return the panels of a picture that was written, in OpenCV's order of colours; ``None`` where it cannot be read."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    whole = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    panels = None if whole is None else panels_of(whole)
    return panels if panels is not None and panels.size else None


def stacked_panels(panels: Pixels, rows: int) -> Pixels:
    """Return such panels in rows of equally many, with the gap that is between them."""
    width = (panels.shape[1] + GAP) // rows
    parts = [panels[:, start : start + width - GAP] for start in range(0, panels.shape[1], width)]
    gap = np.full((GAP, parts[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([part for one in parts for part in (gap, one)][1:])


def split_panels(panels: Pixels) -> list[Pixels]:
    """Return the single panels: face, map, overlay, and the deviation where there is one."""
    count = 4 if panels.shape[1] + GAP > 3.5 * (panels.shape[0] + GAP) else 3
    width = (panels.shape[1] + GAP) // count
    return [panels[:, i * width : i * width + width - GAP] for i in range(count)]


def face_of(panels: Pixels) -> Pixels:
    """Return the face of such panels, RGB."""
    return np.ascontiguousarray(panels[:, : (panels.shape[1] - 2 * GAP) // 3, ::-1])


@lru_cache(maxsize=8)
def _sheet(height: int, width: int, styles: tuple[MapStyle, ...]) -> Pixels:
    """Return the part that all pictures of a size share: white background, titles, and colour scales with their numbers."""
    panels = 2 + len(styles)
    sheet = np.full(
        (GAP + LINE + height + 2 * LINE + GAP - 4, panels * (width + GAP) + GAP, 3), 255, np.uint8
    )
    _, left, right, *more = _lefts(width, panels)
    write_line(sheet, right, GAP + 14, "overlay", width, tone=INK)
    for at, style in zip([left, *more], styles, strict=True):
        write_line(sheet, at, GAP + 14, style.heading, width, tone=INK)
        _scale(sheet, at, GAP + LINE + height + LINE - 14, width, style)
    return sheet


def _scale(sheet: Pixels, left: int, top: int, width: int, style: MapStyle) -> None:
    """Draw the colours of a style below its panel, with the numbers of both ends."""
    room = min(22 if style.ends[0] >= 0 else 30, width // 4)
    ramp = map_colors(np.linspace(*style.ends, width - 2 * room)[np.newaxis], replace(style, smooth=0.0))
    sheet[top : top + 10, left + room : left + width - room] = _swapped(ramp)
    low, high = style.ends
    write_line(sheet, left, top + 10, f"{low:g}".replace("-", "−"), room, tone=FAINT)
    write_line(sheet, left + width - room + 9, top + 10, f"{high:g}", room, tone=FAINT)
