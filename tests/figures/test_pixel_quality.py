"""Figures of the pixel-quality experiments: what they refuse, and that map colours are never rescaled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib import colormaps

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.figures.pixel_quality import (
    compare_figure,
    examples_figure,
    inpainting_figure,
    masks_figure,
)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: masks_figure({}), "no distribution was given"),
        (lambda: inpainting_figure(np.zeros((0, 2)), {}), "no inpainted face was given"),
        (lambda: examples_figure([], ["a"]), "0 examples under 1 titles; give a face per title in each"),
        (lambda: compare_figure([], [], [], [], []), "no face was given; give a reference"),
    ],
)
def test_nothing_to_draw_is_refused(draw: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        draw()


def test_a_flat_map_keeps_its_colour(tmp_path: Path) -> None:
    """A map of 0.3 everywhere, and one with 0.3 and 1.0, show 0.3 in the same colour."""
    flat = np.full((112, 112), 0.3)
    mixed = flat.copy()
    mixed[:, 60:] = 1.0
    want = np.array(colormaps["cividis"](0.3)[:3])
    face = np.full((112, 112, 3), 128, np.uint8)
    for name, values in {"flat": flat, "mixed": mixed}.items():
        compare_figure([face], [values], [0.5], ["x"], [""]).save(tmp_path / name)
        picture = cv2.imread(str(tmp_path / f"{name}.png"))[:, :, ::-1] / 255
        assert (np.abs(picture - want).max(axis=2) < 0.01).sum() > 2000


def test_distributions_show_every_size_and_keep_the_data(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    losses = {"image quality": {s: rng.normal(s / 100, 0.1, 50) for s in (10, 20)}}
    picture = masks_figure(losses)
    texts = [t.get_text() for axes in picture.figure.axes for t in (*axes.texts, *axes.get_yticklabels())]
    assert {"10 px", "20 px"} <= set(texts)
    assert sum(text.endswith(" %") for text in texts) == 2
    np.testing.assert_array_equal(picture.data["image quality__20"], losses["image quality"][20])


def test_identical_changes_can_be_drawn() -> None:
    masks_figure({"x": {10: np.zeros(3)}})
    inpainting_figure(np.full((1, 2), 0.5), {"telea": np.full((1, 2), 0.5)})
