"""Inpainting: which area, what fills it, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

import fiqx_trt as fx
from fiqx_trt.errors import InvalidInputError, NotCalibratedError
from fiqx_trt.experiments.inpainting import (
    INPAINTERS,
    inpaint,
    inpaint_faces,
    low_region,
    outcome,
    quality_by_seed,
)
from fiqx_trt.explain.plq import PlqExplainer
from fiqx_trt.explain.regions import inner_face
from support.nets import noise_faces, save, small_recogniser

QUICK = {"mean": 127.5, "std": 60.0, "color": "rgb", "backend": "onnxruntime", "max_batch": 1, "threads": 1}


def test_the_largest_dark_area_is_found_and_its_holes_are_filled() -> None:
    face = inner_face("arcface", (112, 112))
    saliency = np.ones((112, 112))
    saliency[70:90, 45:70] = 0.01  # the larger one
    saliency[78:80, 55:57] = 5.0  # a hole
    saliency[40:48, 40:50] = 0.01
    region = low_region(saliency, face)
    assert region is not None
    assert region[75:85, 50:65].all()
    assert not region[36:52].any()
    assert ndimage.label(region)[1] == 1
    assert not (region & ~face).any()


def test_an_area_outside_the_face_is_none() -> None:
    face = inner_face("arcface", (112, 112))
    saliency = np.where(face, 1.0, 0.0)
    region = low_region(cv2.GaussianBlur(saliency, (0, 0), 1.0), ndimage.binary_erosion(face, iterations=8))
    assert region is None


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_too_small_or_too_large_is_none(share: float) -> None:
    face = np.ones((100, 100), bool)
    saliency = np.ones((100, 100))
    saliency[: int(100 * share)] = 0.01
    assert low_region(saliency, face) is None


def test_the_scale_of_the_saliency_does_not_matter() -> None:
    face = inner_face("arcface", (112, 112))
    saliency = np.random.default_rng(0).random((112, 112)).astype(np.float32)
    saliency[70:95, 45:70] *= 0.1
    a, b = low_region(saliency, face), low_region(1e-6 * saliency, face)
    assert a is not None
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("method", sorted(INPAINTERS))
def test_a_hole_in_a_smooth_picture_is_continued(method: str) -> None:
    y, x = np.mgrid[:112, :112]
    face = np.stack([x, y, x // 2 + y // 2], axis=2).astype(np.uint8)
    region = np.zeros((112, 112), bool)
    region[50:60, 50:60] = True
    broken = face.copy()
    broken[region] = 255
    filled = inpaint(broken, region, method)
    assert np.abs(filled[region].astype(int) - face[region]).max() <= 12
    np.testing.assert_array_equal(filled[:40], face[:40])


def test_outcomes() -> None:
    before = np.array([0.2, 0.4, 0.6])
    assert outcome(before, before + 0.5) == "improved"
    assert outcome(before, before - 0.5) == "fallen"
    assert outcome(before, before + 0.1) == "within"
    assert outcome(before, before + 0.1, paired=True) == "improved"
    assert outcome(before, before[::-1], paired=True) == "within"


def test_quality_by_seed_is_serfiq(tmp_path: Path) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    faces = noise_faces(3)
    with fx.load_model(path, alpha=30.0, r=0.5, **QUICK) as model:
        table = quality_by_seed(model, faces, seeds=3)
        for seed in range(3):
            want = fx.serfiq(model, faces, estimator="sampled", seed=seed).scaled
            np.testing.assert_array_equal(table[seed], want)
    with fx.load_model(path, **QUICK) as model, pytest.raises(NotCalibratedError, match="no α and r"):
        quality_by_seed(model, faces)


def test_faces_are_filled_and_judged(tmp_path: Path) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    faces = noise_faces(6, seed=2)
    with fx.load_model(path, alpha=30.0, r=0.5, gamma=8.0, **QUICK) as model:
        explainer = PlqExplainer(model)
        results, regions, filled = inpaint_faces(explainer, faces, seeds=2)
        maps = explainer(faces).maps
    with_region = [i for i, region in enumerate(regions) if region is not None]
    assert with_region
    assert [(r.face, r.inpainter) for r in results] == [(i, n) for i in with_region for n in INPAINTERS]
    for r in results:
        region = regions[r.face]
        assert r.region_before == pytest.approx(float(maps[r.face][region].mean()), abs=1e-6)
        assert filled[r.inpainter][r.face].shape == (32, 32, 3)
        assert r.outcome in ("improved", "fallen", "within")
        assert r.before.shape == r.after.shape == (2,)


def test_an_unknown_inpainter_is_refused() -> None:
    with pytest.raises(
        InvalidInputError, match="no inpainter is called 'magic'; there are navier-stokes, telea"
    ):
        inpaint(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), bool), "magic")
