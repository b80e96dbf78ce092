"""Which regions are named, and how often one is without need."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.explain.deviation import Relative, deviation_grids
from fiqx_trt.explain.region_words import (
    LEVEL,
    LOWER_FACE,
    NAMED,
    UsualPixels,
    alarm_level,
    region_deviations,
    region_words,
)
from fiqx_trt.explain.regions import region_masks
from fiqx_trt.models.usual import MAPS, Usual

SIZE = (112, 112)
FLAT = {"intensity": (0.0,) * 196, "contrast": (0.0,) * 196}
UNIT = {name: (1.0,) * 196 for name in FLAT}


def plain(regions: dict[str, tuple[float, float]] | None = None, alarm: float | None = None) -> Usual:
    return Usual((14, 14), 40, "l1", FLAT, UNIT, regions or {}, alarm)


def test_a_region_is_the_mean_of_its_pixels() -> None:
    masks = region_masks("arcface", SIZE)
    grids = np.random.default_rng(0).standard_normal((3, 14, 14)).astype(np.float32)
    pixels = grids.repeat(8, axis=1).repeat(8, axis=2).astype(np.float64)
    found = region_deviations(grids, "arcface", SIZE)
    lower = masks["nose"] | masks["mouth"] | masks["cheeks"]
    for name in NAMED:
        mask = lower if name == LOWER_FACE else masks[name]
        np.testing.assert_allclose(found[name], [one[mask].mean() for one in pixels], rtol=1e-6, atol=1e-9)
    for name, values in region_deviations(grids[1:2], "arcface", SIZE).items():
        np.testing.assert_array_equal(values, found[name][1:2])


def synthetic_grids(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return grids of faces whose regions vary, a little together, as those of photographs do."""
    made = {}
    for name in MAPS:
        coarse = rng.normal(0, 0.5, (count, 5, 5)).repeat(3, axis=1).repeat(3, axis=2)[:, :14, :14]
        made[name] = (coarse + rng.normal(0, 0.3, (count, 14, 14))).astype(np.float32)
    return made


def calibrated(grids: dict[str, np.ndarray], quality: np.ndarray) -> Usual:
    """Return what a calibration keeps of grids."""
    pixels = UsualPixels("l1")
    zeros = np.zeros(len(quality), np.bool_)
    pixels.add_relative(Relative(grids, zeros))
    usual = pixels.usual(quality, "arcface", SIZE)
    assert usual is not None
    return usual


def named_share(usual: Usual, grids: dict[str, np.ndarray]) -> float:
    """Return the share of faces that get any word."""
    values = region_deviations(deviation_grids(grids, usual), "arcface", SIZE)
    count = len(grids["contrast"])
    return float(np.mean([bool(words.low) for words in region_words(usual, values, ("contrast",) * count)]))


@pytest.mark.law
def test_one_unseen_good_face_in_twenty_gets_any_word_however_few_faces_calibrate() -> None:
    rng = np.random.default_rng(1)
    unseen = synthetic_grids(400, rng)
    shares = [named_share(calibrated(synthetic_grids(52, rng), rng.random(52)), unseen) for _ in range(12)]
    # One level of 26 good faces is uncertain (the shares of 60 calibrations: 7 %, deviation 5 %). Where every face is judged by
    # statistics that it is part of, the mean is 14 %.
    assert np.mean(shares) < 2 * LEVEL
    assert np.mean(shares) > LEVEL / 2


@pytest.mark.law
def test_bad_faces_do_not_teach_what_is_usual_of_regions() -> None:
    rng = np.random.default_rng(2)
    grids, quality = synthetic_grids(200, rng), rng.random(200)
    bad = quality < 0.1
    grids["contrast"][bad, 4:7] -= 3.0  # the eyes
    usual = calibrated(grids, quality)
    assert named_share(usual, {name: one[bad] for name, one in grids.items()}) > 0.95
    assert named_share(usual, {name: one[~bad] for name, one in grids.items()}) < 2 * LEVEL


def test_a_level_needs_three_good_faces() -> None:
    grids = synthetic_grids(2, np.random.default_rng(3))
    assert alarm_level(grids, np.ones(2, np.bool_), "arcface", SIZE) is None


USUAL = plain({name: (-0.4, 0.5) for name in NAMED}, alarm=-2.5)


def words(**levels: float) -> tuple[str, ...]:
    """Name the regions of a face whose standardised deviations are these."""
    values = {name: np.array([-0.4 + 0.5 * levels.get(name.replace("-", "_"), 0.0)]) for name in NAMED}
    return region_words(USUAL, values, ("intensity",))[0].low


def test_the_lower_face_stands_for_its_parts_unless_there_is_one() -> None:
    assert words() == ()
    assert words(eyes=-2.4) == ()
    assert words(eyes=-2.6, forehead=-4.0) == ("forehead", "eyes")
    assert words(mouth=-4.0) == ("mouth",)
    assert words(mouth=-4.0, lower_face=-3.0) == ("mouth",)
    assert words(mouth=-4.0, nose=-3.0, lower_face=-3.5) == (LOWER_FACE,)
    assert words(lower_face=-3.5, eyes=-5.0) == ("eyes", LOWER_FACE)
    assert words(mouth=-4.0, nose=-3.0) == ("mouth", "nose")


def test_the_line_says_how_far_and_by_which_map() -> None:
    values = {name: np.array([-2.4 if name == "mouth" else -0.4]) for name in NAMED}
    told = region_words(USUAL, values, ("contrast",))[0]
    assert told.text == "below the usual: mouth (4.0 σ); by contrast"
    assert "nothing can be said" in region_words(USUAL, values, ("",))[0].text
    assert "fiqx-trt calibrate" in region_words(plain(), values, ("contrast",))[0].text


MASKS = ("plq-aligned/mask.png", "pose-mask-expression/crop_mask.png", "pose-mask-expression/mask2.jpg",
         "ser-fiq/test_img2.jpeg")  # fmt: skip


@pytest.mark.parametrize("model_name", ["dlib-resnet"])
def test_masks_and_a_cap_are_named_right_or_not_at_all(shared_faces: Path, model_name: str) -> None:
    from fiqx_trt.faces.prepare import FacePreparer
    from fiqx_trt.faces.sources import Source

    with fx.load_model(model_name, threads=1) as model:
        spec = model.spec
        prepare = FacePreparer(spec.input_size, spec.template)
        paths = [shared_faces / name for name in ("plq-aligned/cap.png", *MASKS)]
        faces = np.stack([prepare(Source(str(path)))[0].image for path in paths])
        found = fx.plq(model, faces)
    assert spec.usual is not None
    assert found.deviation_grids is not None
    values = region_deviations(found.deviation_grids, spec.template, spec.input_size)
    cap, *masks = region_words(spec.usual, values, found.deviates)
    assert cap.low[0] == "forehead"
    named = {name for mask in masks for name in mask.low}
    assert named
    assert named <= {"mouth", "nose", "cheeks", LOWER_FACE}
