"""Whether maps point at what was disturbed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

import fiqx_trt as fx
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.experiments.disturbances import DISTURBANCES, disturb, disturbance_rng
from fiqx_trt.experiments.pointing import (
    MAPS,
    NamedFace,
    PointedFace,
    name_regions,
    point_at_squares,
    roc_area,
    summarise_pointing,
)
from fiqx_trt.explain.measuring import measure_pixels
from fiqx_trt.explain.plq import PlqExplainer
from support.nets import noise_faces, save, small_recogniser


def test_the_area_is_the_mann_whitney_statistic() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 9, (12, 12)).astype(np.float32)  # with ties
    positive = rng.random((12, 12)) < 0.3
    wanted = mannwhitneyu(scores[positive], scores[~positive]).statistic
    assert roc_area(scores, positive) == pytest.approx(
        wanted / (positive.sum() * (~positive).sum()), abs=1e-12
    )
    assert roc_area(-scores, positive) == pytest.approx(1 - roc_area(scores, positive), abs=1e-12)


@pytest.mark.parametrize("kind", DISTURBANCES)
def test_a_disturbance_stays_in_its_area_and_depends_on_the_face_alone(kind: str) -> None:
    face, other = np.random.default_rng(1).integers(0, 256, (2, 40, 32, 3), np.uint8)
    area = np.zeros((40, 32), np.bool_)
    area[5:20, 7:30] = True

    def changed(seed: int = 0) -> np.ndarray:
        return disturb(face, area, kind, other=other, rng=disturbance_rng(face, kind, seed=seed))

    found = changed()
    np.testing.assert_array_equal(found[~area], face[~area])
    assert (found[area] != face[area]).mean() > 0.8
    np.testing.assert_array_equal(found, changed())
    assert (changed(1) != found).any() == (kind in ("noise", "patch"))
    if kind == "patch":
        pixels = {tuple(p) for p in other.reshape(-1, 3)}
        assert {tuple(p) for p in found[area]} <= pixels


def test_an_unknown_disturbance_is_refused() -> None:
    face = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(InvalidInputError, match="no disturbance is called 'grey'; there are black, noise"):
        disturb(face, np.ones((8, 8), np.bool_), "grey", other=face, rng=np.random.default_rng(0))


def test_counts_of_right_and_wrong_words() -> None:
    pointed = [
        PointedFace(i, 30, kind, "contrast", dict.fromkeys(MAPS, i / 2))
        for i in range(2)
        for kind in DISTURBANCES
    ]
    said = [("mouth",), ("lower-face",), ("eyes",), ("eyes", "mouth")]
    named = [NamedFace(i, "mouth", kind, low, 0.5) for kind in DISTURBANCES for i, low in enumerate(said)]
    named += [
        NamedFace(i, "lower-face", kind, low, 0.5) for kind in DISTURBANCES for i, low in enumerate(said)
    ]
    named += [
        NamedFace(i, "", "", low, q) for i, (low, q) in enumerate([((), 0.9), (("nose",), 0.1), ((), 0.8)])
    ]
    found = summarise_pointing(pointed, named)
    assert found["squares"]["30"]["noise"]["deviation"] == 0.25
    for region in ("mouth", "lower-face"):
        assert found["regions"][region]["black"]["hit"]["count"] == 3
        assert found["regions"][region]["black"]["wrong"]["count"] == 2
    assert (found["untouched_named"]["count"], found["untouched_named"]["total"]) == (1, 3)
    assert (found["better_half_named"]["count"], found["better_half_named"]["total"]) == (0, 2)


def test_a_face_is_measured_alone(tmp_path: Path) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    options = {
        "mean": 127.5,
        "std": 60.0,
        "color": "rgb",
        "backend": "onnxruntime",
        "max_batch": 1,
        "threads": 1,
    }
    faces = noise_faces(12, seed=2)
    with fx.load_model(path, alpha=40.0, r=0.5, **options) as model:
        usual = measure_pixels(model, faces, fx.serfiq(model, faces).raw, alpha=40.0, r=0.5).usual
        model.spec.replace(usual=usual, guesses=()).save(path.with_suffix(".json"))
    with fx.load_model(path, alpha=40.0, r=0.5, **options) as model:
        explainer = PlqExplainer(model, gamma=8.0)
        whole = point_at_squares(explainer, faces[:3], shares=(30,))
        again = point_at_squares(explainer, faces[:2], shares=(30,))
        others = {"dark": lambda pictures: -pictures.sum(axis=3, dtype=np.float64)}
        more = point_at_squares(explainer, faces[:2], shares=(30,), others=others)
        words = name_regions(explainer, faces[:2])
    assert len(whole) == 3 * 4
    # A map of another kind is judged on the same squares: nothing of a face is darker than black.
    assert [{name: p.areas[name] for name in MAPS} for p in more] == [p.areas for p in again]
    assert all(p.areas["dark"] > 0.99 for p in more if p.kind == "black")
    assert summarise_pointing(more, [])["squares"]["30"]["black"]["dark"] > 0.99
    # The second face takes its patch from the one behind it.
    assert [p for p in again if p.face == 0] == [p for p in whole if p.face == 0]
    assert all(0 <= area <= 1 for p in whole for area in p.areas.values())
    assert {n.region for n in words} >= {"", "eyes", "mouth"}
