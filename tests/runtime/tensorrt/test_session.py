"""The whole runner on the fake GPU: laws, streams, threads, memory, errors; for each supported version."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from onnx import TensorProto, helper

from fiqx_trt.errors import (
    BackendError,
    BackendUnavailableError,
    InferenceError,
    InvalidInputError,
    ModelError,
)
from fiqx_trt.runtime import Session, open_session
from runtime.small_nets import convolutional_net, images, model, residual_net
from runtime.tensorrt.fake_world import World
from runtime.test_backends import assert_law

NET = residual_net()
EMBEDDING = NET.graph.output[0].name


def opened(net: object = NET, **options: object) -> Session:
    options = {"precision": "fp32", "max_batch": 4, **options}
    return open_session(net, backend="tensorrt", **options)  # type: ignore[arg-type]


@pytest.fixture
def want() -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    def run(x: np.ndarray) -> dict[str, np.ndarray]:
        with open_session(NET, backend="onnxruntime", max_batch=1) as reference:
            return reference.run({"image": x})

    return run


def test_any_number_of_rows_comes_out_as_on_the_cpu(
    world: World, want: Callable[..., dict[str, np.ndarray]]
) -> None:
    x = images(11)
    expected = want(x)
    with opened() as session:
        assert (session.backend, session.device, session.precision, session.batch) == (
            "tensorrt",
            "cuda",
            "fp32",
            4,
        )
        for start, stop in ((0, 11), (0, 1), (3, 7), (4, 4), (2, 11)):
            for name, value in session.run({"image": x[start:stop]}).items():
                np.testing.assert_allclose(value, expected[name][start:stop], rtol=1e-5, atol=1e-5)
                assert value.flags.writeable


def test_a_row_does_not_depend_on_the_others(latest: World) -> None:
    with opened() as session:
        assert_law(session, "image", images(9))


def test_a_network_is_built_as_the_notes_on_tensorrt_say(world: World) -> None:
    opened().close()
    (build,) = world.builds
    assert build["flags"] == ["STRONGLY_TYPED"]  # alone: version 11 has no flag for an explicit batch
    assert not build["tf32"]
    assert build["workspace"] == 4 << 30
    assert build["aux"] == 0
    assert build["profile"] == {"image": (4, 3, 32, 32)}
    assert not build["half"]


def test_the_workspace_is_at_most_half_of_what_is_free(latest: World) -> None:
    latest.gpu.free_bytes = 3 << 30
    opened().close()
    assert latest.builds[0]["workspace"] == 3 << 29


def test_shapes_and_addresses_are_told_once_per_slot(latest: World) -> None:
    with opened() as session:
        for _ in range(3):
            session.run({"image": images(9)})
        assert latest.calls.count("IExecutionContext.set_input_shape") == 2
        assert latest.calls.count("IExecutionContext.set_tensor_address") == 2 * 4
        assert latest.calls.count("IExecutionContext.execute_async_v3") > 6


def test_results_belong_to_the_caller(latest: World) -> None:
    with opened() as session:
        first = session.run({"image": images(4)})
        kept = {name: value.copy() for name, value in first.items()}
        session.run({"image": images(4, seed=99)})
        for name, value in kept.items():
            np.testing.assert_array_equal(first[name], value)


def test_threads_share_a_session_and_open_their_own(latest: World) -> None:
    x = images(6)
    with opened() as session, ThreadPoolExecutor(4) as pool:
        expected = session.run({"image": x})
        for got in pool.map(lambda _: session.run({"image": x}), range(8)):
            for name, value in expected.items():
                np.testing.assert_array_equal(got[name], value)

        def own(_: int) -> dict[str, np.ndarray]:
            with opened() as mine:
                return mine.run({"image": x})

        for got in pool.map(own, range(4)):
            for name, value in expected.items():
                np.testing.assert_array_equal(got[name], value)
    assert len(latest.builds) == 1  # the others waited for the lock and loaded


def test_half_precision_is_in_the_file(world: World, want: Callable[..., dict[str, np.ndarray]]) -> None:
    x = images(5)
    with opened(precision="fp16") as session:
        assert session.precision == "fp16"
        assert session.inputs[0].dtype == np.float32
        for name, value in session.run({"image": x}).items():
            assert value.dtype == np.float32
            np.testing.assert_allclose(value, want(x)[name], rtol=0, atol=0.1)
    assert world.builds[0]["half"]


def test_auto_takes_half_precision_only_where_a_probe_agrees(latest: World) -> None:
    probe = {"image": images(3)}
    with opened(precision="auto") as session:
        assert session.precision == "fp32"
        assert session.notes[0] == "fp32: no probe faces were given to compare fp16 on"
    with opened(precision="auto", probe=probe) as session:
        assert session.precision == "fp16"
        assert session.notes[0] == "fp16: passed the self-test against fp32 on the CPU"
        assert any(note.startswith("self-test passed: cosine to the CPU 0.99") for note in session.notes)


def test_auto_remembers_that_half_precision_disagrees(latest: World) -> None:
    def spoil(results: dict[str, np.ndarray]) -> None:
        for value in results.values():
            value[...] = np.sign(value)

    latest.faults.mutate, latest.faults.bad_builds = spoil, 2
    for builds in (3, 3):
        with opened(precision="auto", probe={"image": images(3)}) as session:
            assert session.precision == "fp32"
            assert "TensorRT and the CPU disagree" in session.notes[0]
        assert len(latest.builds) == builds


@pytest.mark.parametrize("batch", [1, 3])
def test_a_static_batch_is_kept(latest: World, batch: int) -> None:
    x = images(4)
    with opened(residual_net(batch=batch)) as session, opened() as free:
        assert session.batch == batch
        free_results = free.run({"image": x})
        for name, value in session.run({"image": x}).items():
            np.testing.assert_allclose(value, free_results[name], rtol=1e-4, atol=1e-4)


def test_types_other_than_float(latest: World) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f"], ["m"], axes=[1], keepdims=1),
        helper.make_node("Greater", ["f", "m"], ["y"]),
    ]
    types = {"x": TensorProto.UINT8, "y": TensorProto.BOOL}
    net = model(nodes, {"x": ("N", 5)}, {"y": ("N", 5)}, types=types)
    x = np.random.default_rng(0).integers(0, 256, (6, 5)).astype(np.uint8)
    with opened(net) as session:
        np.testing.assert_array_equal(session.run({"x": x})["y"], x > x.mean(axis=1, keepdims=True))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_file_of_a_newer_version_is_given_as_one_that_is_read(latest: World, precision: str) -> None:
    net = residual_net()
    net.ir_version = 11
    opened(net, precision=precision).close()
    assert latest.builds[0]["ir_version"] == 10


def test_a_free_image_size_is_refused_with_the_reason(latest: World) -> None:
    with pytest.raises(
        ModelError, match="the TensorRT backend takes graphs with one input size; the given model"
    ):
        opened(convolutional_net())


@pytest.mark.parametrize("precision", ["bf16"])
def test_a_precision_that_is_not_offered(latest: World, precision: str) -> None:
    with pytest.raises(
        BackendUnavailableError, match=r"'bf16' is not available.* in fp32 or fp16: use precision='auto'"
    ):
        opened(precision=precision)


def test_a_graph_that_the_parser_refuses_names_the_node(latest: World) -> None:
    latest.faults.unknown_operators = ("PRelu",)
    with pytest.raises(
        ModelError,
        match=r"cannot read the given model: node 2 'prelu2' \(PRelu\): no importer registered for op",
    ):
        opened()


def test_a_failed_build_carries_the_logs_tail(latest: World) -> None:
    latest.faults.build_fails = True
    with pytest.raises(BackendError, match=r"cannot build an engine of the given model: .*Error Code 10"):
        opened()


def test_a_batch_that_cannot_be_built_becomes_one(latest: World) -> None:
    latest.faults.largest_batch = 3
    with opened() as session:
        assert session.batch == 1
        assert session.notes[1].startswith(
            "batch 1: a batch of 4 cannot be allocated (TensorRT cannot build an engine"
        )
        assert session.run({"image": images(5)})[EMBEDDING].shape == (5, 64)


def test_a_batch_that_cannot_be_built_becomes_the_next_smaller_one(
    latest: World, caplog: pytest.LogCaptureFixture
) -> None:
    latest.faults.largest_batch = 8
    with opened(max_batch=32) as session:
        assert session.batch == 8
        assert session.notes[1].startswith(
            "batch 8: a batch of 32 cannot be allocated (TensorRT cannot build"
        )
        assert session.run({"image": images(11)})[EMBEDDING].shape == (11, 64)
    (warned,) = [record.getMessage() for record in caplog.records if "slower" in record.getMessage()]
    assert warned.startswith(
        "TensorRT runs 8 rows at a time instead of 32, which is slower: a batch of 32 cannot"
    )


def test_no_memory_for_a_context(latest: World) -> None:
    latest.faults.no_contexts = True
    with pytest.raises(BackendError, match="no memory for another context: Error Code 2: OutOfMemory"):
        opened(max_batch=1)


def test_no_memory_for_the_buffers(latest: World) -> None:
    latest.gpu.free_bytes = 1000
    with pytest.raises(BackendError, match="TensorRT failed while opening the given model: out of memory"):
        opened(max_batch=1)


def test_memory_that_is_not_aligned_is_refused(latest: World) -> None:
    latest.gpu.misalign = 16
    with pytest.raises(
        BackendError,
        match=r"while opening the given model: pycuda gave memory at 0x[0-9a-f]+, not aligned to 256 bytes",
    ):
        opened(max_batch=1)


def test_a_failing_run_is_told_and_the_session_goes_on(latest: World) -> None:
    with opened() as session:
        latest.faults.enqueue_fails = True
        with pytest.raises(InferenceError, match="TensorRT could not run: Error Code 1: enqueueV3 failed"):
            session.run({"image": images(3)})
        latest.faults.enqueue_fails = False
        assert np.isfinite(session.run({"image": images(3)})[EMBEDDING]).all()


def test_a_feed_that_does_not_fit_is_refused_before_the_gpu_sees_it(latest: World) -> None:
    with opened() as session:
        with pytest.raises(InvalidInputError, match="has dtype float64"):
            session.run({"image": images(1).astype(np.float64)})
        session.close()
        session.close()
        with pytest.raises(InferenceError, match="this tensorrt session is closed"):
            session.run({"image": images(1)})


def test_everything_is_freed_by_a_session_that_nobody_closed(latest: World) -> None:
    session = opened()
    assert latest.gpu.blocks
    del session  # the fixture looks at what is left


def test_contexts_go_before_the_engine(latest: World) -> None:
    session = opened()
    kinds = {type(thing).__name__ for thing in latest.alive}
    assert {"ICudaEngine", "IExecutionContext"} <= kinds
    session.close()
    assert not {type(thing).__name__ for thing in latest.alive} & {
        "ICudaEngine",
        "IExecutionContext",
        "Runtime",
    }
