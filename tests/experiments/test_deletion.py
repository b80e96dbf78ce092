"""Deletion and insertion against loops, laws of the baselines, and a network whose answer is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.experiments.cell_removal import cell_means, filling
from fiqx_trt.experiments.deletion import (
    CENTRE,
    CHANCE,
    Deletion,
    DeletionOptions,
    Probed,
    delete_and_insert,
    mean_name,
)
from fiqx_trt.experiments.deletion_maps import centre_prior, default_maps, map_cells, model_probe
from fiqx_trt.experiments.deletion_worth import areas, comparisons, verdict
from fiqx_trt.explain.plq import plq
from fiqx_trt.explain.scorecam import scorecam
from support.nets import noise_faces, save, small_recogniser

CELLS = 4
OPTIONS = DeletionOptions(cells=CELLS, steps=8, randoms=3, replicates=200)
#: The cells that the toy network reads, and how much.
READ = {0: 3.0, 3: 2.0, 13: 1.0}


def toy(pictures: np.ndarray) -> Probed:
    """Embed pictures by the contrast of three of their cells; what is not read leaves no trace."""
    parts = []
    for cell, weight in READ.items():
        y, x = 8 * (cell // CELLS), 8 * (cell % CELLS)
        some = pictures[:, y : y + 8, x : x + 8].astype(np.float64).reshape(len(pictures), -1)
        parts.append(weight * (some - 127.0))
    embedding = np.concatenate([*parts, np.full((len(pictures), 1), 40.0)], axis=1)
    return Probed(embedding, embedding[:, 0] / 1000)


def importance(faces: np.ndarray) -> np.ndarray:
    truth = np.zeros(CELLS**2)
    truth[list(READ)] = list(READ.values())
    return np.broadcast_to(truth.reshape(CELLS, CELLS), (len(faces), CELLS, CELLS))


def prior() -> np.ndarray:
    return cell_means(centre_prior("arcface", (32, 32)), CELLS)


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return noise_faces(6, seed=5)


@pytest.fixture(scope="module")
def noise(faces: np.ndarray) -> np.ndarray:
    return np.random.default_rng(3).random((len(faces), CELLS, CELLS))


def run(faces: np.ndarray, maps: dict[str, np.ndarray], **changes: object) -> Deletion:
    return delete_and_insert(toy, faces, maps, prior(), **{"options": OPTIONS, **changes})  # type: ignore[arg-type]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def slow_area(face: np.ndarray, filled: np.ndarray, order: list[int], kind: str) -> float:
    """Remove or show a cell after the other, two at a time, and add trapezia."""
    picture = face.copy() if kind == "deletion" else filled.copy()
    source = filled if kind == "deletion" else face
    own = toy(face[np.newaxis]).embedding[0]
    curve = [cosine(toy(picture[np.newaxis]).embedding[0], own)]
    for position, cell in enumerate(order):
        y, x = 8 * (cell // CELLS), 8 * (cell % CELLS)
        picture[y : y + 8, x : x + 8] = source[y : y + 8, x : x + 8]
        if position % 2:
            curve.append(cosine(toy(picture[np.newaxis]).embedding[0], own))
    return sum((a + b) / 2 / 8 for a, b in itertools.pairwise(curve))


@pytest.mark.parametrize("fill", ["mean", "blur", "other"])
def test_areas_are_those_of_plain_loops(faces: np.ndarray, noise: np.ndarray, fill: str) -> None:
    result = run(faces, {"plq": noise}, options=DeletionOptions(CELLS, 8, 3, (fill,)))
    found = result.areas()[..., 0, :]
    for i in (0, 5):
        filled = filling(faces[i], fill, faces[(i + 1) % 6])
        others = np.mean([noise[j] for j in range(6) if j != i], axis=0)
        for name, values in {"plq": noise[i], mean_name("plq"): others, CENTRE: prior()}.items():
            order = sorted(range(CELLS**2), key=lambda cell: -values.ravel()[cell])
            want = [slow_area(faces[i], filled, order, kind) for kind in ("deletion", "insertion")]
            np.testing.assert_allclose(found[i, result.orders.index(name)], want, atol=1e-9)
        rng = np.random.default_rng((0, i))
        random = [slow_area(faces[i], filled, rng.permutation(16).tolist(), "deletion") for _ in range(3)]
        np.testing.assert_allclose(found[i, -1], np.mean(random), atol=1e-9)


def test_the_true_importance_beats_every_baseline_but_its_own_mean(faces: np.ndarray) -> None:
    found = {one.baseline: one for one in comparisons(run(faces, {"truth": importance(faces)}))}
    assert found[CENTRE].word == found[CHANCE].word == "beats"
    assert (
        found[mean_name("truth")].word == "does not beat"
    )  # the same order: nothing of it belongs to the face
    assert found[mean_name("truth")].difference.value == 0.0
    worst = {one.baseline: one for one in comparisons(run(faces, {"wrong": -importance(faces)}))}
    assert worst[CENTRE].word == worst[CHANCE].word == "is worse than"


@pytest.mark.law
def test_chance_is_the_same_for_any_map_and_in_both_directions(faces: np.ndarray, noise: np.ndarray) -> None:
    one, two = run(faces, {"plq": noise}), run(faces, {"truth": importance(faces), "plq": noise[::-1]})
    np.testing.assert_allclose(one.areas()[:, -1], two.areas()[:, -1], atol=1e-12)
    chance = one.areas()[:, -1]
    np.testing.assert_allclose(chance[..., 0], chance[..., 1], atol=1e-12)
    assert one.orders[-1] == CHANCE


@pytest.mark.law
def test_random_maps_are_worth_what_chance_is(faces: np.ndarray) -> None:
    maps = {f"random {k}": np.random.default_rng(k).random((6, CELLS, CELLS)) for k in range(12)}
    result = run(faces, maps, options=DeletionOptions(CELLS, 8, 12, ("mean",), replicates=200))
    values = result.areas()[..., 0, :]
    error = values[:, :12].std() / np.sqrt(6 * 12)
    assert values[:, :12].mean() == pytest.approx(values[:, -1].mean(), abs=4 * error)


def test_the_curves_begin_and_end_where_they_must(faces: np.ndarray, noise: np.ndarray) -> None:
    result = run(faces, {"plq": noise})
    curves = result.curves["similarity"]
    np.testing.assert_allclose(result.share, np.tile(np.linspace(0, 1, 9), (2, 1)))
    np.testing.assert_allclose(curves[..., 0, 0], 1.0)
    np.testing.assert_allclose(curves[..., 1, -1], 1.0)
    np.testing.assert_allclose(curves[..., 0, -1], curves[..., 1, 0])


def test_known_people_are_left_out_of_their_own_baselines(faces: np.ndarray, noise: np.ndarray) -> None:
    people = ["a", "a", "b", "b", "c", "d"]
    result = run(faces, {"plq": noise}, people=people)
    assert (result.people, result.unit.tolist()) == (4, [0, 0, 1, 1, 2, 3])
    embeddings = toy(faces).embedding
    genuine = result.curves["genuine"]
    np.testing.assert_allclose(genuine[0, :, :, 0, 0], cosine(embeddings[0], embeddings[1]))
    np.testing.assert_allclose(genuine[3, :, :, 1, -1], cosine(embeddings[3], embeddings[2]))
    assert np.isnan(genuine[4:]).all()
    order = sorted(range(16), key=lambda cell: -noise[2:].mean(axis=0).ravel()[cell])
    want = slow_area(faces[0], filling(faces[0], "mean"), order, "deletion")
    assert result.areas()[0, result.orders.index(mean_name("plq")), 0, 0] == pytest.approx(want)
    want = slow_area(faces[0], faces[2], order, "deletion")  # the next face of another person
    assert result.areas()[0, result.orders.index(mean_name("plq")), 2, 0] == pytest.approx(want)


def test_one_face_has_no_others(faces: np.ndarray, noise: np.ndarray) -> None:
    result = run(faces[:1], {"plq": noise[:1]})
    assert result.orders == ("plq", CENTRE, CHANCE)
    assert result.fills == ("mean", "blur")
    found = comparisons(result)
    assert [one.word for one in found] == ["does not beat"] * 2
    assert "[" not in verdict(found)
    with pytest.raises(InvalidInputError, match=r"'other' .* needs a face of another person"):
        run(faces[:1], {"plq": noise[:1]}, options=DeletionOptions(CELLS, 8, 3, ("other",)))


def test_means_and_lines_are_those_of_the_faces(faces: np.ndarray, noise: np.ndarray) -> None:
    result = run(faces, {"plq": noise, "truth": importance(faces)})
    values = result.areas()
    for one in areas(result):
        if one.measure == "similarity":
            m, f = result.orders.index(one.order), result.fills.index(one.fill)
            assert one.deletion.value == pytest.approx(values[:, m, f, 0].mean())
            assert one.insertion.value == pytest.approx(values[:, m, f, 1].mean())
    gains = (values[..., 1] - values[..., 0]).mean(axis=(0, 2))
    for one in comparisons(result):
        mine, other = (gains[result.orders.index(name)] for name in (one.name, one.baseline))
        assert one.difference.value == pytest.approx(mine - other)
        assert one.difference.low <= one.difference.value <= one.difference.high
    line = verdict([one for one in comparisons(result) if one.name == "truth"])
    assert line.startswith("truth beats the centre prior (+0.")
    assert "does not beat the mean truth of other faces (+0.000 [+0.000, +0.000])" in line
    assert line.endswith(f"its own {gains[result.orders.index('truth')]:.3f}")


def test_the_middle_of_the_prior_is_the_middle_of_the_face() -> None:
    prior_ = centre_prior("arcface", (112, 112))
    peak = np.unravel_index(prior_.argmax(), prior_.shape)
    eyes, nose, mouth = (38.2946 + 73.5318) / 2, 71.7366, 92.2848  # ArcFace's published template
    assert peak[1] == pytest.approx(eyes, abs=1)
    assert 51.6 < peak[0] < nose < mouth
    assert prior_[0, 0] < prior_[40, 40] < prior_[60, 50] < 1 + 1e-12


def test_a_model_is_asked_for_its_maps_embeddings_and_qualities(tmp_path) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    options = {"mean": 127.5, "std": 60.0, "color": "rgb", "backend": "onnxruntime", "threads": 1}
    faces = noise_faces(18, seed=2)
    with fx.load_model(path, alpha=30.0, r=0.5, gamma=8.0, gamma_contrast=6.0, **options) as model:
        assert default_maps(model) == ("plq", "plq-contrast", "uniform")
        found = map_cells(model, faces, [*default_maps(model), "cam"], cells=CELLS)
        want = {
            "plq": plq(model, faces, per="intensity").maps,
            "plq-contrast": plq(model, faces, per="contrast").maps,
            "uniform": scorecam(model, faces, weights="uniform"),
            "cam": scorecam(model, faces),
        }
        for name, maps in want.items():
            blocks = maps.astype(np.float64).reshape(18, CELLS, 8, CELLS, 8).mean(axis=(2, 4))
            np.testing.assert_allclose(found[name], blocks, atol=1e-6)
        probed = model_probe(model)(faces)
        unit = probed.embedding / np.linalg.norm(probed.embedding, axis=1, keepdims=True)
        np.testing.assert_allclose(unit, model.embed(faces), atol=1e-5)
        np.testing.assert_allclose(probed.quality, fx.serfiq(model, faces).scaled, atol=1e-6)
        with pytest.raises(InvalidInputError, match=r"map \(--map\) is 'sun'; choose from plq"):
            map_cells(model, faces, ["sun"], cells=CELLS)
        with pytest.raises(InvalidInputError, match=r"cells \(--cells\) is 99 for faces of 32 × 32 px"):
            map_cells(model, faces, ["uniform"], cells=99)


def test_numbers_that_do_not_fit_are_refused(faces: np.ndarray, noise: np.ndarray) -> None:
    with pytest.raises(InvalidInputError, match=r"for 6 faces at least one kind of map of shape \(6, 4, 4\)"):
        run(faces, {})
    with pytest.raises(InvalidInputError, match="2 people were given for 6 faces; give one for each face"):
        run(faces, {"plq": noise}, people=["a", "b"])
    with pytest.raises(InvalidInputError, match=r"randoms \(--randoms\) is 0; chance needs at least one"):
        DeletionOptions(randoms=0)
    with pytest.raises(InvalidInputError, match=r"fills \(--fill\) is \(\); name at least one"):
        DeletionOptions(fills=())
