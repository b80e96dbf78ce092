"""The cells that deletion removes, what takes their place, and the areas under curves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.experiments.cell_removal import (
    area_under,
    cell_means,
    cell_order,
    filling,
    removal_counts,
    removed,
)
from fiqx_trt.experiments.compare import compare_faces
from fiqx_trt.explain.plq import PlqExplainer
from fiqx_trt.models import Model
from support.nets import noise_faces, save, small_recogniser

QUICK = {"mean": 127.5, "std": 60.0, "color": "rgb", "backend": "onnxruntime", "max_batch": 1, "threads": 1}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    path = save(small_recogniser(), tmp_path_factory.mktemp("deletion") / "small.onnx")
    with fx.load_model(path, alpha=30.0, r=0.5, gamma=8.0, **QUICK) as opened:
        yield opened


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return noise_faces(1, seed=5)[0]


@pytest.mark.parametrize("shape", [(32, 32), (31, 29)])
def test_cells_share_out_the_map(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).random(shape)
    means = cell_means(values, 4)
    bounds = [[np.flatnonzero(np.arange(n) * 4 // n == i) for i in range(4)] for n in shape]
    for i in range(4):
        for j in range(4):
            assert means[i, j] == pytest.approx(values[np.ix_(bounds[0][i], bounds[1][j])].mean())


def test_the_area_is_the_integral_of_the_broken_line() -> None:
    rng = np.random.default_rng(2)
    share, curves = np.array([0.0, 0.2, 0.25, 0.7, 1.0]), rng.random((3, 2, 5))
    fine = np.linspace(0, 1, 200_001)
    for i in range(3):
        for k in range(2):
            middle = np.interp((fine[1:] + fine[:-1]) / 2, share, curves[i, k])
            assert area_under(share, curves)[i, k] == pytest.approx(middle.mean(), abs=1e-9)


def test_the_order_begins_with_the_highest_cell_and_keeps_ties() -> None:
    values = np.zeros((4, 4))
    values[2:, :2] = 1.0
    np.testing.assert_array_equal(cell_order(cell_means(values, 2)), [2, 0, 1, 3])


@pytest.mark.parametrize("steps", [1, 7, 16, 40])
def test_the_counts_run_from_none_to_all(steps: int) -> None:
    counts = removal_counts(4, steps)
    assert (counts[0], counts[-1], len(counts)) == (0, 16, steps + 1)
    assert np.abs(counts - np.arange(steps + 1) * 16 / steps).max() <= 0.5


def test_removed_cells_show_the_filling_and_the_others_the_face(face: np.ndarray) -> None:
    order = np.random.default_rng(1).permutation(9)
    filled = 255 - face
    pictures = removed(face, filled, order, np.array([0, 4, 9]), 3)
    np.testing.assert_array_equal(pictures[0], face)
    np.testing.assert_array_equal(pictures[2], filled)
    for y in range(32):
        for x in range(32):
            gone = (y * 3 // 32) * 3 + x * 3 // 32 in order[:4].tolist()
            np.testing.assert_array_equal(pictures[1, y, x], (filled if gone else face)[y, x])


def test_fillings_keep_the_mean_colour_and_lose_the_face(face: np.ndarray) -> None:
    mean = face.reshape(-1, 3).mean(axis=0)
    assert np.abs(filling(face, "mean").reshape(-1, 3) - mean).max() <= 0.5
    assert np.abs(filling(face, "blur").reshape(-1, 3).mean(axis=0) - mean).max() < 6
    white = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    # A Gaussian of σ pixels leaves 1 / (2 √π σ) of white noise's deviation; σ is a tenth of the height.
    inner = filling(white, "blur")[30:70, 30:70]
    assert inner.std() == pytest.approx(white.std() / (2 * np.sqrt(np.pi) * 10), rel=0.35)
    np.testing.assert_array_equal(filling(face, "other", 255 - face), 255 - face)


def test_numbers_that_do_not_fit_are_refused(face: np.ndarray) -> None:
    with pytest.raises(InvalidInputError, match=r"fill \(--fill\) is 'sand'; choose from mean, blur, other"):
        filling(face, "sand")
    with pytest.raises(
        InvalidInputError, match=r"'other' .* needs a face of another person; give more faces"
    ):
        filling(face, "other")
    with pytest.raises(InvalidInputError, match="an order that names each of cells × cells cells once"):
        removed(face, face, np.zeros(16, int), np.array([1]), 4)
    with pytest.raises(InvalidInputError, match="cells is 4 and steps 0; give at least 1 of each"):
        removal_counts(4, 0)


def test_a_comparison_measures_against_the_first_face(model: Model) -> None:
    faces = noise_faces(3, seed=7)
    found = compare_faces(PlqExplainer(model), faces)
    unit = model.embed(faces)
    assert found[0].similarity == pytest.approx(1, abs=1e-6)
    assert found[2].similarity == pytest.approx(float(unit[2] @ unit[0]), abs=1e-6)
    assert set(found[0].losses.values()) == {0.0}
    assert found[1].losses["nose"] == pytest.approx(found[0].means["nose"] - found[1].means["nose"])
    with pytest.raises(InvalidInputError, match="1 faces; give a reference and at least one other picture"):
        compare_faces(PlqExplainer(model), faces[:1])
