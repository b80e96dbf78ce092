"""What colours mean can be told apart without red or green vision."""

from __future__ import annotations

import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fiqx_trt.demo.picture import FRAMES
from fiqx_trt.figures.canvas import HIGH, LOW, Look
from fiqx_trt.figures.det import SHADES
from fiqx_trt.figures.edc import METHOD_COLORS
from fiqx_trt.runs.colors import COLORS
from fiqx_trt.runs.face_picture import ACTIVATION, DEVIATION, PIXEL_QUALITY
from support.colour_vision import VISIONS, least_distance, seen

LOOK = Look()
UNIFORM = COLORS["uniform"]
SEQUENTIAL = {
    *(PIXEL_QUALITY.colors, ACTIVATION.colors, LOOK.quality, LOOK.maps, LOOK.variation),
    *(UNIFORM.quality, UNIFORM.activation, UNIFORM.variation),
}
DIVERGING = {DEVIATION.colors, LOOK.difference, UNIFORM.signed}
#: Colours that are told apart in one figure.
GROUPS = {
    "groups H and L": (HIGH, LOW),
    "methods": METHOD_COLORS,
    "false match rates": SHADES,
    "frames of the demo": tuple(frame["color"] for frame in FRAMES.values()),
}
#: Distance of two colours (ΔE 1976): about 2 is just seen side by side; in thin lines apart from each other more is needed.
APART = 15.0

VISION = pytest.mark.parametrize("vision", VISIONS)


def colours(name: str, shares: np.ndarray) -> np.ndarray:
    return np.asarray(matplotlib.colormaps[name](shares))[..., :3]


def steps_of_lightness(name: str, vision: str) -> np.ndarray:
    return np.diff(seen(colours(name, np.linspace(0, 1, 33)), vision)[:, 0])


def test_the_simulation_keeps_grey_and_confuses_red_with_green() -> None:
    greys = np.repeat(np.linspace(0, 1, 5)[:, np.newaxis], 3, axis=1)
    red, green = np.array([0.70, 0.35, 0.0]), np.array([0.45, 0.45, 0.0])
    for vision in VISIONS:
        np.testing.assert_allclose(seen(greys, vision), seen(greys, "normal"), atol=0.1)
        assert (least_distance([red, green], vision) > 30) == (vision == "normal")


@VISION
@pytest.mark.parametrize("name", sorted(SEQUENTIAL))
def test_more_is_lighter_all_the_way(name: str, vision: str) -> None:
    steps = steps_of_lightness(name, vision)
    assert steps.min() > 0.2
    assert steps.sum() > 60


def test_the_papers_red_to_green_is_no_such_scale() -> None:
    assert steps_of_lightness(COLORS["papers"].quality, "deuteranopia").min() < -1


@VISION
@pytest.mark.parametrize("name", sorted(DIVERGING))
def test_more_and_less_differ_from_each_other_and_from_as_usual(name: str, vision: str) -> None:
    half, ends = (colours(name, np.array(at)) for at in ([0.25, 0.5, 0.75], [0.0, 0.5, 1.0]))
    assert least_distance(list(half), vision) > APART
    assert least_distance(list(ends), vision) > 2 * APART


@VISION
@pytest.mark.parametrize("name", sorted(DIVERGING))
def test_a_difference_darkens_all_the_way_to_both_ends(name: str, vision: str) -> None:
    steps = steps_of_lightness(name, vision)
    assert steps[:16].min() > 0.2
    assert steps[16:].max() < -0.2
    assert min(steps[:16].sum(), -steps[16:].sum()) > 60


WORDS = {
    "dark blue": (0.0, 0.13, 0.30), "dark purple": (0.27, 0.0, 0.33), "yellow": (0.99, 0.90, 0.15), "orange": (0.5, 0.23, 0.03),
    "purple": (0.18, 0.0, 0.30), "red": (0.6, 0.0, 0.1), "green": (0.0, 0.4, 0.2), "blue": (0.0, 0.1, 0.5),
}  # fmt: skip


@pytest.mark.parametrize("choice", COLORS)
@pytest.mark.parametrize("kind", ["quality", "activation", "signed"])
def test_the_words_for_both_ends_are_their_colours(choice: str, kind: str) -> None:
    ends = colours(getattr(COLORS[choice], kind), np.array([0.0, 1.0]))
    for end, word in zip(ends, getattr(COLORS[choice], f"{kind}_ends"), strict=True):
        nearest = min(WORDS, key=lambda name: float(np.linalg.norm(np.array(WORDS[name]) - end)))
        assert nearest.split()[-1] == word.split()[-1], (end, word)


@VISION
@pytest.mark.parametrize("group", GROUPS)
def test_colours_of_one_figure_are_apart(group: str, vision: str) -> None:
    for pair in itertools.combinations(GROUPS[group], 2):
        assert least_distance([np.array(to_rgb(one)) for one in pair], vision) > APART, pair
