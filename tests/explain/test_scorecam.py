"""Score-CAM against its definition, and the presets against the programs they name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from fiqx_trt.errors import InvalidInputError, ModelError
from fiqx_trt.explain.network import CamNetwork
from fiqx_trt.explain.recipe import PRESETS, TARGETS, WEIGHTS
from fiqx_trt.explain.scorecam import scorecam, scorecam_details
from fiqx_trt.models import Model, load_model
from reference import scorecam as reference
from support.nets import noise_faces, save, small_recogniser

MEAN, STD = 110.0, 60.0
SIZE = reference.SIZE
COUNT = 5


@pytest.fixture(scope="module", autouse=True)
def _one_torch_thread() -> Iterator[None]:
    """Threads only slow such small tensors down."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def net() -> reference.Net:
    return reference.net()


@pytest.fixture(scope="module")
def path(net: reference.Net, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(reference.graph(net), tmp_path_factory.mktemp("cam") / "net.onnx")


@pytest.fixture(scope="module")
def model(path: Path) -> Iterator[Model]:
    # Of at most 4 rows, whatever tuning finds fastest: all masked faces would fit into one native run of 64.
    with load_model(path, mean=MEAN, std=STD, backend="onnxruntime", precision="fp32", max_batch=4) as opened:
        yield opened


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return noise_faces(COUNT, seed=3)


@pytest.fixture(scope="module")
def inputs(faces: np.ndarray) -> torch.Tensor:
    return torch.from_numpy((faces.transpose(0, 3, 1, 2).astype(np.float64) - MEAN) / STD)


# --- the definition ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("target", TARGETS)
def test_agrees_with_the_definition(
    model: Model, net: reference.Net, faces: np.ndarray, inputs: torch.Tensor, target: str, weights: str
) -> None:
    other = net(inputs[:1] * 0.5 + 0.2)
    given = other[0].numpy() if target == "reference" else None
    result = scorecam_details(model, faces, target=target, weights=weights, reference=given)
    assert result.maps.dtype == np.float32
    assert result.maps.shape == (COUNT, SIZE, SIZE)
    for i in range(COUNT):
        want, w = reference.definition(net, inputs[i : i + 1], target=target, weights=weights, other=other)
        np.testing.assert_allclose(result.weights[i], w, rtol=0, atol=2e-5 * max(1.0, np.abs(w).max()))
        np.testing.assert_allclose(result.maps[i], want.numpy(), rtol=0, atol=2e-4)
    assert result.passes == (0 if weights == "uniform" else COUNT * (reference.CHANNELS - 2))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_the_program_it_names(
    model: Model, net: reference.Net, faces: np.ndarray, inputs: torch.Tensor, preset: str
) -> None:
    maps = scorecam(model, faces, preset=preset)
    own = scorecam(model, faces)
    assert not np.isnan(maps).any()
    for i in range(COUNT):
        want = reference.PROGRAMS[preset](net, inputs[i : i + 1]).numpy()
        np.testing.assert_allclose(maps[i], want, rtol=0, atol=3e-4)
        assert np.abs(own[i] - want).max() > 0.01  # so the test can tell the programs apart


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_takes_another_target(
    model: Model, net: reference.Net, faces: np.ndarray, inputs: torch.Tensor, preset: str
) -> None:
    maps = scorecam(model, faces[:2], preset=preset, target="self")
    for i in range(2):
        want = reference.PROGRAMS[preset](net, inputs[i : i + 1], target="self").numpy()
        np.testing.assert_allclose(maps[i], want, rtol=0, atol=3e-4)


def test_presets_differ_from_each_other(model: Model, faces: np.ndarray) -> None:
    maps = [scorecam(model, faces, preset=preset) for preset in (None, *PRESETS)]
    for i in range(len(maps)):
        for j in range(i):
            assert np.abs(maps[i] - maps[j]).max() > 0.01


def test_aligned_corners_change_the_masks_only(
    model: Model, net: reference.Net, faces: np.ndarray, inputs: torch.Tensor
) -> None:
    result = scorecam_details(model, faces[:1], align_corners=True)
    a = net.features(inputs[:1])
    masks = reference.up(a, (SIZE, SIZE), align_corners=True)[0]
    own = net(inputs[:1])
    for k in range(reference.CHANNELS):
        if np.isnan(result.scores[0, k]):
            continue
        masked = net(inputs[:1] * reference.min_max(masks[k]))
        assert result.scores[0, k] == pytest.approx(float(torch.cosine_similarity(masked, own)[0]), abs=2e-5)


def test_another_layer_by_name(
    model: Model, net: reference.Net, faces: np.ndarray, inputs: torch.Tensor
) -> None:
    result = scorecam_details(model, faces[:2], layer="p1", weights="uniform")
    first = torch.nn.functional.prelu(
        torch.nn.functional.conv2d(inputs[:2], net.w1, stride=2, padding=1), net.slope1
    )
    assert result.grids.shape == (2, 16, 16)
    want = reference.min_max(reference.up(torch.relu(first.sum(1, keepdim=True)), (SIZE, SIZE))[0, 0])
    np.testing.assert_allclose(result.maps[0], want.numpy(), atol=1e-4)


# --- one face, any batch ----------------------------------------------------------------------------------------------


@pytest.mark.law
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("preset", [None, "pytorch-grad-cam"])
def test_a_face_has_one_map_whatever_the_batch(
    path: Path, faces: np.ndarray, backend: str, preset: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with load_model(path, mean=MEAN, std=STD, backend=backend) as model:
        together = scorecam_details(model, faces, preset=preset)
        backwards = scorecam_details(model, faces[::-1], preset=preset)
        alone = np.concatenate([scorecam(model, face[None], preset=preset) for face in faces])
        # Tiny windows and groups: masked copies of one face in several runs, faces in several groups.
        monkeypatch.setattr("fiqx_trt.explain.network.WINDOW_BYTES", 1)
        monkeypatch.setattr("fiqx_trt.explain.scorecam.GROUP_BYTES", 2 * 4 * reference.CHANNELS * 64)
        small = scorecam_details(model, faces, preset=preset)
    np.testing.assert_array_equal(together.maps, alone)
    np.testing.assert_array_equal(together.maps, backwards.maps[::-1])
    np.testing.assert_array_equal(together.maps, small.maps)
    np.testing.assert_array_equal(together.scores, small.scores)
    assert together.passes == small.passes


def test_no_faces_give_no_maps(model: Model) -> None:
    result = scorecam_details(model, np.zeros((0, SIZE, SIZE, 3), np.uint8))
    assert result.maps.shape == (0, SIZE, SIZE)
    assert result.weights.shape == (0, reference.CHANNELS)
    assert result.grids.shape == (0, 8, 8)
    assert len(result.compact()) == 0


def test_no_more_than_a_window_of_masked_faces_exists(
    model: Model, faces: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    session = CamNetwork(model, None).embedder
    run = session.run

    def spy(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        seen.append(len(feeds["image"]))
        return run(feeds)

    monkeypatch.setattr(session, "run", spy)
    monkeypatch.setattr("fiqx_trt.explain.network.WINDOW_BYTES", 4 * 3 * SIZE * SIZE * 6)
    scorecam(model, faces)
    window = max(6 // session.batch, 1) * session.batch
    assert set(seen[:-1]) <= {window}
    assert sum(seen) == COUNT * (reference.CHANNELS - 2)


def test_progress_counts_masked_faces(
    model: Model, faces: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiqx_trt.explain.network.WINDOW_BYTES", 4 * 3 * SIZE * SIZE * 16)
    told: list[tuple[int, int]] = []
    result = scorecam_details(model, faces, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (result.passes, result.passes)
    assert told == sorted(told)
    assert len(told) > 1


# --- what comes with the maps -----------------------------------------------------------------------------------------


def test_channels_without_contrast_are_not_run(model: Model, faces: np.ndarray) -> None:
    result = scorecam_details(model, faces)
    silent = [reference.CONSTANT, reference.EMPTY]
    assert np.isnan(result.scores[:, silent]).all()
    assert np.isfinite(np.delete(result.scores, silent, axis=1)).all()
    assert not result.weights[:, silent].any()


@pytest.mark.parametrize("weights", WEIGHTS)
def test_grids_and_their_two_numbers_give_the_maps(model: Model, faces: np.ndarray, weights: str) -> None:
    result = scorecam_details(model, faces, weights=weights)
    big = reference.up(torch.from_numpy(np.asarray(result.grids, np.float64))[None], (SIZE, SIZE))[0].numpy()
    span = (result.high - result.low)[:, None, None]
    np.testing.assert_allclose(result.maps, (big - result.low[:, None, None]) / span, rtol=0, atol=1e-6)
    np.testing.assert_allclose(result.compact().pixels(), result.maps, rtol=0, atol=1e-6)
    assert result.maps.min() == 0.0
    assert result.maps.max() == 1.0


@pytest.mark.parametrize("preset", ["pytorch-grad-cam", "torchcam"])
def test_presets_that_cut_off_on_the_grid_are_compact_too(
    model: Model, faces: np.ndarray, preset: str
) -> None:
    result = scorecam_details(model, faces, preset=preset)
    np.testing.assert_allclose(result.compact().pixels(), result.maps, rtol=0, atol=1e-6)


def test_effective_channels_and_correlation_with_the_uniform_map(model: Model, faces: np.ndarray) -> None:
    result = scorecam_details(model, faces, weights="increase")
    uniform = scorecam_details(model, faces, weights="uniform")
    for i in range(COUNT):
        w = result.weights[i]
        assert result.effective_channels[i] == pytest.approx(w.sum() ** 2 / (w**2).sum())
        want = np.corrcoef(result.maps[i].ravel(), uniform.maps[i].ravel())[0, 1]
        assert result.uniform_correlation[i] == pytest.approx(want, abs=1e-5)
    np.testing.assert_allclose(uniform.uniform_correlation, 1.0)
    np.testing.assert_allclose(uniform.effective_channels, reference.CHANNELS - 2)


def test_a_flat_map_is_zero_and_flagged(tmp_path: Path, faces: np.ndarray) -> None:
    net = reference.net()
    net.w2[:] = 0  # every channel is constant
    path = save(reference.graph(net), tmp_path / "flat.onnx")
    with load_model(path, mean=MEAN, std=STD, backend="onnxruntime") as model:
        for preset in (None, *PRESETS):
            result = scorecam_details(model, faces[:2], preset=preset)
            assert result.flat.all()
            assert not result.maps.any()
            assert np.isnan(result.uniform_correlation).all()
            assert result.passes == 0
            assert not result.compact().pixels().any()


def test_a_face_the_network_cannot_take_gives_zeros_not_nan(tmp_path: Path, faces: np.ndarray) -> None:
    net = reference.net()
    net.w3[0] = float("inf")
    path = save(reference.graph(net), tmp_path / "broken.onnx")
    with load_model(path, mean=MEAN, std=STD, backend="onnxruntime", precision="fp32") as model:
        for target in TARGETS[2:]:
            result = scorecam_details(model, faces[:2], target=target, weights="score")
            assert np.isfinite(result.maps).all()
            assert np.isfinite(result.weights).all()


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"target": "class"}, "target is 'class'; choose one of self, reference, argmax, norm, logit"),
        ({"weights": "gradient"}, "weights is 'gradient'; choose one of score, softmax, increase, uniform"),
        (
            {"preset": "keras"},
            "preset is 'keras'; choose one of scorecam-author, pytorch-grad-cam, torchcam, fu-damer",
        ),
        ({"target": "reference"}, "target='reference' and a reference belong together"),
        ({"reference": np.ones(12)}, "target='reference' and a reference belong together"),
        (
            {"target": "reference", "reference": np.ones((2, 12))},
            "the reference has shape (2, 12); give finite embeddings of shape (D,), or (5, D): one per face",
        ),
        (
            {"target": "reference", "reference": np.full(12, np.nan)},
            "the reference has shape (12,); give finite embeddings",
        ),
        (
            {"target": "reference", "reference": np.ones(7)},
            "the reference has 7 numbers and this model's embeddings have 12; give an embedding of the same model",
        ),
    ],
)
def test_errors_say_what_to_do(
    model: Model, faces: np.ndarray, options: dict[str, object], text: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        scorecam(model, faces, **options)  # type: ignore[arg-type]
    assert text in str(caught.value)


def test_faces_of_another_size(model: Model) -> None:
    with pytest.raises(InvalidInputError, match=r"expects uint8 RGB of shape \(N, 32, 32, 3\)"):
        scorecam(model, noise_faces(1, size=16))


def test_layers_that_make_no_masks(model: Model, faces: np.ndarray) -> None:
    with pytest.raises(
        ModelError, match=r"the layer 'pre_dropout' of .* has shape \(N, 640\); masks need a layer"
    ):
        scorecam(model, faces, layer="pre_dropout")
    with pytest.raises(ModelError, match="nothing"):
        scorecam(model, faces, layer="nothing")


def test_maps_cut_off_after_upsampling_are_not_compact(model: Model, faces: np.ndarray) -> None:
    result = scorecam_details(model, faces, preset="scorecam-author")
    if (result.grids < 0).any():
        with pytest.raises(InvalidInputError, match="cut off at 0 after upsampling"):
            result.compact()
    else:
        np.testing.assert_allclose(result.compact().pixels(), result.maps, atol=1e-6)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_grey_network_is_explained_as_the_colour_network_that_adds_its_channels(
    tmp_path: Path, weights: str
) -> None:
    grey, colour = small_recogniser(channels=1), small_recogniser(channels=1)
    kernel = next(t for t in colour.graph.initializer if t.name == "w1")
    values = onnx.numpy_helper.to_array(kernel)
    kernel.CopyFrom(onnx.numpy_helper.from_array(np.repeat(values / 3, 3, axis=1), "w1"))
    colour.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 3
    faces = np.repeat(noise_faces(2)[..., :1], 3, axis=-1)
    maps = []
    for name, network in (("grey", grey), ("colour", colour)):
        with load_model(save(network, tmp_path / f"{name}.onnx"), precision="fp32") as model:
            maps.append(scorecam(model, faces, weights=weights))
    np.testing.assert_allclose(maps[0], maps[1], atol=1e-3)
    assert np.ptp(maps[0]) > 0.5
