"""Regions of the face, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.explain.regions import (
    REGIONS,
    WHOLE,
    inner_face,
    region_masks,
    region_means,
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


def test_maps_of_another_size_are_refused() -> None:
    with pytest.raises(
        InvalidInputError, match=r"maps have shape \(1, 100, 100\); the regions want \(N, 112, 112\)"
    ):
        region_means(np.zeros((1, 100, 100)), region_masks("arcface", (112, 112)))
