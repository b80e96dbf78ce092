"""Engines that return wrong numbers without an error, as real ones were reported to, and what becomes of them."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from fiqx_trt import runtime
from fiqx_trt.errors import BackendUnavailableError, ParityError
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.onnx_export.graphs.gradient import build_gradient
from fiqx_trt.onnx_export.graphs.taps import find_taps
from fiqx_trt.runtime import Session, open_session
from runtime.small_nets import images, residual_net
from runtime.tensorrt.fake_world import Mutation, World
from support.nets import SIZE, small_recogniser

NET = residual_net()
Results = dict[str, np.ndarray]


def opened(**options: object) -> Session:
    return open_session(NET, backend="tensorrt", **{"precision": "fp32", "max_batch": 4, **options})  # type: ignore[arg-type]


def infinite(results: Results) -> None:
    next(iter(results.values()))[0, 0] = np.inf


def missing(results: Results) -> None:
    next(iter(results.values()))[-1, 0] = np.nan


def second_row(results: Results) -> None:
    for value in results.values():
        value[1] = value[0]


def last_row(results: Results) -> None:
    for value in results.values():
        value[-1] *= -1


def doubled(results: Results) -> None:
    for value in results.values():
        value *= 2


def slightly_off(results: Results) -> None:
    """As TF32 would be: three digits."""
    rng = np.random.default_rng(0)
    for value in results.values():
        value *= 1 + 0.01 * rng.standard_normal(value.shape[1:]).astype(np.float32)


FAULTS: dict[str, tuple[Mutation, str]] = {
    "infinite": (infinite, "holds NaN or infinite values"),
    "missing": (missing, "holds NaN or infinite values"),
    "second row": (second_row, "a row alone and in a batch disagree"),
    "last row": (last_row, "equal rows of a batch disagree"),
    "doubled": (doubled, "TensorRT and the CPU disagree"),
    "slightly off": (slightly_off, "TensorRT and the CPU disagree in output .*wanted 0.99999"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_engine_is_built_once_more(
    latest: World, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    latest.faults.mutate, latest.faults.bad_builds = FAULTS[fault][0], 1
    with caplog.at_level(logging.INFO, logger="fiqx_trt"), opened() as session:
        assert any(note.startswith("self-test passed: cosine to the CPU 1.0") for note in session.notes)
    assert len(latest.builds) == 2
    assert any("building the engine again" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("fault", FAULTS)
def test_one_that_stays_wrong_is_an_error(latest: World, fault: str) -> None:
    mutate, text = FAULTS[fault]
    latest.faults.mutate, latest.faults.bad_builds = mutate, 2
    with pytest.raises(
        ParityError, match=f"self-test of the TensorRT engine failed: .*{text}.*also after building"
    ):
        opened()
    assert len(latest.builds) == 2


def test_auto_goes_on_to_the_next_backend_and_says_why(
    latest: World, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("openvino")
    runtime._say_once.cache_clear()
    latest.faults.mutate, latest.faults.bad_builds = doubled, 9
    with caplog.at_level(logging.INFO, logger="fiqx_trt.runtime"), open_session(NET, max_batch=4) as session:
        assert session.backend == "openvino"
        (note,) = [note for note in session.notes if note.startswith("tensorrt")]
        assert note.startswith("tensorrt on cuda skipped: the self-test of the TensorRT engine failed: ")
        assert "\n" not in note
    assert [record.getMessage() for record in caplog.records].count(note) == 1


def test_an_engine_from_the_cache_is_tested_too(latest: World) -> None:
    """The driver, the card or the memory may have changed under it."""
    opened().close()
    latest.faults.bad_builds = 0
    tests = latest.calls.count("IExecutionContext.execute_async_v3")
    opened().close()
    assert len(latest.builds) == 1
    assert latest.calls.count("IExecutionContext.execute_async_v3") == 2 * tests


def test_a_plan_that_went_bad_in_the_cache_is_built_again(latest: World) -> None:
    """A good run first, then the same plan acts up once: the fake marks it by its header."""
    latest.faults.mutate = doubled
    latest.faults.bad_builds = 1
    latest.faults.mutate = None  # harmless while the first session tests it
    opened().close()
    latest.faults.mutate = doubled
    opened().close()
    assert len(latest.builds) == 2


def by_place(results: Results) -> None:
    """Change the last bit of every other row."""
    for value in results.values():
        value[1::2] = np.nextafter(value[1::2], np.float32(np.inf))


def test_bits_that_depend_on_the_place_in_a_batch_mean_batch_one(latest: World) -> None:
    latest.faults.mutate, latest.faults.bad_builds = by_place, 1
    for builds in (2, 2):  # remembered: the second start opens batch 1 at once
        with opened() as session:
            assert session.batch == 1
            assert session.notes[1] == "batch 1: in a batch of 4 a row's bits depend on its position"
        assert len(latest.builds) == builds


def test_a_difference_that_the_user_accepts_keeps_the_batch(
    latest: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIQX_ROW_TOLERANCE", "1e-5")
    latest.faults.mutate, latest.faults.bad_builds = by_place, 1
    with opened() as session:
        assert (
            session.notes[1]
            == "batch 4: rows agree at any position to 1e-05 of the largest value (FIQX_ROW_TOLERANCE)"
        )


@pytest.mark.parametrize(("bad", "batch"), [(1, 8), (2, 1)])
def test_the_next_smaller_batch_is_tried_and_remembered(latest: World, bad: int, batch: int) -> None:
    latest.faults.mutate, latest.faults.bad_builds = by_place, bad
    notes = []
    for _ in range(2):
        with opened(max_batch=32) as session:
            assert session.batch == batch
            notes.append(session.notes[1])
        assert len(latest.builds) == bad + 1
    assert notes[0] == notes[1]
    assert notes[0].startswith(f"batch {batch}: in a batch of 32 a row's bits depend on its position")
    assert ("in a batch of 8" in notes[0]) == (batch == 1)


def test_half_precision_has_a_wider_limit(latest: World) -> None:
    latest.faults.mutate, latest.faults.bad_builds = slightly_off, 9
    with opened(precision="fp16") as session:
        assert session.precision == "fp16"


def test_the_reference_is_computed_once_per_graph(latest: World, monkeypatch: pytest.MonkeyPatch) -> None:
    opened().close()
    monkeypatch.setattr(runtime, "AUTO", ())
    opened(max_batch=2).close()  # another engine, the same graph and rows: nothing is run on the CPU
    with pytest.raises(BackendUnavailableError, match="no backend can run the given model as requested"):
        opened(probe={"image": images(2, seed=5)})


def test_the_probe_is_what_is_compared(latest: World) -> None:
    """A fault that shows on the given rows alone."""

    def on_bright(results: Results) -> None:
        for value in results.values():
            if np.abs(value).max() > 50:
                value *= -1

    latest.faults.mutate, latest.faults.bad_builds = on_bright, 3
    opened().close()
    with pytest.raises(ParityError, match="TensorRT and the CPU disagree"):
        opened(probe={"image": 100 * images(2)}, max_batch=3)


def test_a_gradient_may_differ_where_it_jumps_and_nothing_else_may(latest: World) -> None:
    """Correct runtimes differ by percents in single values of a rectifier network's gradient."""
    network = small_recogniser()
    gradient = build_gradient(network, find_taps(network), mean=[127.5] * 3, std=[127.5] * 3)
    probe = {"image": probe_faces((SIZE, SIZE)).transpose(0, 3, 1, 2).astype(np.float32)}
    latest.faults.mutate = lambda results: slightly_off({"gradient": results["gradient"]})
    latest.faults.bad_builds = 9
    options = {"backend": "tensorrt", "precision": "fp32", "probe": probe}
    open_session(gradient, max_batch=4, **options).close()  # type: ignore[arg-type]
    latest.faults.mutate = lambda results: slightly_off({"embedding": results["embedding"]})
    with pytest.raises(ParityError, match="TensorRT and the CPU disagree in output 'embedding'"):
        open_session(gradient, max_batch=3, **options)  # type: ignore[arg-type]
    latest.faults.mutate = lambda results: results["gradient"].__imul__(-1)
    with pytest.raises(ParityError, match="TensorRT and the CPU disagree in output 'gradient'"):
        open_session(gradient, max_batch=2, **options)  # type: ignore[arg-type]
