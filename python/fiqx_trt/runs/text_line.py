"""Draw lines of text as pixels; each letter is rendered once and cached."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import DependencyError

try:
    import matplotlib
    from matplotlib.ft2font import FT2Font
except ImportError as error:
    raise DependencyError(
        'pictures need matplotlib: python -m pip install "fiqx-trt[report]", or go without (--pictures none)'
    ) from error

__all__ = ["write_line"]

Pixels = NDArray[np.uint8]

POINTS, DPI = 11.0, 100
#: Rows of a line above the baseline, and below it.
ASCENT, DESCENT = 17, 6
ELLIPSIS = "…"


@dataclass(frozen=True)
class _Glyph:
    """A rendered letter: pixel coverage, offset in the line, and advance to the next letter."""

    ink: Pixels
    left: int
    top: int
    advance: float


def write_line(canvas: Pixels, left: int, baseline: int, text: str, room: int, *, tone: int) -> None:
    """Draw a line of text on white; a line that is too long ends in an ellipsis.

    Parameters
    ----------
    canvas
        ``(H, W, 3)`` uint8, changed in place.
    left, baseline
        Pixel where the first letter begins, and row it stands on.
    text
        Any text; what cannot be shown becomes the replacement character.
    room
        Pixels the line may take.
    tone
        Grey of the letters, 0..255.
    """
    line = _line(text, room, tone)
    top = baseline - ASCENT
    area = canvas[top : top + len(line), left : left + line.shape[1]]
    area[:] = line[: area.shape[0], : area.shape[1]]


@lru_cache(maxsize=256)
def _line(text: str, room: int, tone: int) -> Pixels:
    """Return a line as pixels on white, ``(ASCENT + DESCENT, w, 3)``."""
    glyphs = _fitting([_glyph(letter) for letter in text], room)
    ink = np.zeros((ASCENT + DESCENT, room), np.uint8)
    at = 0.0
    for glyph in glyphs:
        x = max(0, round(at) + glyph.left)
        area = ink[glyph.top : glyph.top + glyph.ink.shape[0], x : x + glyph.ink.shape[1]]
        np.maximum(area, glyph.ink[: area.shape[0], : area.shape[1]], out=area)
        at += glyph.advance
    used = min(room, round(at) + 1)
    grey = np.asarray(255 - ink[:, :used].astype(np.uint16) * (255 - tone) // 255, np.uint8)
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)


def _fitting(glyphs: list[_Glyph], room: int) -> list[_Glyph]:
    """Return the letters, or as many of them as fit before an ellipsis."""
    ends = np.cumsum([glyph.advance for glyph in glyphs])
    if not len(ends) or ends[-1] <= room:
        return glyphs
    dots = _glyph(ELLIPSIS)
    return [*glyphs[: int(np.searchsorted(ends, room - dots.advance, side="right"))], dots]


@lru_cache(maxsize=1)
def _font() -> FT2Font:
    font = FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"))
    font.set_size(POINTS, DPI)
    return font


_font_lock = threading.Lock()


@lru_cache(maxsize=4096)
def _glyph(letter: str) -> _Glyph:
    with _font_lock:
        font = _font()
        if not (letter.isprintable() and font.get_char_index(ord(letter))):
            letter = "\N{REPLACEMENT CHARACTER}"
        font.set_text(letter, 0.0)
        left, _ = font.get_bitmap_offset()
        below = font.get_descent()
        above = font.get_width_height()[1] - below
        font.draw_glyphs_to_bitmap(antialiased=True)
        ink = np.array(font.get_image(), np.uint8)
        advance = font.load_char(ord(letter)).horiAdvance / 64
    top = ASCENT - above // 64 - 1  # the font draws one row below the top of its picture
    return _Glyph(ink[max(0, -top) :], left // 64, max(0, top), advance)
