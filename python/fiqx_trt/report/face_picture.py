"""The picture of one explained face, drawn quickly: face, map, overlay, score and a remark."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import OutputError
from fiqx_trt.report.text_line import write_line

__all__ = [
    "ACTIVATION",
    "PIXEL_QUALITY",
    "MapStyle",
    "draw_face",
    "map_colors",
    "overlay_map",
    "quality_colors",
    "write_picture",
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
    """How a kind of map with values in [0, 1] is drawn; never rescaled.

    Parameters
    ----------
    title
        Above the map.
    colors
        Name of matplotlib's colour map.
    opacity
        Share of the map's colour in the overlay.
    """

    title: str
    colors: str
    opacity: float


#: Red (0) over yellow to green (1), ColorBrewer's.
PIXEL_QUALITY = MapStyle("pixel-level quality", "RdYlGn", 0.5)
ACTIVATION = MapStyle("activation", "viridis", 0.55)


@lru_cache(maxsize=8)
def _table(name: str) -> Pixels:
    colors = matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, np.newaxis, :3]
    return np.asarray(np.rint(colors * 255), np.uint8)


def map_colors(values: NDArray[np.floating], style: MapStyle) -> Pixels:
    """Return the colours of values in [0, 1], ``(H, W)`` → ``(H, W, 3)`` uint8 RGB; others take the nearer end's."""
    levels = cv2.convertScaleAbs(np.maximum(values, 0.0), alpha=255.0)  # too large ones saturate
    return cv2.applyColorMap(levels, _table(style.colors))  # type: ignore[no-any-return]


def quality_colors(quality_map: NDArray[np.floating]) -> Pixels:
    """Return the colours of pixel qualities in [0, 1], ``(H, W)`` → ``(H, W, 3)`` uint8 RGB.

    Examples
    --------
    >>> quality_colors(np.array([[0.0, 1.0]])).tolist()
    [[[165, 0, 38], [0, 104, 55]]]
    """
    return map_colors(quality_map, PIXEL_QUALITY)


def overlay_map(face: Pixels, colors: Pixels, style: MapStyle) -> Pixels:
    """Return the colours of a map over the grey face, so that colour means the map alone; ``(H, W, 3)`` uint8 RGB."""
    grey = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(grey, 1 - style.opacity, colors, style.opacity, 0.0)  # type: ignore[no-any-return]


def draw_face(
    face: Pixels,
    values: NDArray[np.floating],
    style: MapStyle = PIXEL_QUALITY,
    *,
    name: str = "",
    score: str = "",
    remark: str = "",
) -> Pixels:
    """Draw a face, its map, the overlay, the scale of the colours and three lines of text.

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

    Returns
    -------
    ndarray
        uint8 RGB.
    """
    scale = 2 * max(1, round(PANEL / 2 / face.shape[0]))
    height, width = scale * face.shape[0], scale * face.shape[1]
    canvas = _sheet(height, width, style).copy()
    colors = map_colors(values, style)
    panels = (
        (face, cv2.INTER_CUBIC),
        (colors, cv2.INTER_NEAREST),
        (overlay_map(face, colors, style), cv2.INTER_LINEAR),
    )
    top = GAP + LINE
    for left, (panel, way) in zip(_lefts(width), panels, strict=True):
        canvas[top : top + height, left : left + width] = cv2.resize(
            panel, (width, height), interpolation=way
        )
    line = top + height + LINE - 4
    write_line(canvas, GAP, GAP + 14, name, width, tone=INK)
    write_line(canvas, GAP, line, score, width, tone=INK)
    write_line(canvas, GAP, line + LINE, remark, canvas.shape[1] - 2 * GAP, tone=FAINT)
    return canvas


def write_picture(path: Path, picture: Pixels) -> None:
    """Write a picture, RGB, as its suffix says: ``.jpg`` or ``.png``.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    done, data = cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), ENCODING[path.suffix])
    if not done:
        raise OutputError(f"cannot encode the picture {path.name}")
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; choose another folder") from error


def _lefts(width: int) -> list[int]:
    return [GAP + i * (width + GAP) for i in range(3)]


@lru_cache(maxsize=8)
def _sheet(height: int, width: int, style: MapStyle) -> Pixels:
    """Return what all pictures of a size have in common: paper, titles, and the colours with the numbers of both ends."""
    sheet = np.full((GAP + LINE + height + 2 * LINE + GAP - 4, 3 * width + 4 * GAP, 3), 255, np.uint8)
    _, left, right = _lefts(width)
    write_line(sheet, left, GAP + 14, style.title, width, tone=INK)
    write_line(sheet, right, GAP + 14, "overlay", width, tone=INK)
    room, top = min(22, width // 4), GAP + LINE + height + LINE - 14
    ramp = map_colors(np.linspace(0, 1, width - 2 * room)[np.newaxis], style)
    sheet[top : top + 10, left + room : left + width - room] = ramp
    write_line(sheet, left, top + 10, "0", room, tone=FAINT)
    write_line(sheet, left + width - room + 9, top + 10, "1", room, tone=FAINT)
    return sheet
