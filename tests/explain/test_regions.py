"""Regions of the face, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.explain.regions import (
    REGIONS,
    WHOLE,
    inner_face,
    region_levels,
    region_masks,
    region_means,
    region_quantiles,
    summarise,
)
from fiqx_trt.faces.align import TEMPLATES

SIZES = {"arcface": (112, 112), "facenet": (160, 160), "dlib": (150, 150)}


@pytest.mark.parametrize("template", sorted(TEMPLATES))
@pytest.mark.parametrize("factor", [1, 2])
def test_regions_share_out_the_picture_and_hold_their_landmarks(template: str, factor: int) -> None:
    size = (factor * SIZES[template][0], factor * SIZES[template][1])
    masks = region_masks(template, size)
    assert tuple(masks) == REGIONS
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in masks.values()), np.ones(size))
    assert all(mask.any() for mask in masks.values())
    points = np.rint(TEMPLATES[template].scaled(size)).astype(int)
    homes = ("eyes", "eyes", "nose", "mouth", "mouth")
    assert [next(n for n in REGIONS if masks[n][y, x]) for x, y in points] == list(homes)
    brow = points[:2].min(axis=0) - [0, round(0.6 * (points[1, 0] - points[0, 0]))]
    assert masks["forehead"][max(0, brow[1]), (points[0, 0] + points[1, 0]) // 2]
    inner = inner_face(template, size)
    assert not (inner & masks["background"]).any()
    assert all(inner[y, x] for x, y in points)


@pytest.mark.law
def test_means_are_plain_means_and_do_not_depend_on_company() -> None:
    rng = np.random.default_rng(0)
    maps = rng.random((7, 150, 150), np.float32)
    masks = region_masks("dlib", (150, 150))
    means = region_means(maps, masks)
    for name, mask in masks.items():
        want = [maps[i][mask].mean(dtype=np.float64) for i in range(7)]
        np.testing.assert_allclose(means[name], want, rtol=1e-12)
    whole = [maps[i][~masks["background"]].mean(dtype=np.float64) for i in range(7)]
    np.testing.assert_allclose(means[WHOLE], whole, rtol=1e-12)
    for some in (slice(0, 0), slice(3, 4), slice(2, 7), slice(0, 7, 3)):
        alone = region_means(maps[some], masks)
        for name, values in means.items():
            np.testing.assert_array_equal(alone[name], values[some])


def test_levels_do_not_know_the_scale_of_the_saliency() -> None:
    saliency = np.random.default_rng(1).random((2, 150, 150)).astype(np.float32)
    masks = region_masks("dlib", (150, 150))
    a, b = region_levels(saliency, saliency, masks), region_levels(saliency, 7 * saliency, masks)
    for name in REGIONS:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-6)
    np.testing.assert_array_equal(a[WHOLE], region_means(saliency, masks)[WHOLE])


def test_a_covered_region_is_named() -> None:
    rng = np.random.default_rng(2)
    masks = region_masks("arcface", (112, 112))
    usual = rng.random((40, 112, 112)).astype(np.float32)
    usual *= rng.uniform(0.7, 1.3, (40, 1, 1)).astype(np.float32)
    reference = region_quantiles(region_levels(usual, usual, masks))
    covered = usual[:1].copy()
    covered[0][masks["nose"]] *= 0.2
    told = summarise({n: float(v[0]) for n, v in region_levels(covered, covered, masks).items()}, reference)
    assert told.low[0] == "nose"
    assert told.text.startswith("low: nose (")
    assert "% of usual)" in told.text


def test_words() -> None:
    reference = {"eyes": (0.8, 1.0, 1.2), "nose": (0.8, 1.0, 1.2), "face": (0.2, 0.4, 0.6)}
    assert summarise({"eyes": 1.0, "nose": 0.9, "face": 0.3}, reference).text == "no region lies low"
    told = summarise({"eyes": 0.5, "nose": 0.25, "face": 0.1}, reference)
    assert told.low == ("face", "nose", "eyes")
    assert told.text == (
        "the face as a whole lies low (0.10, usually 0.40); low: nose (25 % of usual), eyes (50 % of usual)"
    )
    nothing = {name: float("nan") for name in REGIONS}
    assert summarise({**nothing, "face": 0.0}, reference).text == "the network does not react to this face"


def test_a_face_without_saliency_has_no_levels() -> None:
    zero = np.zeros((1, 112, 112), np.float32)
    levels = region_levels(zero, zero, region_masks("arcface", (112, 112)))
    assert all(np.isnan(levels[name][0]) for name in REGIONS)
    assert region_quantiles({"eyes": np.array([np.nan])}) == {}


def test_maps_of_another_size_are_refused() -> None:
    with pytest.raises(
        InvalidInputError, match=r"maps have shape \(1, 100, 100\); the regions want \(N, 112, 112\)"
    ):
        region_means(np.zeros((1, 100, 100)), region_masks("arcface", (112, 112)))
