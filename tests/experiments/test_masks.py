"""Random masks: where they lie, and what is measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.errors import InvalidInputError, NotCalibratedError
from fiqx_trt.experiments.mask_summary import summarise_colors, summarise_masks
from fiqx_trt.experiments.masks import (
    COLORS,
    MaskedFace,
    Square,
    cover,
    mask_sides,
    place_square,
    random_masks,
)
from fiqx_trt.experiments.weightings import CalibratedWeightings, calibrate_weightings
from fiqx_trt.explain.measuring import measure_pixels
from fiqx_trt.explain.scale import Per
from fiqx_trt.models import Model
from support.nets import noise_faces, save, small_recogniser

QUICK = {"mean": 127.5, "std": 60.0, "color": "rgb", "backend": "onnxruntime", "max_batch": 1, "threads": 1}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(small_recogniser(), tmp_path_factory.mktemp("masking") / "small.onnx")


@pytest.fixture(scope="module")
def model(path: Path) -> Iterator[Model]:
    with fx.load_model(path, alpha=30.0, r=0.5, **QUICK) as opened:
        yield opened


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return noise_faces(4, seed=6)


def test_squares_lie_within_the_inner_nine_tenths_and_reach_its_corners() -> None:
    squares = [place_square((112, 150), 30, key=str(i)) for i in range(3000)]
    tops, lefts = [s.top for s in squares], [s.left for s in squares]
    assert (min(tops), max(tops)) == (6, 112 - 6 - 30)
    assert (min(lefts), max(lefts)) == (8, 150 - 8 - 30)
    counts = np.bincount(tops)[6:]
    assert counts.std() < 2 * np.sqrt(3000 / 77)  # uniform: a deviation near the root of 39


def test_places_depend_on_seed_and_key_alone() -> None:
    assert place_square((112, 112), 20, key="a") == place_square((112, 112), 20, key="a")
    places = {place_square((112, 112), 20, key=k, seed=s) for k in "abc" for s in range(3)}
    assert len(places) == 9


def test_sizes_scale_with_the_face() -> None:
    assert mask_sides(112) == {10: 10, 20: 20, 30: 30, 40: 40, 50: 50}
    assert mask_sides(224, [10]) == {10: 20}


def test_a_covered_face_differs_in_the_square_alone(faces: np.ndarray) -> None:
    square = Square(5, 7, 10)
    covered = cover(faces[0], square, "red")
    assert (covered[5:15, 7:17] == (255, 0, 0)).all()
    different = (covered != faces[0]).any(axis=2)
    different[5:15, 7:17] = False
    assert not different.any()


def test_twelve_colours() -> None:
    assert len(set(COLORS.values())) == len(COLORS) == 12


@pytest.mark.parametrize("per", ["intensity", "contrast"])
def test_losses_are_those_of_the_maps(model: Model, faces: np.ndarray, per: Per) -> None:
    weightings = CalibratedWeightings({"l1": 8.0, "exact": 8.0}, per=per)
    results = random_masks(model, faces[:2], weightings=weightings, sizes=(20, 40), repeats=2, seed=3)
    assert [(r.face, r.size) for r in results] == [(f, s) for f in (0, 1) for s in (20, 20, 40, 40)]
    for result in results[::3]:
        pair = np.stack([faces[result.face], cover(faces[result.face], result.square)])
        for name in ("l1", "exact"):
            found = fx.plq(model, pair, weights=name, gamma=8.0, per=per)
            loss = found.maps[0].astype(np.float64) - found.maps[1]
            inside = np.zeros((32, 32), bool)
            inside[result.square.area] = True
            assert result.inside[name] == pytest.approx(loss[inside].mean(), abs=1e-9)
            assert result.outside[name] == pytest.approx(loss[~inside].mean(), abs=1e-9)
            assert result.quality_loss == pytest.approx(found.quality[0] - found.quality[1], abs=1e-12)


@pytest.mark.law
def test_masks_do_not_depend_on_the_other_faces_and_are_the_same_for_every_colour(
    model: Model, faces: np.ndarray
) -> None:
    weightings = CalibratedWeightings({"l1": 8.0})
    together = random_masks(model, faces, weightings=weightings, sizes=(30,))
    alone = random_masks(model, faces[2:3], weightings=weightings, sizes=(30,), colors=("white", "black"))
    assert together[2].square == alone[0].square == alone[1].square
    assert together[2].inside == alone[1].inside
    assert alone[0].color == "white"
    assert alone[0].inside != alone[1].inside


def test_every_weighting_gets_its_own_gamma(model: Model) -> None:
    faces = noise_faces(20, seed=8)
    weightings = calibrate_weightings(model, faces)
    assert set(weightings.gammas) == {"l1", "sum", "signed", "exact"}
    quality = fx.serfiq(model, faces).scaled
    assert quality is not None
    best = np.argsort(-quality, kind="stable")[:2]
    for name, gamma in weightings.gammas.items():
        maps = fx.plq(model, faces[best], quality=quality[best], weights=name, gamma=gamma).maps
        assert np.median(maps[:, 8:24, 8:24]) == pytest.approx(0.8, abs=1e-3)


def masked(size: int, loss: float, inside: float, outside: float, color: str = "black") -> MaskedFace:
    return MaskedFace(
        0,
        size,
        Square(0, 0, size),
        color,
        0.5,
        0.5 - loss,
        {"l1": inside, "sum": -inside},
        {"l1": outside, "sum": 0.0},
    )


def test_a_summary_counts() -> None:
    results = [
        masked(10, 0.1, 0.2, 0.1),
        masked(10, -0.1, 0.4, 0.5),
        masked(20, 0.3, -0.1, 0.0),
        masked(20, 0.0, 0.3, 0.0),
    ]
    summary = summarise_masks(results)
    ten = summary["sizes"]["10"]
    assert ten["quality_loss_positive"]["share"] == 0.5
    assert ten["weights"]["l1"]["loss_inside_positive"]["share"] == 1.0
    assert ten["weights"]["l1"]["loss_inside_above_outside"]["share"] == 0.5
    assert ten["weights"]["l1"]["mean_loss_inside"] == pytest.approx(0.3)
    assert ten["weights"]["l1"]["loss_inside_positive_where_quality_fell"]["count"] == 1
    assert summary["sizes"]["20"]["weights"]["l1"]["loss_inside_positive"]["share"] == 0.5
    assert [row["weights"] for row in summary["ranking"]] == ["l1", "sum"]
    assert summary["ranking"][0]["mean_share"] == pytest.approx(0.75)


def test_a_summary_of_colours() -> None:
    summary = summarise_colors([masked(30, 0.1, 0.2, 0.1, "red"), masked(30, 0.2, -0.2, 0.1, "blue")])
    assert summary["colors"]["red"]["loss_inside_positive"]["share"] == 1.0
    assert summary["colors"]["blue"]["loss_inside_positive"]["share"] == 0.0
    assert summary["weights"] == "l1"


def test_what_does_not_fit_is_refused(model: Model, path: Path, faces: np.ndarray) -> None:
    with pytest.raises(
        InvalidInputError, match="a mask of 31 px does not fit into the inner 90% of a face of 32 × 32"
    ):
        random_masks(model, faces, weightings=CalibratedWeightings({"l1": 8.0}), sizes=(110,))
    with pytest.raises(InvalidInputError, match="no mask colour is called 'pink'; there are black"):
        random_masks(
            model, faces, weightings=CalibratedWeightings({"l1": 8.0}), sizes=(10,), colors=("pink",)
        )
    with pytest.raises(InvalidInputError, match="no weighting was given"):
        CalibratedWeightings({}).explain(model, faces)
    with pytest.raises(InvalidInputError, match="weights is 'l3'"):
        calibrate_weightings(model, faces, ["l3"])
    with pytest.raises(InvalidInputError, match="no masked face was given"):
        summarise_masks([])
    with fx.load_model(path, **QUICK) as bare:
        with pytest.raises(NotCalibratedError, match="no α and r"):
            calibrate_weightings(bare, faces)
        with pytest.raises(NotCalibratedError, match=r"gives no quality in \[0, 1\]"):
            CalibratedWeightings({"l1": 8.0}).explain(bare, faces)


def test_gammas_are_those_of_a_calibration_by_either_definition(model: Model) -> None:
    faces = noise_faces(30, seed=9)
    found = measure_pixels(model, faces, fx.serfiq(model, faces).raw, alpha=30.0, r=0.5)
    for per, gamma in (("intensity", found.gamma), ("contrast", found.gamma_contrast)):
        weightings = calibrate_weightings(model, faces, ["l1", "signed"], per=per)  # type: ignore[arg-type]
        assert weightings.gammas["l1"] == pytest.approx(gamma, abs=5e-4)
        assert (weightings.per, weightings.only("signed").per) == (per, per)
    with pytest.raises(
        InvalidInputError, match=r"per is 'colour' \(--per\); choose one of intensity, contrast"
    ):
        calibrate_weightings(model, faces, per="colour")  # type: ignore[arg-type]
