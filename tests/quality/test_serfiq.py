from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from fiqx_trt import kernels
from fiqx_trt.errors import InvalidInputError, ModelError
from fiqx_trt.models import Model, load_model
from fiqx_trt.quality.base import MethodOptions, create_method
from fiqx_trt.quality.serfiq import SerFiq, closed_form_distance, quality_of_distance, scale_quality, serfiq
from support.nets import FEATURES, noise_faces, save, small_recogniser


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    path = save(small_recogniser(), tmp_path_factory.mktemp("model") / "small.onnx")
    with load_model(path, precision="fp32") as opened:
        yield opened


def definition(model: Model, faces: np.ndarray, masks: np.ndarray, dropout: float) -> np.ndarray:
    """Mean pairwise distance of the dropped-out embeddings, written from the definition in float64."""
    weights, bias = model.head_affine
    distances = []
    for h in model.extract(faces).pre_dropout.astype(np.float64):
        e = (masks * h / (1 - dropout)) @ weights.T + bias
        e /= np.linalg.norm(e, axis=1, keepdims=True)
        distances.append(pdist(e).mean())
    return np.array(distances)


@pytest.mark.parametrize(("passes", "dropout", "seed"), [(100, 0.5, 0), (7, 0.2, 5), (2, 0.9, 123456789)])
def test_sampled_is_the_definition_in_float64(model: Model, passes: int, dropout: float, seed: int) -> None:
    faces = noise_faces(6)
    masks = kernels.dropout_masks(FEATURES, passes=passes, dropout=dropout, seed=seed)
    want = 2 / (1 + np.exp(definition(model, faces, masks, dropout)))
    got = serfiq(model, faces, estimator="sampled", passes=passes, dropout=dropout, seed=seed)
    np.testing.assert_allclose(got.raw, want, atol=2e-6)


def test_the_papers_factor_is_the_pair_mean_times_m_minus_one_over_m(model: Model) -> None:
    faces = noise_faces(4)
    pairs = serfiq(model, faces, estimator="sampled", passes=10)
    paper = serfiq(model, faces, estimator="sampled", passes=10, distance="paper")
    distance = np.log(2 / pairs.raw - 1)
    np.testing.assert_allclose(paper.raw, 2 / (1 + np.exp(0.9 * distance)), rtol=1e-12)


