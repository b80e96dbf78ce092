"""What a calibration measures of pixel quality."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.explain.measuring import FaceSample, measure_pixels
from fiqx_trt.models.calibration import best_faces, calibrate_gamma
from fiqx_trt.quality.serfiq import scale_quality
from support.nets import noise_faces, save, small_recogniser


def test_a_sample_is_every_kth_face_and_bounded() -> None:
    sample = FaceSample(most=10)
    for start in range(0, 100, 7):
        stop = min(start + 7, 100)
        faces = np.arange(start, stop, dtype=np.uint8)[:, None, None, None].repeat(3, 3)
        sample.add(faces, np.arange(start, stop, dtype=np.float64))
        assert len(sample) <= 10
    faces, raw = sample.arrays()
    np.testing.assert_array_equal(faces[:, 0, 0, 0], raw)
    assert set(np.diff(raw)) == {16.0}
    assert raw[0] == 0


def test_all_faces_are_kept_where_they_fit() -> None:
    sample = FaceSample(most=10)
    sample.add(np.zeros((10, 1, 1, 3), np.uint8), np.arange(10.0))
    np.testing.assert_array_equal(sample.arrays()[1], np.arange(10.0))


@pytest.mark.parametrize("weights", ["l1", "sum", "exact"])
def test_gamma_puts_the_median_of_the_best_faces_at_four_fifths(tmp_path: Path, weights: str) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    options = {
        "mean": 127.5,
        "std": 60.0,
        "color": "rgb",
        "backend": "onnxruntime",
        "max_batch": 1,
        "threads": 1,
    }
    faces = noise_faces(30, seed=9)
    with fx.load_model(path, alpha=40.0, r=0.5, **options) as model:
        raw = fx.serfiq(model, faces).raw
        found = measure_pixels(model, faces, raw, alpha=40.0, r=0.5, weights=weights)
        scaled = scale_quality(raw, alpha=40.0, r=0.5)
        best = best_faces(scaled)
        gammas = {"intensity": found.gamma, "contrast": found.gamma_contrast}
        maps = {
            per: fx.plq(model, faces, quality=scaled, weights=weights, gamma=gamma, per=per).maps
            for per, gamma in gammas.items()
        }
    assert found.best == len(best) == 3
    assert scaled[best].min() >= np.delete(scaled, best).max()
    for by in maps.values():
        assert np.median(by[best][:, 8:24, 8:24]) == pytest.approx(0.8, abs=2e-3)
    assert found.gamma_contrast < found.gamma  # the contrast of noise is many intensities
    assert found.usual is not None
    assert (found.usual.faces, found.usual.weights) == (30, weights)


def test_gamma_of_a_known_saliency() -> None:
    saliency = np.zeros((2, 8, 8), np.float32)
    saliency[:, 2:6, 2:6] = 0.01  # the rim does not count
    gamma = calibrate_gamma(saliency)
    assert 1 - 1 / (1 + 10**gamma * 0.01**2) == pytest.approx(0.8, abs=1e-6)


def test_what_cannot_be_calibrated_says_so() -> None:
    with pytest.raises(
        InvalidInputError, match="median saliency of the best faces is 0; the network does not react"
    ):
        calibrate_gamma(np.zeros((2, 8, 8), np.float32))
    with pytest.raises(InvalidInputError, match="9 usable qualities; a calibration needs at least 10"):
        best_faces(np.array([*range(9), np.nan], float))


def test_best_faces_ignore_nan_and_keep_the_order_of_equals() -> None:
    quality = np.array([np.nan, 1.0, 0.5, 1.0, *np.zeros(17)])
    np.testing.assert_array_equal(best_faces(quality), [1, 3])
