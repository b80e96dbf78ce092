"""Everything that stays on the device: the same bits as in host memory, and nothing but faces on the way up.

On a GPU the network runs in torch. Where CUDA is emulated, it is the fake TensorRT on the extension's own memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fiqx_trt as fx
from fiqx_trt import _core, kernels
from fiqx_trt.explain import plq as plq_module
from fiqx_trt.explain.network import MASKED_ROWS, CamNetwork
from fiqx_trt.explain.plq import plq
from fiqx_trt.explain.recipe import PRESETS, TARGETS
from fiqx_trt.explain.recipe import WEIGHTS as CAM_WEIGHTS
from fiqx_trt.explain.scorecam import scorecam, scorecam_details
from fiqx_trt.models import Model, load_model, sessions
from fiqx_trt.models.gradients import WEIGHTS, gradients
from fiqx_trt.models.sessions import HEAD_FACES
from fiqx_trt.quality.base import create_method
from fiqx_trt.quality.magface import magface
from fiqx_trt.quality.serfiq import serfiq
from fiqx_trt.runtime.device_context import HOST, CudaContext
from fiqx_trt.statistics import MapStatistics
from reference import scorecam as reference
from runtime.tensorrt.conftest import Install
from runtime.tensorrt.shared_gpu import SharedGpu
from support.nets import DIMENSIONS, noise_faces, save, small_recogniser

pytestmark = pytest.mark.cuda

COUNT = 5
FACES = noise_faces(COUNT, seed=4)
SPEC = {"mean": 110.0, "std": 60.0, "color": "rgb", "alpha": 30.0, "r": 0.55, "gamma": 6.0}


@pytest.fixture
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """How a model is opened on the device that is here."""
    if _core.cuda_device_count() == 0:
        (pytest.fail if os.environ.get("FIQX_REQUIRE_CUDA") == "1" else pytest.skip)(_core.cuda_reason())
    if _core.cuda_emulated:
        monkeypatch.setenv("FIQX_EMULATED_STREAMS", "late")  # work runs when it is waited for, not before
        gpu = SharedGpu()
        install: Install = request.getfixturevalue("install")
        install(pycuda=False, gpu=gpu)
        return {"backend": "tensorrt", "device": "cuda", "precision": "fp32", "gpu": gpu}
    pytest.importorskip("torch")
    return {"backend": "torch", "device": "cuda", "precision": "fp32", "gpu": None}


def opened(device: dict[str, Any], path: Path, **options: Any) -> Model:
    given = {name: value for name, value in device.items() if name != "gpu"}
    return load_model(path, **given, **{"max_batch": 4, **SPEC, **options})


@pytest.fixture
def model(device: dict[str, Any], tmp_path: Path) -> Iterator[Model]:
    """A small recogniser."""
    with opened(device, save(small_recogniser(), tmp_path / "small.onnx")) as model:
        assert isinstance(model.context, CudaContext)
        yield model


@pytest.fixture
def cam(device: dict[str, Any], tmp_path: Path) -> Iterator[Model]:
    """The network of the Score-CAM reference: two of its channels are constant."""
    with opened(device, save(reference.graph(reference.net()), tmp_path / "cam.onnx")) as model:
        yield model


def on_host(model: Model, work: Any) -> Any:
    """Do the same with the same sessions and every array in host memory."""
    context = model.context
    model.context = HOST
    try:
        return work()
    finally:
        model.context = context


def same(a: Any, b: Any) -> None:
    np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert np.asarray(a).dtype == np.asarray(b).dtype


def both(model: Model, work: Any) -> tuple[Any, Any]:
    return work(), on_host(model, work)


# --- the same bits ----------------------------------------------------------------------------------------------------


def test_taps_and_embeddings(model: Model) -> None:
    here, there = both(model, lambda: model.extract(FACES))
    assert isinstance(here.taps.features, kernels.DeviceArray)
    for name in ("embedding", "pre_dropout", "features"):
        same(getattr(here, name), getattr(there, name))
    same(*both(model, lambda: model.embed(FACES)))
    same(*both(model, lambda: model.embed(FACES[:0])))


@pytest.mark.parametrize("options", [{"estimator": "sampled", "passes": 10}, {}])
@pytest.mark.parametrize("count", [0, 1, COUNT])
def test_serfiq(model: Model, options: dict[str, Any], count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fiqx_trt.quality.serfiq.EXPANDED_BYTES", 2 * 4 * 640 * 10)  # several groups
    here, there = both(model, lambda: serfiq(model, FACES[:count], **options))
    same(here.raw, there.raw)
    same(here.scaled, there.scaled)


@pytest.fixture
def half(device: dict[str, Any], tmp_path: Path) -> Iterator[Model]:
    """The small recogniser in half precision, without a limit of rows."""
    path = save(small_recogniser(), tmp_path / "small.onnx")
    with opened({**device, "precision": "fp16"}, path, max_batch=None) as model:
        yield model


def test_a_head_takes_several_faces_at_once_in_half_precision(half: Model, model: Model) -> None:
    head = half.head_session(4)
    assert (head.batch, head.precision) == (4 * HEAD_FACES, "fp16")
    assert any(note.startswith("linear layers in fp16: passed the parity gate") for note in head.notes)
    options = {"estimator": "sampled", "passes": 4}
    same(*(result.raw for result in both(half, lambda: serfiq(half, FACES, **options))))
    np.testing.assert_allclose(
        serfiq(half, FACES, **options).raw, serfiq(model, FACES, **options).raw, atol=2e-3
    )
    # A limit of rows is one of memory; and in float32 a head stays in float32.
    assert (model.head_session(4).batch, model.head_session(4).precision) == (4, "fp32")


def test_a_head_that_fails_the_parity_gate_stays_in_float32(
    half: Model, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sessions.parity, "compare", lambda *given: sessions.parity.Parity(0.9994, 0.1, True))
    assert half.head_session(6).precision == "fp32"
    assert (
        "the head runs in fp32, which is slower: in fp16 it failed the parity gate (cosine 0.9994"
        in caplog.text
    )


def test_magface_and_gradient(model: Model) -> None:
    same(*both(model, lambda: magface(model, FACES).raw))
    method = create_method("gradient")
    same(*both(model, lambda: method.score(model, FACES, None).raw))


@pytest.mark.parametrize(
    ("target", "weights"), [*((t, "score") for t in TARGETS), *(("self", w) for w in CAM_WEIGHTS[1:])]
)
def test_scorecam(cam: Model, target: str, weights: str) -> None:
    other = cam.embed(FACES[:1])[0] if target == "reference" else None
    agree(
        *both(cam, lambda: scorecam_details(cam, FACES[:2], target=target, weights=weights, reference=other))
    )


def test_masked_faces_come_in_larger_batches(device: dict[str, Any], tmp_path: Path) -> None:
    path = save(reference.graph(reference.net()), tmp_path / "cam.onnx")
    with opened(device, path, max_batch=None) as model:
        network = CamNetwork(model, None)
        assert network.embedder.batch == MASKED_ROWS > model.session(("features",)).batch
        assert network._window_rows() >= 2 * MASKED_ROWS  # two native runs under way
        agree(*both(model, lambda: scorecam_details(model, FACES[:1])))


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(cam: Model, preset: str) -> None:
    agree(*both(cam, lambda: scorecam_details(cam, FACES[:2], preset=preset)))


def agree(here: Any, there: Any) -> None:
    assert here.passes == there.passes
    for name in ("maps", "grids", "low", "high", "flat", "scores", "weights", "uniform_correlation"):
        assert isinstance(getattr(here, name), np.ndarray)
        same(getattr(here, name), getattr(there, name))


def test_scorecam_in_small_windows_and_groups(cam: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scorecam_details(cam, FACES)
    monkeypatch.setattr("fiqx_trt.explain.network.WINDOW_BYTES", 1)
    monkeypatch.setattr("fiqx_trt.explain.scorecam.GROUP_BYTES", 2 * 4 * reference.CHANNELS * 64)
    agree(whole, scorecam_details(cam, FACES))
    kept = scorecam(cam, FACES, on_device=True)
    assert isinstance(kept, kernels.DeviceArray)
    same(kept.to_host(), whole.maps)
    assert scorecam_details(cam, FACES[:0], on_device=True).maps.shape == (0, 32, 32)


def test_a_face_that_makes_no_map(device: dict[str, Any], tmp_path: Path) -> None:
    """Every channel constant: nothing is run, and the map is zero."""
    net = reference.net()
    net.w2[:] = 0
    with opened(device, save(reference.graph(net), tmp_path / "flat.onnx")) as model:
        for kept in (False, True):
            result = scorecam_details(model, FACES[:2], on_device=kept)
            assert result.flat.all()
            assert not np.asarray(result.maps).any()


@pytest.mark.parametrize("weights", WEIGHTS)
def test_plq(model: Model, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plq_module, "BLOCK", 2)
    given = {"quality": np.linspace(0.2, 0.9, COUNT), "clip": 0.01}
    for options in ({}, given, {**given, "per": "contrast"}):
        here, there = both(model, lambda o=options: plq(model, FACES, weights=weights, gamma=6.0, **o))
        for name in ("maps", "saliency", "quality", "clipped"):
            same(getattr(here, name), getattr(there, name))
        kept = plq(model, FACES, weights=weights, gamma=6.0, on_device=True, **options)
        assert isinstance(kept.maps, kernels.DeviceArray)
        same(kept.maps.to_host(), here.maps)
        same(kept.saliency.to_host(), here.saliency)
    same(*both(model, lambda: gradients(model, FACES, weights).gradient))


# --- what travels -----------------------------------------------------------------------------------------------------


def travelled(device: dict[str, Any], work: Any) -> tuple[int, int]:
    """Bytes up and down, those that the runtime copies included."""
    gpu = device["gpu"]

    def moved() -> tuple[int, int]:
        up, down = _core.traffic()
        return (up + gpu.host_to_device, down + gpu.device_to_host - gpu.probes) if gpu else (up, down)

    before = moved()
    work()
    after = moved()
    return after[0] - before[0], after[1] - before[1]


def test_only_faces_go_up_and_only_scores_come_down(device: dict[str, Any], model: Model) -> None:
    closed = create_method("serfiq")
    work = {
        "embed": (lambda: model.embed(FACES), 4 * DIMENSIONS * COUNT),
        "closed-form": (lambda: serfiq(model, FACES), 2 * 8 * COUNT),
        "sampled": (lambda: serfiq(model, FACES, estimator="sampled", passes=10), 8 * COUNT),
        "magface": (lambda: magface(model, FACES), 8 * COUNT),
        "a method given taps": (lambda: closed.score(model, FACES, model.extract(FACES)), 2 * 8 * COUNT),
    }
    for name, (call, down) in work.items():
        call()  # the column norms go up once per model
        assert travelled(device, call) == (FACES.nbytes, down), name


def test_what_maps_move(device: dict[str, Any], cam: Model, model: Model) -> None:
    """Beside the faces: which channels are run, for which face, and what they weigh; a number per channel each."""
    channels = COUNT * reference.CHANNELS
    pixels = 4 * 32 * 32 * COUNT
    scorecam_details(cam, FACES)  # opens the sessions
    up, down = travelled(device, lambda: scorecam_details(cam, FACES))
    assert FACES.nbytes <= up <= FACES.nbytes + channels * (8 + 4 + 4)
    small = channels * (1 + 8) + COUNT * (8 * 8 * 4 * 2 + 8)
    assert pixels <= down <= pixels + small
    up, down = travelled(device, lambda: scorecam_details(cam, FACES, on_device=True))
    assert up <= FACES.nbytes + channels * (8 + 4 + 4)
    assert down <= small
    quality = np.full(COUNT, 0.5)
    plq(model, FACES, quality=quality)  # opens the graph
    up, down = travelled(device, lambda: plq(model, FACES, quality=quality))
    assert up == FACES.nbytes + 8 * COUNT
    assert down == 2 * pixels + COUNT * (4 * DIMENSIONS + 1)
    up, down = travelled(device, lambda: plq(model, FACES, quality=quality, on_device=True))
    assert (up, down) == (FACES.nbytes + 8 * COUNT, COUNT * (4 * DIMENSIONS + 1))


class Waiting:
    """A stream that counts how often the host waits for it."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.count = stream, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def synchronize(self) -> None:
        self.count += 1
        self._stream.synchronize()


