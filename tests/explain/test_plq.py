"""Pixel-level quality against its definition in float64, and its laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import fiqx_trt as fx
from fiqx_trt.errors import InvalidInputError, NotCalibratedError
from fiqx_trt.explain import plq as module
from fiqx_trt.explain import scale
from fiqx_trt.explain.plq import PER, PlqExplainer, node_scale, plq
from fiqx_trt.models import Model, load_model
from fiqx_trt.models.gradients import WEIGHTS, gradients
from fiqx_trt.quality.base import Quality
from fiqx_trt.quality.magface import MagFace
from reference import plq as reference
from reference.local_contrast import local_contrast
from support.nets import save, small_recogniser
from support.plq import MEAN, QUICK, STD

GAMMA = {"l1": 8.0, "sum": 8.0, "signed": 8.0, "exact": 8.0}
ALL = sorted(WEIGHTS)


# --- the definition ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ALL)
def test_maps_are_those_of_the_definition(model: Model, faces: np.ndarray, weights: str) -> None:
    quality = np.linspace(0.2, 0.9, len(faces))
    found = plq(model, faces, quality=quality, weights=weights, gamma=GAMMA[weights])
    net = reference.SmallNet(small_recogniser())
    for i, face in enumerate(faces):
        want = reference.saliency(net, face, quality[i], weights, mean=MEAN, std=STD)
        np.testing.assert_allclose(found.saliency[i], want, atol=2e-5 * np.abs(want).max())
        np.testing.assert_allclose(found.maps[i], reference.quality_map(want, GAMMA[weights]), atol=1e-4)
    assert found.maps.dtype == found.saliency.dtype == np.float32
    assert found.maps.shape == found.saliency.shape == (5, 32, 32)
    assert not found.clipped.any()


def test_per_contrast_is_the_definition_by_the_local_contrast(model: Model, faces: np.ndarray) -> None:
    faces = faces.copy()
    faces[1] //= 9
    quality = np.linspace(0.2, 0.9, len(faces))
    found = plq(model, faces, quality=quality, gamma=5.0, per="contrast")
    contrast = local_contrast(faces)
    net = reference.SmallNet(small_recogniser())
    for i, face in enumerate(faces):
        want = reference.saliency(net, face, quality[i], "l1", mean=MEAN, std=STD) * contrast[i]
        np.testing.assert_allclose(found.saliency[i], want, atol=2e-5 * np.abs(want).max())
        np.testing.assert_allclose(found.maps[i], reference.quality_map(want, 5.0), atol=1e-4)
    assert found.per == "contrast"
    assert plq(model, faces, quality=quality, gamma=5.0).per == "intensity"


@pytest.mark.parametrize("intensity", [0, 90, 255])
@pytest.mark.parametrize("weights", ALL)
def test_a_picture_of_one_colour_has_a_map_of_zeros_per_contrast(
    model: Model, faces: np.ndarray, weights: str, intensity: int
) -> None:
    flat = faces.copy()
    flat[2] = intensity
    found = plq(model, flat, gamma=6.0, weights=weights, per="contrast")
    assert (found.maps[2] == 0).all()
    assert (found.saliency[2] == 0).all()
    assert found.maps[[0, 1, 3, 4]].min(axis=0).max() > 0
    assert np.isfinite(plq(model, flat, gamma=6.0, weights=weights, per="intensity").maps).all()


@pytest.mark.parametrize("per", PER)
def test_a_network_without_reaction_has_maps_of_zeros(tmp_path: Path, faces: np.ndarray, per: str) -> None:
    network = small_recogniser()
    for tensor in network.graph.initializer:
        if tensor.name in ("w1", "w2"):
            tensor.CopyFrom(onnx.numpy_helper.from_array(0 * onnx.numpy_helper.to_array(tensor), tensor.name))
    options = {"mean": MEAN, "std": STD, "color": "rgb", "alpha": 30.0, "r": 0.55, **QUICK}
    with load_model(save(network, tmp_path / "numb.onnx"), **options) as numb:
        found = plq(numb, faces, quality=np.full(5, 0.5), gamma=6.0, per=per)
    assert (found.maps == 0).all()
    assert (found.saliency == 0).all()


def test_the_definition_is_that_of_the_gamma_that_is_there(
    path: Path, faces: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    options = {
        "mean": MEAN,
        "std": STD,
        "color": "rgb",
        "alpha": 30.0,
        "r": 0.55,
        "template": "arcface",
        **QUICK,
    }
    quality = np.full(5, 0.5)
    scale._tell_of_the_paper.cache_clear()
    with load_model(path, gamma=6.0, gamma_contrast=4.0, **options) as both:
        assert PlqExplainer(both).per == "contrast"
        assert PlqExplainer(both).gamma == 4.0
        assert PlqExplainer(both, per="intensity").gamma == 6.0
        assert PlqExplainer(both, gamma=7.0).per == "intensity"
        default = plq(both, faces, quality=quality)
        np.testing.assert_array_equal(
            default.maps, plq(both, faces, quality=quality, gamma=4.0, per="contrast").maps
        )
    assert not caplog.messages
    with load_model(path, gamma=6.0, **options) as paper:
        assert PlqExplainer(paper).per == PlqExplainer(paper).per == "intensity"
        with pytest.raises(
            NotCalibratedError,
            match="small has no γ, the scale of pixel quality per contrast; run `fiqx-trt calibrate",
        ):
            PlqExplainer(paper, per="contrast")
    assert caplog.messages == [
        "small has no γ per contrast, so its pixel quality is per intensity; run `fiqx-trt calibrate` on typical faces"
    ]
    with (
        load_model(path, gamma_contrast=4.0, **options) as ours,
        pytest.raises(NotCalibratedError, match="has no γ"),
    ):
        PlqExplainer(ours, per="intensity")


def test_colours_of_the_network_do_not_matter(path: Path, faces: np.ndarray) -> None:
    with load_model(path, mean=(90, 100, 110), std=(50, 60, 70), color="bgr", gamma=6.0, **QUICK) as model:
        found = plq(model, faces, quality=np.full(5, 0.5)).saliency
    net = reference.SmallNet(small_recogniser())
    want = reference.saliency(
        net,
        faces[0, :, :, ::-1].copy(),
        0.5,
        "l1",
        mean=torch.tensor([90.0, 100, 110]),
        std=torch.tensor([50.0, 60, 70]),
    )
    np.testing.assert_allclose(found[0], want, atol=2e-5 * want.max())


@pytest.mark.parametrize("weights", ["sum", "signed"])
def test_the_node_gives_the_quality_itself(model: Model, faces: np.ndarray, weights: str) -> None:
    quality = np.array([0.1, 0.3, 0.5, 0.7, 1.0])
    e = model.extract(faces).embedding.astype(np.float64)
    unit = e / np.linalg.norm(e, axis=1, keepdims=True)
    features = np.abs(unit) if weights == "signed" else unit
    np.testing.assert_allclose(node_scale(e, quality, weights) * features.sum(axis=1), quality, rtol=1e-9)


def test_default_quality_is_serfiq(model: Model, faces: np.ndarray) -> None:
    found, scaled = plq(model, faces), fx.serfiq(model, faces).scaled
    assert scaled is not None
    np.testing.assert_allclose(found.quality, scaled, atol=1e-5)
    given = plq(model, faces, quality=Quality(np.zeros(5), scaled))
    np.testing.assert_allclose(given.maps, found.maps, atol=1e-4)


# --- laws -------------------------------------------------------------------------------------------------------------


@pytest.mark.law
@pytest.mark.parametrize(
    ("weights", "backend"), [*((w, "onnxruntime") for w in ALL), ("l1", "openvino"), ("l1", "torch")]
)
def test_a_face_has_the_same_map_in_any_company(
    path: Path, faces: np.ndarray, weights: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with load_model(
        path, mean=MEAN, std=STD, color="rgb", alpha=30.0, r=0.55, backend=backend, max_batch=2
    ) as model:
        _same_in_any_company(model, faces, weights, monkeypatch)


def _same_in_any_company(
    model: Model, faces: np.ndarray, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"weights": weights, "gamma": 6.0, "per": "contrast"}  # per intensity is a factor of it
    whole = plq(model, faces, **options)
    monkeypatch.setattr(module, "BLOCK", 2)
    turned = plq(model, faces[::-1], **options)
    for i, face in enumerate(faces):
        alone = plq(model, face[None], **options)
        for other in (alone.maps[0], turned.maps[4 - i]):
            np.testing.assert_array_equal(whole.maps[i], other)
        assert alone.quality[0] == whole.quality[i] == turned.quality[4 - i]


def test_saliency_is_proportional_to_quality_but_for_exact(model: Model, faces: np.ndarray) -> None:
    half, full = np.full(5, 0.4), np.full(5, 0.8)
    for weights in ("l1", "sum", "signed"):
        a, b = (plq(model, faces, quality=q, weights=weights, gamma=6.0).saliency for q in (half, full))
        np.testing.assert_allclose(2 * a, b, rtol=1e-6)
    a, b = (plq(model, faces, quality=q, weights="exact", gamma=6.0).saliency for q in (half, full))
    np.testing.assert_array_equal(a, b)


def test_maps_are_not_rescaled_per_image(model: Model, faces: np.ndarray) -> None:
    quality = np.array([0.01, 1.0, 1.0, 1.0, 1.0])
    found = plq(model, faces, quality=quality, gamma=7.0)
    assert found.maps[0].max() < 0.1 < found.maps[1].max() < 1


def test_no_faces(model: Model) -> None:
    found = plq(model, np.zeros((0, 32, 32, 3), np.uint8))
    assert found.maps.shape == (0, 32, 32)
    assert len(found) == len(found.quality) == 0


def test_an_all_black_face(model: Model) -> None:
    found = plq(model, np.zeros((1, 32, 32, 3), np.uint8))
    assert np.isfinite(found.maps).all()
    assert np.isfinite(found.quality).all()


def constant(*, bias: bool) -> onnx.ModelProto:
    """The small network with weights of zero: its embedding is a constant, or zero."""
    graph = small_recogniser(norm=False)
    for tensor in graph.graph.initializer:
        values = np.zeros(tuple(tensor.dims), np.float32)
        if tensor.name == "b3" and bias:
            values[:] = 1
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    return graph


@pytest.mark.parametrize("weights", ALL)
@pytest.mark.parametrize("bias", [True, False])
def test_a_constant_network_gives_zero_and_no_nan(
    tmp_path: Path, faces: np.ndarray, weights: str, bias: bool
) -> None:
    path = save(constant(bias=bias), tmp_path / "constant.onnx")
    with load_model(path, mean=MEAN, std=STD, color="rgb", alpha=30, r=0.5, gamma=8.0, **QUICK) as model:
        found = plq(model, faces[:2], weights=weights)
    np.testing.assert_array_equal(found.maps, np.zeros((2, 32, 32)))


def test_a_quality_that_is_not_a_number_gives_zero(model: Model, faces: np.ndarray) -> None:
    found = plq(model, faces[:2], quality=np.array([np.nan, 0.5]))
    assert np.isnan(found.quality[0])
    assert found.maps[0].max() == 0 < found.maps[1].max()


def test_clipping_shortens_the_longest_gradients_and_says_so(model: Model, faces: np.ndarray) -> None:
    quality = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    scale = node_scale(gradients(model, faces).embedding, quality, "l1")
    norms = np.linalg.norm(gradients(model, faces).gradient.reshape(5, -1), axis=1) * scale
    limit = float(np.sort(norms)[1:3].mean())
    free, held = plq(model, faces, quality=quality), plq(model, faces, quality=quality, clip=limit)
    np.testing.assert_array_equal(held.clipped, norms > limit)
    factor = np.minimum(1, limit / norms)[:, None, None]
    np.testing.assert_allclose(held.saliency, free.saliency * factor, rtol=1e-5)


# --- calibration and errors -------------------------------------------------------------------------------------------


def test_a_model_without_alpha_and_r_says_what_to_do(path: Path, faces: np.ndarray) -> None:
    with load_model(path, mean=MEAN, std=STD, color="rgb", gamma=6.0, **QUICK) as model:
        with pytest.raises(NotCalibratedError, match=r"no α and r.*fiqx-trt calibrate.*give a quality"):
            plq(model, faces)
        assert plq(model, faces, quality=np.full(5, 0.5)).maps.max() > 0


def test_a_model_without_gamma_says_what_to_do(path: Path, faces: np.ndarray) -> None:
    with load_model(path, mean=MEAN, std=STD, color="rgb", alpha=30, r=0.5, **QUICK) as model:
        with pytest.raises(NotCalibratedError, match=r"no γ.*calibrate --weights signed.*or give --gamma"):
            plq(model, faces, weights="signed")
        assert plq(model, faces, gamma=6.0).maps.max() > 0


def test_everything_that_is_missing_is_named_at_once(path: Path, faces: np.ndarray) -> None:
    with (
        load_model(path, mean=MEAN, std=STD, color="rgb", **QUICK) as model,
        pytest.raises(NotCalibratedError, match=r"no γ, .* and no α and r, .*give --alpha, --r and --gamma"),
    ):
        plq(model, faces)


def test_gamma_belongs_to_a_weighting(path: Path, faces: np.ndarray) -> None:
    sidecar = path.with_suffix(".json")
    sidecar.write_text(
        '{"mean": [110, 110, 110], "std": [60, 60, 60], "color": "rgb", "template": "arcface", "alpha": 30, "r": 0.5,'
        ' "gamma": 6.0, "gamma_weights": "l1", "regions": {"nose": [0.1, 0.2, 0.3]}}'
    )
    try:
        with load_model(path, **QUICK) as model:
            assert plq(model, faces).maps.max() > 0
            with pytest.raises(NotCalibratedError, match=r"γ = 6 .*with the weighting 'l1', not with 'sum'"):
                plq(model, faces, weights="sum")
        with load_model(
            path, gamma=7.5, **QUICK
        ) as model:  # a γ of the user's own comes without the sidecar's weighting
            assert model.spec.gamma_weights == ""
            assert plq(model, faces, weights="sum").maps.max() > 0
    finally:
        sidecar.unlink()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "l2"}, "weights is 'l2'; choose one of l1, sum, signed, exact"),
        ({"gamma": 31.0}, "gamma is 31.0; give a number from -30 to 30"),
        ({"gamma": float("nan")}, "gamma is nan; give a number"),
        ({"clip": 0.0}, "clip is 0.0; give a norm above 0"),
        ({"quality": np.zeros(4)}, r"quality is float64 of shape \(4,\); give one number per face, \(5,\)"),
        ({"quality": np.array(["a"] * 5)}, "quality is <U1"),
        ({"quality": Quality(np.zeros(5))}, "the given quality is not scaled"),
    ],
)
def test_wrong_options_are_refused(model: Model, faces: np.ndarray, options: dict, message: str) -> None:
    with pytest.raises((InvalidInputError, NotCalibratedError), match=message):
        plq(model, faces, **options)


def test_wrong_faces_are_refused(model: Model) -> None:
    with pytest.raises(
        InvalidInputError, match=r"faces are float32 of shape \(1, 32, 32, 3\); small expects uint8 RGB"
    ):
        plq(model, np.zeros((1, 32, 32, 3), np.float32))


def test_a_method_without_a_scale_is_refused(model: Model, faces: np.ndarray) -> None:
    explainer = PlqExplainer(model, method=MagFace())
    with pytest.raises(InvalidInputError, match=r"magface gives no quality in \[0, 1\]"):
        explainer(faces)


def test_presets_are_the_papers() -> None:
    arcface, facenet = fx.PRESETS["arcface"], fx.PRESETS["facenet"]
    assert (arcface.alpha, arcface.r, arcface.gamma, arcface.weights) == (130, 0.88, 7.5, "sum")
    assert (facenet.alpha, facenet.r, facenet.gamma, facenet.weights) == (450, 0.93, 5.5, "sum")


# --- the faces of the paper's authors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("per", PER)
def test_a_covered_area_lies_below_the_uncovered_face(shared_faces: Path, per: str) -> None:
    from fiqx_trt.explain.regions import region_masks, region_means
    from fiqx_trt.faces.prepare import FacePreparer
    from fiqx_trt.faces.sources import Source

    with load_model("dlib-resnet", **QUICK) as model:
        prepare = FacePreparer(model.spec.input_size, model.spec.template)
        names = ("mask", "cap")
        faces = np.stack(
            [prepare(Source(str(shared_faces / "plq-aligned" / f"{n}.png")))[0].image for n in names]
        )
        found = plq(model, faces, per=per)
        masks = region_masks(model.spec.template, model.spec.input_size)
        means = region_means(found.maps, masks)
    assert means["mouth"][0] < 0.7 * means["eyes"][0]
    assert means["forehead"][1] < 0.5 * min(means[name][1] for name in ("eyes", "nose", "mouth", "cheeks"))
