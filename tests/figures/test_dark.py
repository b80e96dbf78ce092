"""Figures on dark pages: letters and lines can be read, maps and faces are untouched, colours keep their names."""

from __future__ import annotations

import colorsys
import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fiqx_trt.figures.canvas import FAINT, HIGH, INK, LOW, Picture, Scale, draw_map, inch_axes, new_figure
from fiqx_trt.figures.dark import DARK_INK, DARK_PAPER, darkened
from fiqx_trt.figures.det import SHADES
from fiqx_trt.figures.edc import METHOD_COLORS
from fiqx_trt.report.style import STYLE

LINES = sorted({HIGH, LOW, *METHOD_COLORS, *SHADES})


def dark(color: str) -> np.ndarray:
    pixel = np.rint(np.array(to_rgb(color)) * 255).astype(np.uint8)
    return darkened(pixel[np.newaxis, np.newaxis])[0, 0] / 255


def luminance(rgb: np.ndarray) -> float:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(rgb: np.ndarray) -> float:
    """With the dark paper, by WCAG 2."""
    return (luminance(rgb) + 0.05) / (luminance(np.array(DARK_PAPER) / 255) + 0.05)


def test_paper_and_ink_are_those_of_the_dark_page() -> None:
    paper, ink = re.findall(r"--(?:paper|ink): (#\w+)", STYLE.split("prefers-color-scheme: dark")[1])[::-1][
        :2
    ]
    assert (paper, ink) == tuple("#" + bytes(color).hex() for color in (DARK_PAPER, DARK_INK))
    np.testing.assert_array_equal(dark("white") * 255, DARK_PAPER)
    np.testing.assert_array_equal(dark("black") * 255, DARK_INK)


@pytest.mark.parametrize("color", [INK, FAINT])
def test_letters_can_be_read(color: str) -> None:
    assert contrast(dark(color)) > 4.5


@pytest.mark.parametrize("color", LINES)
def test_lines_can_be_seen_and_keep_their_hue(color: str) -> None:
    on_white = 1.05 / (luminance(np.array(to_rgb(color))) + 0.05)
    assert contrast(dark(color)) > min(3.0, on_white)  # a pale line of the light figure is no paler here
    before, after = (colorsys.rgb_to_hls(*rgb) for rgb in (to_rgb(color), dark(color)))
    if before[2] > 0.2:
        assert abs((after[0] - before[0] + 0.5) % 1 - 0.5) < 0.04


def test_maps_stay_as_they_are() -> None:
    figure = new_figure(3.0, 2.0)
    axes = inch_axes(figure, 0.5, 0.5, 1.0, 1.0)
    draw_map(axes, np.random.default_rng(0).random((8, 8)), Scale(0.0, 1.0, "viridis"))
    picture = Picture(figure, {}, 100)
    same = (picture.dark_pixels == picture.pixels[..., :3]).all(axis=-1)
    assert same[51:149, 51:149].all()  # 1 inch by 1 inch, half an inch from the lower left corner of 2 by 3
    rest = np.ones_like(same)
    rest[49:151, 49:151] = False
    assert not same[rest].any()
