"""The picture of one explained face, drawn quickly: face, map, overlay, score and what lies low."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import DependencyError, OutputError

try:
    import matplotlib
    from matplotlib.ft2font import FT2Font
except ImportError as error:
    raise DependencyError(
        'pictures need matplotlib: python -m pip install "fiqx-trt[report]", or go without (--no-pictures)'
    ) from error

__all__ = ["RED_TO_GREEN", "draw_face", "overlay_quality", "quality_colors", "write_picture"]

Pixels = NDArray[np.uint8]

#: Red (0) over yellow to green (1), ColorBrewer's; every map is drawn with it, from 0 to 1, never rescaled.
RED_TO_GREEN = "RdYlGn"
#: Share of the map's colour in the overlay.
OPACITY = 0.5
PANEL, GAP, LINE = 300, 14, 25
INK, FAINT = 34, 119
ENCODING = {
    ".jpg": [
        cv2.IMWRITE_JPEG_QUALITY,
        95,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ],
    ".png": [cv2.IMWRITE_PNG_COMPRESSION, 3, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE],
}


@lru_cache(maxsize=1)
def _table() -> Pixels:
    colors = matplotlib.colormaps[RED_TO_GREEN](np.linspace(0, 1, 256))[:, np.newaxis, :3]
    return np.asarray(np.rint(colors * 255), np.uint8)


def quality_colors(quality_map: NDArray[np.floating]) -> Pixels:
    """Return the colours of pixel qualities in [0, 1], ``(H, W)`` → ``(H, W, 3)`` uint8 RGB.

    Examples
    --------
    >>> quality_colors(np.array([[0.0, 1.0]])).tolist()
    [[[165, 0, 38], [0, 104, 55]]]
    """
    levels = cv2.convertScaleAbs(np.maximum(quality_map, 0.0), alpha=255.0)  # too large ones saturate
    return cv2.applyColorMap(levels, _table())  # type: ignore[no-any-return]


def overlay_quality(face: Pixels, quality_map: NDArray[np.floating]) -> Pixels:
    """Return the colours of a map over the grey face, so that colour means the map alone; ``(H, W, 3)`` uint8 RGB."""
    grey = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(grey, 1 - OPACITY, quality_colors(quality_map), OPACITY, 0.0)  # type: ignore[no-any-return]


def draw_face(
    face: Pixels, quality_map: NDArray[np.floating], quality: float, *, name: str = "", summary: str = ""
) -> Pixels:
    """Draw a face, its map, the overlay, the score and two lines of text.

    Parameters
    ----------
    face
        ``(H, W, 3)`` uint8 RGB.
    quality_map
        ``(H, W)`` P in [0, 1].
    quality
        Q̂ of the face.
    name, summary
        Above the face, and below it; cut off where they are too long.

    Returns
    -------
    ndarray
        uint8 RGB.
    """
    scale = max(1, round(PANEL / face.shape[0]))
    height, width = scale * face.shape[0], scale * face.shape[1]
    panels = [
        cv2.resize(face, (width, height), interpolation=cv2.INTER_CUBIC),
        cv2.resize(quality_colors(quality_map), (width, height), interpolation=cv2.INTER_NEAREST),
        cv2.resize(overlay_quality(face, quality_map), (width, height), interpolation=cv2.INTER_LINEAR),
    ]
    top = GAP + LINE
    canvas = np.full((top + height + 2 * LINE + GAP + 4, 3 * width + 4 * GAP, 3), 255, np.uint8)
    lefts = [GAP + i * (width + GAP) for i in range(3)]
    for left, panel in zip(lefts, panels, strict=True):
        canvas[top : top + height, left : left + width] = panel
    _write(canvas, GAP, GAP + 16, name, width, tone=INK)
    for left, title in zip(lefts[1:], ("pixel-level quality", "overlay"), strict=True):
        _write(canvas, left, GAP + 16, title, width, tone=INK)
    line = top + height + 22
    _write(
        canvas, GAP, line, f"quality {quality:.2f}" if np.isfinite(quality) else "no quality", width, tone=INK
    )
    _bar(canvas, lefts[1], line - 10, width)
    _write(canvas, GAP, line + LINE, summary, canvas.shape[1] - 2 * GAP, tone=FAINT)
    return canvas


def write_picture(path: Path, picture: Pixels) -> None:
    """Write a picture, RGB, as its suffix says: ``.jpg`` without loss of colour resolution, or ``.png``.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    done, data = cv2.imencode(path.suffix, picture[:, :, ::-1], ENCODING[path.suffix])
    if not done:
        raise OutputError(f"cannot encode the picture {path.name}")
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; choose another folder") from error


def _bar(canvas: Pixels, left: int, top: int, width: int) -> None:
    """Draw the colours with the numbers of both ends."""
    room = 22
    ramp = quality_colors(np.linspace(0, 1, width - 2 * room)[np.newaxis])
    canvas[top : top + 10, left + room : left + width - room] = ramp
    _write(canvas, left, top + 10, "0", room, tone=FAINT)
    _write(canvas, left + width - room + 9, top + 10, "1", room, tone=FAINT)


def _write(canvas: Pixels, left: int, baseline: int, text: str, room: int, *, tone: int) -> None:
    """Write a line of text on white."""
    glyphs, ascent = _line(text, room)
    if not glyphs.size:
        return
    top = baseline - ascent
    area = canvas[top : top + glyphs.shape[0], left : left + glyphs.shape[1]]
    ink = glyphs[: area.shape[0], : area.shape[1], np.newaxis].astype(np.uint16)
    area[:] = (area * (255 - ink) + tone * ink) // 255


@lru_cache(maxsize=1)
def _font() -> FT2Font:
    font = FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"))
    font.set_size(11.0, 100)
    return font


_font_lock = threading.Lock()


@lru_cache(maxsize=256)
def _line(text: str, room: int) -> tuple[Pixels, int]:
    """Return the coverage of a line's pixels and the height above the baseline; a text too long ends in an ellipsis."""
    with _font_lock:
        font = _font()
        text = "".join(
            c if c.isprintable() and font.get_char_index(ord(c)) else "\N{REPLACEMENT CHARACTER}"
            for c in text
        )
        shown = text
        while shown:
            font.set_text(shown, 0.0)
            over = font.get_width_height()[0] / 64 / room
            if over <= 1 or len(text) < 2:
                break
            text = text[: min(len(text) - 1, int(len(text) / over))]
            shown = text + "…"
        if not shown.strip("… "):
            return np.zeros((0, 0), np.uint8), 0
        font.draw_glyphs_to_bitmap(antialiased=True)
        image = np.array(font.get_image())
        return image, image.shape[0] - round(font.get_descent() / 64)
