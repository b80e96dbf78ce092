"""Where a face deviates from the usual: formulas, laws, faces of which nothing can be said."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt import kernels
from fiqx_trt.errors import InvalidInputError, ModelError
from fiqx_trt.explain.deviation import (
    Relative,
    UsualStatistics,
    deviation,
    relative_maps,
)
from fiqx_trt.explain.measuring import measure_pixels
from fiqx_trt.explain.region_words import NAMED
from fiqx_trt.models.spec import ModelSpec, read_sidecar
from fiqx_trt.models.usual import MAPS, Usual
from reference import deviation_numpy as reference
from reference.local_contrast import local_contrast
from support.nets import noise_faces, save, small_recogniser

SIZE = (56, 56)


def relative_of(saliency: np.ndarray, faces: np.ndarray) -> Relative:
    return relative_maps(saliency, saliency * kernels.local_contrast(faces))


def saliency_of(count: int, seed: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.abs(rng.standard_normal((count, *size))).astype(np.float32) * 1e-4


def pictures(count: int, seed: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3)).astype(np.uint8)


def usual_from(count: int = 40) -> Usual:
    state = UsualStatistics()
    state.push(relative_of(saliency_of(count, 7), pictures(count, 7)))
    return state.usual("l1")


def test_relative_maps_are_those_of_the_reference() -> None:
    saliency, faces = saliency_of(3), pictures(3)
    saliency[1, 10:20, 10:20] = 0.0  # the floor
    found = relative_of(saliency, faces)
    contrasts = local_contrast(faces)
    for i in range(3):
        wanted = {"intensity": saliency[i].astype(np.float64), "contrast": saliency[i] * contrasts[i]}
        for name, values in wanted.items():
            np.testing.assert_allclose(found.maps[name][i], reference.relative_log(values), atol=1e-5)
    assert not found.dead.any()
    cells = found.maps["contrast"].reshape(3, 14, 4, 14, 4).mean(axis=(2, 4), dtype=np.float64)
    np.testing.assert_allclose(found.grids()["contrast"], cells, atol=1e-5)


def test_the_deviation_is_the_lower_of_two_standardised_maps() -> None:
    usual = usual_from()
    relative = relative_of(saliency_of(2, 3), pictures(2, 3))
    found = deviation(relative, usual)
    rows = (np.arange(56) + 0.5) / 4 - 0.5  # where pixels lie between the cells' centres

    def on_pixels(kept: dict[str, tuple[float, ...]], name: str) -> np.ndarray:
        grid = np.reshape(kept[name], usual.grid)
        wide = np.stack([np.interp(rows, np.arange(14), row) for row in grid])
        return np.stack([np.interp(rows, np.arange(14), column) for column in wide.T], axis=1)

    for i in range(2):
        wanted = reference.lower_z(
            [relative.maps[name][i].astype(np.float64) for name in MAPS],
            [on_pixels(usual.mean, name) for name in MAPS],
            [on_pixels(usual.std, name) for name in MAPS],
        )
        np.testing.assert_allclose(found.maps[i], wanted, atol=1e-4)
    assert found.maps.dtype == np.float32


@pytest.mark.law
def test_company_and_a_common_factor_change_nothing() -> None:
    saliency, faces = saliency_of(5, 1), pictures(5, 1)
    usual = usual_from()
    whole = deviation(relative_of(saliency, faces), usual)
    for some in (slice(0, 0), slice(2, 3), slice(4, None, -2)):
        part = deviation(relative_of(saliency[some], faces[some]), usual)
        np.testing.assert_array_equal(part.maps, whole.maps[some])
        np.testing.assert_array_equal(part.grids, whole.grids[some])
        assert part.deviates == whole.deviates[some]
    factor = deviation(relative_of(saliency * np.float32(0.01), faces), usual)
    np.testing.assert_allclose(factor.maps, whole.maps, atol=1e-4)


@pytest.mark.law
@pytest.mark.parametrize("cuts", [(0, 1), (1, 1), (3, 8), (0, 9)])
def test_merged_statistics_are_those_of_one_pass_in_any_order(cuts: tuple[int, int]) -> None:
    relative = relative_of(saliency_of(9), pictures(9))

    def part(rows: slice) -> UsualStatistics:
        state = UsualStatistics()
        state.push(Relative({k: v[rows] for k, v in relative.maps.items()}, relative.dead[rows]))
        return state

    whole = part(slice(None)).usual("l1")
    parts = [part(slice(*edge)) for edge in ((0, cuts[0]), cuts, (cuts[1], 9))]
    merged = UsualStatistics()
    for one in reversed(parts):
        merged.merge(one)
    assert merged.count == 9
    for name in MAPS:
        for kept in ("mean", "std"):
            found = getattr(merged.usual("l1"), kept)[name]
            np.testing.assert_allclose(found, getattr(whole, kept)[name], rtol=2e-3, atol=2e-4)
        np.testing.assert_allclose(
            whole.mean[name], relative.grids()[name].mean(axis=0).ravel(), rtol=1e-3, atol=1e-4
        )
        np.testing.assert_allclose(whole.std[name], relative.grids()[name].std(axis=0).ravel(), rtol=1e-3)


def test_nothing_is_said_of_flat_pictures_and_dead_networks() -> None:
    saliency, faces = saliency_of(4), pictures(4)
    faces[0], faces[1], saliency[2] = 0, 117, 0.0
    found = deviation(relative_of(saliency, faces), usual_from())
    assert found.deviates[:3] == ("", "", "")
    assert found.deviates[3] in MAPS
    assert not found.maps[:3].any()
    assert not found.grids[:3].any()
    assert np.isfinite(found.maps).all()
    state = UsualStatistics()
    state.push(relative_of(saliency[:3], faces[:3]))
    assert state.count == 0  # such faces teach nothing
    with pytest.raises(InvalidInputError, match="no mean of 0 maps"):
        state.usual("l1")


@pytest.mark.parametrize("kind", ["saliency", "picture"])
def test_it_points_at_the_place(kind: str) -> None:
    saliency, faces = saliency_of(1, 5), pictures(1, 5)
    if kind == "saliency":
        saliency[0, 8:28, 30:50] *= 0.05
    else:
        faces[0, 8:28, 30:50] = 90
    found = deviation(relative_of(saliency, faces), usual_from())
    elsewhere = np.ones(SIZE, np.bool_)
    elsewhere[2:34, 24:] = False
    assert found.maps[0, 12:24, 34:46].max() < found.maps[0][elsewhere].min()
    if kind == "picture":
        assert found.deviates == ("contrast",)


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"per intensity has shape \(2, .* per contrast \(3, "):
        relative_maps(saliency_of(2), saliency_of(3))


# --- with a model, and in its sidecar -----------------------------------------------------------------------------------

QUICK = {"mean": 127.5, "std": 60.0, "color": "rgb", "backend": "onnxruntime", "max_batch": 1, "threads": 1}


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = save(small_recogniser(), tmp_path_factory.mktemp("usual") / "small.onnx")
    with fx.load_model(path, alpha=40.0, r=0.5, **QUICK) as model:
        faces = noise_faces(30, seed=9)
        raw = fx.serfiq(model, faces).raw
        found = measure_pixels(model, faces, raw, alpha=40.0, r=0.5)
        assert found.usual is not None
        assert found.usual.faces == 30
        assert set(found.usual.regions) <= set(NAMED)
        model.spec.replace(gamma=found.gamma, gamma_weights="l1", usual=found.usual, guesses=()).save(
            path.with_suffix(".json")
        )
    return path


def test_plq_gives_the_deviation_of_every_face_alone(calibrated: Path) -> None:
    faces = noise_faces(4, seed=3)
    faces[3] = 0
    quality = np.full(4, 0.5)
    with fx.load_model(calibrated, **QUICK) as model:
        whole = fx.plq(model, faces, quality=quality)
        assert whole.deviation is not None
        assert whole.deviation.shape == faces.shape[:3]
        assert whole.deviation.dtype == np.float32
        assert (whole.deviates[3], whole.deviation[3].any()) == ("", False)
        alone = fx.plq(model, faces[1:2], quality=quality[:1] / 2)
        np.testing.assert_allclose(alone.deviation[0], whole.deviation[1], atol=1e-3)  # Q̂ cancels
        assert fx.plq(model, faces[:0], quality=quality[:0]).deviation.shape == (0, *faces.shape[1:3])
        other = fx.plq(model, faces, quality=quality, weights="signed", gamma=6.0)
        assert other.deviation is None
        assert other.deviates == ()


def test_a_sidecar_without_statistics_gives_the_maps_as_before(
    calibrated: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "fiqx_trt.explain")
    faces, quality = noise_faces(2, seed=4), np.full(2, 0.5)
    plain = tmp_path / "plain.onnx"
    plain.write_bytes(calibrated.read_bytes())
    fields = {
        k: v for k, v in json.loads(calibrated.with_suffix(".json").read_text()).items() if k != "usual"
    }
    plain.with_suffix(".json").write_text(json.dumps(fields))
    with fx.load_model(plain, **QUICK) as without, fx.load_model(calibrated, **QUICK) as model:
        before, after = (fx.plq(one, faces, quality=quality) for one in (without, model))
    assert len(caplog.messages) == 1
    assert "run `fiqx-trt calibrate --weights l1` on typical faces" in caplog.text
    assert before.deviation is None
    np.testing.assert_array_equal(before.maps, after.maps)


def test_the_statistics_come_back_from_a_sidecar(calibrated: Path, tmp_path: Path) -> None:
    usual = usual_from()
    path = tmp_path / "x.json"
    ModelSpec("x", usual=usual).save(path)
    assert read_sidecar(path)["usual"] == usual
    assert len(path.read_text().splitlines()) < 80  # a line for every list
    ModelSpec("x").save(path)
    assert read_sidecar(path)["usual"] is None
    path.write_text('{"regions": {"nose": [0.1, 0.2, 0.3]}}')  # of an earlier version
    assert read_sidecar(path) == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": {"intensity": (0.0,), "contrast": (0.0,)}}, "mean must hold 196 numbers for each of"),
        ({"std": {"intensity": (-1.0,) * 196, "contrast": (1.0,) * 196}}, "a standard deviation is below 0"),
        ({"alarm": float("nan")}, "a number is not finite"),
        ({"grid": (0, 14)}, "both sides and the faces must be at least 1"),
        ({"regions": {"eyes": (0.0, 1.0, 2.0)}}, "too many values"),
    ],
)
def test_wrong_statistics_in_a_sidecar_are_refused(change: dict, message: str, tmp_path: Path) -> None:
    entry = {**dataclasses.asdict(usual_from()), **change}
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"usual": entry}))
    with pytest.raises(ModelError, match=message):
        read_sidecar(path)
