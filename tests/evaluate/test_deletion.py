"""Deletion and insertion: laws, and a map that is right by construction."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.comparing import compare_faces
from fiqx_trt.evaluate.deletion import area_under, cell_means, cell_order, deletion_curves, removal_curve
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


def test_the_order_begins_with_the_highest_cell_and_keeps_ties() -> None:
    values = np.zeros((4, 4))
    values[2:, :2] = 1.0
    np.testing.assert_array_equal(cell_order(values, 2), [2, 0, 1, 3])


def test_curves_begin_and_end_where_they_must(model: Model, face: np.ndarray) -> None:
    order = np.random.default_rng(1).permutation(16)
    away = removal_curve(model, face, order, cells=4, steps=8)
    back = removal_curve(model, face, order, kind="insertion", cells=4, steps=8)
    assert away.similarity[0] == pytest.approx(1, abs=1e-6)
    assert back.similarity[-1] == pytest.approx(1, abs=1e-6)
    assert away.similarity[-1] == pytest.approx(back.similarity[0], abs=1e-9)
    np.testing.assert_allclose(away.share, np.linspace(0, 1, 9))
    reverse = removal_curve(model, face, order[::-1].copy(), kind="insertion", cells=4, steps=8)
    np.testing.assert_allclose(reverse.similarity, away.similarity[::-1], atol=1e-9)


def test_a_map_of_what_matters_beats_chance(model: Model, face: np.ndarray) -> None:
    """The map is made by removing each cell alone, so it knows what the network reads."""
    cells = 4
    loss = []
    for cell in range(cells**2):
        order = np.concatenate([[cell], np.delete(np.arange(cells**2), cell)])
        curve = removal_curve(model, face, order, cells=cells, steps=cells**2)
        loss.append(1 - curve.similarity[1])
    truth = np.array(loss).reshape(cells, cells).repeat(8, 0).repeat(8, 1)
    curves = deletion_curves(model, face, truth, cells=cells, steps=16, randoms=20)
    areas = {
        (kind, name): area_under(c.share, c.similarity)
        for kind, by in curves.items()
        for name, c in by.items()
    }
    assert areas["deletion", "map"] < areas["deletion", "random"]
    assert areas["insertion", "map"] > areas["insertion", "random"]


@pytest.mark.law
def test_random_orders_are_seeded(model: Model, face: np.ndarray) -> None:
    quality_map = np.random.default_rng(2).random((32, 32))
    a, b, c = (
        deletion_curves(model, face, quality_map, cells=4, steps=4, randoms=2, seed=seed)["deletion"][
            "random"
        ]
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(a.similarity, b.similarity)
    assert (a.similarity != c.similarity).any()


def test_numbers_that_do_not_fit_are_refused(model: Model, face: np.ndarray) -> None:
    with pytest.raises(InvalidInputError, match="kind is 'burial'; choose deletion or insertion"):
        removal_curve(model, face, np.arange(16), kind="burial", cells=4)
    with pytest.raises(InvalidInputError, match="the order names each of cells × cells cells once"):
        removal_curve(model, face, np.zeros(16, int), cells=4)
    with pytest.raises(InvalidInputError, match="randoms is 0"):
        deletion_curves(model, face, np.zeros((32, 32)), randoms=0)


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
