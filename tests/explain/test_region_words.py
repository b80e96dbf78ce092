"""Which regions are named, and how often one is without need."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.explain.region_words import (
    LEVEL,
    LOWER_FACE,
    NAMED,
    region_deviations,
    region_words,
    with_regions,
)
from fiqx_trt.explain.regions import region_masks
from fiqx_trt.models.usual import Usual

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


@pytest.mark.law
def test_one_good_face_in_twenty_gets_any_word() -> None:
    rng = np.random.default_rng(1)
    quality = rng.random(2000)
    deviations = {name: rng.normal(-0.4, 0.3 + 0.1 * i, 2000) for i, name in enumerate(NAMED)}
    deviations["eyes"][quality < 0.5] -= 3.0  # bad faces must not teach that this is usual
    usual = with_regions(plain(), deviations, quality)
    good = quality >= np.median(quality)
    named = np.array([bool(words.low) for words in region_words(usual, deviations, ("contrast",) * 2000)])
    assert named[good].mean() == pytest.approx(LEVEL, abs=0.002)
    assert named[~good].mean() > 0.95


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


@pytest.mark.parametrize("model_name", ["dlib-resnet"])
def test_a_mask_and_a_cap_are_named_right(shared_faces: Path, model_name: str) -> None:
    from fiqx_trt.faces.prepare import FacePreparer
    from fiqx_trt.faces.sources import Source

    with fx.load_model(model_name, threads=1) as model:
        spec = model.spec
        prepare = FacePreparer(spec.input_size, spec.template)
        paths = [shared_faces / "plq-aligned" / f"{name}.png" for name in ("mask", "cap")]
        faces = np.stack([prepare(Source(str(path)))[0].image for path in paths])
        found = fx.plq(model, faces)
    assert spec.usual is not None
    assert found.deviation_grids is not None
    values = region_deviations(found.deviation_grids, spec.template, spec.input_size)
    mask, cap = region_words(spec.usual, values, found.deviates)
    assert set(mask.low) & {"mouth", "nose", LOWER_FACE}
    assert not set(mask.low) & {"forehead", "eyes"}
    assert cap.low[0] == "forehead"