def test_the_host_waits_as_often_for_many_windows_as_for_one(
    cam: Model, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    for network, work, limit in (
        (cam, lambda: scorecam_details(cam, FACES), "fiqx_trt.explain.network.WINDOW_BYTES"),
        (
            model,
            lambda: serfiq(model, FACES, estimator="sampled", passes=4),
            "fiqx_trt.quality.serfiq.EXPANDED_BYTES",
        ),
    ):
        context = network.context
        assert isinstance(context, CudaContext)
        context._stream = waiting = Waiting(context._stream)  # type: ignore[assignment]
        work()  # opens the sessions
        counts = []
        for nbytes in (1 << 30, 1):
            monkeypatch.setattr(limit, nbytes)
            waiting.count = 0
            work()
            counts.append(waiting.count)
        assert counts[0] == counts[1] <= 8, limit


def test_maps_are_counted_where_they_are(device: dict[str, Any], cam: Model) -> None:
    maps = scorecam(cam, FACES, on_device=True)
    stats = MapStatistics((32, 32))
    stats.push(maps)
    assert travelled(device, lambda: stats.push(maps)) == (0, 8)
    expected = MapStatistics((32, 32))
    for _ in range(2):
        expected.push(maps.to_host())
    for name in ("mean", "std", "median", "median_std"):
        same(getattr(stats, name), getattr(expected, name))


# --- where it does not --------------------------------------------------------------------------------------------------


def test_a_model_says_why_its_arrays_are_in_host_memory(
    device: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(small_recogniser(), tmp_path / "small.onnx")
    monkeypatch.setattr(_core, "cuda_device_count", lambda: 0)
    monkeypatch.setattr(_core, "cuda_reason", lambda: "built without CUDA")
    with opened({**device}, path) as model:
        assert model.context is HOST
        assert model.notes[-1] == "masks, scores and maps are computed on the processor: built without CUDA"
        assert np.isfinite(fx.serfiq(model, FACES, estimator="sampled", passes=4).raw).all()