def heads() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Weights, bias and pre-dropout vectors: many and few directions of noise, weak and strong noise."""
    rng = np.random.default_rng(0)
    made = []
    for features, dimensions, decay in ((256, 128, 0.0), (512, 192, 0.02), (512, 40, 0.0), (1792, 512, 0.0)):
        weights = (
            rng.standard_normal((dimensions, features)) * np.exp(-decay * np.arange(dimensions))[:, None]
        )
        h = np.maximum(rng.standard_normal((3, features)), 0.0)
        bias = np.array([0.0, 1.0, 3.0])[:, None] * np.sqrt(features) * rng.standard_normal(dimensions)
        made.extend((weights, one, vector) for one, vector in zip(bias, h, strict=True))
    return made


@pytest.mark.parametrize("dropout", [0.5, 0.2])
def test_closed_form_is_the_mean_of_many_passes(dropout: float) -> None:
    """Within 0.005 of 3,000 passes, whose own error is below 0.002; the first order alone is up to 0.017 too large."""
    rng, worst, worst_first = np.random.default_rng(1), 0.0, 0.0
    for weights, bias, h in heads():
        masks = rng.random((3000, len(h))) >= dropout
        e = (masks * h / (1 - dropout)) @ weights.T + bias
        e /= np.linalg.norm(e, axis=1, keepdims=True)
        cosines = e @ e.T
        pairs = cosines[np.triu_indices(len(e), 1)]
        want = np.sqrt(np.maximum(2 - 2 * pairs, 0)).mean()
        gram = weights @ weights.T
        rank = np.trace(gram) ** 2 / np.square(gram).sum()
        taps = np.float32(h)[None], np.float32(weights @ h + bias)[None], np.square(weights).sum(axis=0)
        worst = max(worst, abs(closed_form_distance(*taps, dropout=dropout, rank=rank)[0] - want))
        worst_first = max(worst_first, abs(closed_form_distance(*taps, dropout=dropout)[0] - want))
    assert worst < 0.005 < worst_first


def test_closed_form_agrees_with_many_passes(model: Model) -> None:
    faces = noise_faces(40, seed=3)
    closed = serfiq(model, faces).raw
    sampled = serfiq(model, faces, estimator="sampled", passes=2000).raw
    assert spearmanr(closed, sampled).statistic > 0.9
    np.testing.assert_allclose(closed, sampled, atol=0.01)


def test_the_rank_of_a_head_counts_its_directions(model: Model) -> None:
    weights, _ = model.head_affine
    shares = np.square(np.linalg.svd(weights, compute_uv=False))
    assert model.head_rank == pytest.approx(shares.sum() ** 2 / np.square(shares).sum(), rel=1e-5)
    assert 1 < model.head_rank <= len(weights)


def test_closed_form_of_a_head_with_isotropic_noise() -> None:
    """With A the identity and equal h, t = p/(1-p); the mean distance of two unit vectors with that noise is known."""
    count = 4000
    h = np.ones((1, count), np.float32)
    distance = closed_form_distance(h, h, np.ones(count), dropout=0.5, rank=count)
    rng = np.random.default_rng(0)
    drops = rng.random((60, count)) < 0.5
    unit = np.where(drops, 0.0, 2.0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    assert distance[0] == pytest.approx(pdist(unit).mean(), abs=2e-3)
    assert distance[0] == pytest.approx(1.0, abs=1e-4)


def test_the_closed_form_is_the_default() -> None:
    assert SerFiq().estimator == MethodOptions().estimator == "closed-form"
    assert create_method("serfiq", MethodOptions()) == create_method("serfiq") == SerFiq()


def test_the_closed_form_of_a_curved_head_names_the_other_estimator(tmp_path: Path) -> None:
    graph = small_recogniser(norm=False)
    graph.graph.node[-1].output[0] = "linear"
    graph.graph.node.append(onnx.helper.make_node("Tanh", ["linear"], ["embedding"]))
    path = save(graph, tmp_path / "tanh.onnx")
    with load_model(path, precision="fp32", pre_dropout="pre_dropout") as model:
        with pytest.raises(ModelError, match=r"not an affine map.*Tanh.*give --estimator sampled"):
            serfiq(model, noise_faces(1))
        assert np.isfinite(serfiq(model, noise_faces(1), estimator="sampled").raw).all()


@pytest.mark.law
@pytest.mark.parametrize("estimator", ["sampled", "closed-form"])
def test_a_face_has_one_score_whatever_the_batch(model: Model, estimator: str) -> None:
    faces = noise_faces(11, seed=1)
    together = serfiq(model, faces, estimator=estimator).raw
    alone = np.concatenate([serfiq(model, face[None], estimator=estimator).raw for face in faces])
    backwards = serfiq(model, faces[::-1], estimator=estimator).raw[::-1]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, backwards)


def test_seeds_differ_and_repeat(model: Model) -> None:
    faces = noise_faces(3)
    first, again, other = (serfiq(model, faces, estimator="sampled", seed=seed).raw for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.all(first != other)


def test_scaling_needs_a_calibrated_model(model: Model, tmp_path: Path) -> None:
    assert serfiq(model, noise_faces(2)).scaled is None
    path = save(small_recogniser(), tmp_path / "small.onnx")
    with load_model(path, precision="fp32", alpha=130.0, r=0.5) as calibrated:
        quality = serfiq(calibrated, noise_faces(2))
    np.testing.assert_allclose(quality.scaled, 1 / (1 + np.exp(-130 * (quality.raw - 0.5))), rtol=1e-9)


def test_percentile_and_the_hundred_scale(tmp_path: Path) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    faces = noise_faces(30)
    with load_model(path, precision="fp32") as plain:
        raw = serfiq(plain, faces).raw
        assert serfiq(plain, faces).percentile is None
        assert serfiq(plain, faces).hundred is None
    quantiles = np.quantile(raw, np.linspace(0, 1, 21))
    path.with_suffix(".json").write_text(
        json.dumps({"alpha": 50.0, "r": float(raw.mean()), "quantiles": quantiles.tolist()})
    )
    with load_model(path, precision="fp32") as calibrated:
        quality = serfiq(calibrated, faces)
    assert quality.percentile is not None
    assert quality.percentile.min() == 0
    assert quality.percentile.max() == 100
    np.testing.assert_allclose(np.sort(quality.percentile), np.linspace(0, 100, 30), atol=4)
    assert quality.hundred is not None
    assert quality.scaled is not None
    np.testing.assert_array_equal(quality.hundred, np.rint(100 * quality.scaled))
    assert (np.diff(quality.hundred[np.argsort(raw)]) >= 0).all()


def test_the_sigmoid_is_safe_far_out() -> None:
    assert quality_of_distance(np.array([0.0, 1e9])).tolist() == [1.0, 0.0]
    assert scale_quality(np.array([0.0, 1.0]), alpha=1e6, r=0.5).tolist() == [0.0, 1.0]


def test_a_zero_embedding_is_no_number() -> None:
    assert np.isnan(
        closed_form_distance(
            np.zeros((1, 3), np.float32), np.zeros((1, 2), np.float32), np.ones(3), dropout=0.5
        )
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "sampled", "passes": 1}, "passes is 1; give an integer of at least 2"),
        ({"dropout": 1.0}, r"dropout is 1\.0; give a number between 0 and 1, both excluded"),
        ({"estimator": "sampled", "seed": -1}, "seed is -1"),
        ({"estimator": "guess"}, "estimator is 'guess'; choose one of closed-form, sampled"),
        (
            {"passes": 100},
            r"the closed form has no passes and no seed; leave --passes and --seed out, or give .*sampled",
        ),
        ({"seed": 0}, r"the closed form has no passes and no seed"),
        ({"distance": "paper"}, r"the closed form has no number of passes, on which the paper's factor"),
        ({"distance": "far"}, "distance is 'far'; choose one of pairs, paper"),
    ],
)
def test_options_out_of_range(model: Model, options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        serfiq(model, noise_faces(1), **options)  # type: ignore[arg-type]


def test_closed_form_ranks_real_faces_like_2000_passes(shared_faces: Path) -> None:
    from fiqx_trt.faces.prepare import FacePreparer
    from fiqx_trt.faces.sources import iter_sources

    with load_model("dlib-resnet", precision="fp32") as recogniser:
        prepare = FacePreparer(recogniser.spec.input_size, recogniser.spec.template)
        records = [record for source in iter_sources(shared_faces) for record in prepare(source)]
        faces = np.stack([record.image for record in records if record.image is not None])
        closed = serfiq(recogniser, faces).raw
        sampled = serfiq(recogniser, faces, estimator="sampled", passes=2000).raw
    assert spearmanr(closed, sampled).statistic >= 0.995
