"""Results that stay on the device: TensorRT on the fake GPU, torch on its own device."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.errors import DeviceMismatchError, InferenceError, InvalidInputError
from fiqx_trt.runtime import open_session
from fiqx_trt.runtime.device import DeviceSession
from fiqx_trt.runtime.graph import read_graph
from runtime.small_nets import images, residual_net
from runtime.tensorrt.conftest import Install
from runtime.tensorrt.fake_gpu import LEGACY, DeviceInput, read_device
from runtime.tensorrt.fake_world import World

NET = residual_net()
ROWS = [0, 1, 3, 4, 7, 9]


def opened() -> DeviceSession:
    session = open_session(NET, backend="tensorrt", precision="fp32", max_batch=4)
    assert isinstance(session, DeviceSession)
    return session


@pytest.mark.parametrize("rows", ROWS)
def test_the_same_bits_as_from_host_memory(latest: World, rows: int) -> None:
    x = images(rows)
    gpu = latest.gpu
    with opened() as session:
        expected = session.run({"image": x})
        copied = gpu.host_to_device, gpu.device_to_host
        given = DeviceInput(gpu, x)
        results = session.run_device({"image": given})
        gpu.drain(LEGACY)  # the caller's stream: all that the results wait for hangs behind it
        for name, value in expected.items():
            np.testing.assert_array_equal(read_device(gpu, results[name]), value)
            np.testing.assert_array_equal(results[name].to_host(), value)
            assert results[name].__cuda_array_interface__["stream"] == LEGACY
            results[name].close()
        assert gpu.host_to_device == copied[0]  # nothing was uploaded
        given.free()


def test_nothing_is_waited_for(latest: World) -> None:
    """Work is queued on the slots' streams behind the caller's, and has not run when the call returns."""
    gpu = latest.gpu
    with opened() as session:
        given = DeviceInput(gpu, images(3))
        (embedding, *_) = session.run_device({"image": given}).values()
        assert (read_device(gpu, embedding).view(np.uint8) == 0xAB).all()
        assert np.isfinite(embedding.to_host()).all()
        given.free()


def test_the_callers_stream_orders_the_work(latest: World) -> None:
    gpu = latest.gpu
    with opened() as session:
        x = images(5)
        expected = session.run({"image": x})
        gpu.push()
        caller = gpu.open_stream(1)
        gpu.pop()
        given = DeviceInput(gpu, x, stream=LEGACY)
        results = session.run_device({"image": given}, stream=caller)
        gpu.drain(caller)
        for name, value in expected.items():
            np.testing.assert_array_equal(read_device(gpu, results[name]), value)
            assert results[name].__cuda_array_interface__["stream"] == caller
        del results
        given.free()
        gpu.push()
        gpu.close_stream(caller)
        gpu.pop()


def row_sizes(session: DeviceSession) -> list[int]:
    return [4 * int(np.prod([d or 0 for d in i.shape[1:]])) for i in (*session.inputs, *session.outputs)]


def test_whole_runs_work_on_the_callers_own_memory(latest: World) -> None:
    """What is copied is the last run, of fewer rows than the engine's, with its padding."""
    gpu = latest.gpu
    with opened() as session:
        rows = row_sizes(session)
        for count, copied in ((8, []), (12, []), (9, [rows[0], rows[0], 2 * rows[0], *rows[1:]])):
            given, gpu.copied = DeviceInput(gpu, images(count)), []
            results = session.run_device({"image": given})
            assert sorted(gpu.copied) == sorted(copied)
            gpu.drain(LEGACY)
            for name, value in session.run({"image": images(count)}).items():
                np.testing.assert_array_equal(read_device(gpu, results[name]), value)
            del results
            given.free()


def test_host_arrays_after_device_arrays_use_the_slots_own_memory(latest: World) -> None:
    gpu = latest.gpu
    with opened() as session:
        expected = session.run({"image": images(4)})
        given = DeviceInput(gpu, -images(4))
        results = session.run_device({"image": given})
        gpu.drain(LEGACY)
        kept = {name: read_device(gpu, value).copy() for name, value in results.items()}
        for _ in range(2):  # both slots
            for name, value in session.run({"image": images(4)}).items():
                np.testing.assert_array_equal(value, expected[name])
        for name, value in kept.items():
            np.testing.assert_array_equal(read_device(gpu, results[name]), value)
        del results
        given.free()


def test_memory_between_tensorrts_addresses_is_copied(latest: World) -> None:
    gpu = latest.gpu
    with opened() as session:
        expected = session.run({"image": images(4)})
        shifted = np.concatenate([np.zeros(1, np.float32), images(4).ravel()])
        given, gpu.copied = DeviceInput(gpu, shifted), []
        interface = given.__cuda_array_interface__
        interface.update(shape=(4, 3, 32, 32), data=(given.pointer + 4, False))
        results = session.run_device({"image": given})
        assert gpu.copied == [images(4).nbytes]
        gpu.drain(LEGACY)
        for name, value in expected.items():
            np.testing.assert_array_equal(read_device(gpu, results[name]), value)
        del results
        given.free()


def test_two_runs_are_under_way_at_once(latest: World) -> None:
    """The second run waits for the caller's stream, not for the first run."""
    gpu = latest.gpu
    with opened() as session:
        slots = session._runner.streams  # type: ignore[attr-defined]
        expected = session.run({"image": images(8)})
        given = DeviceInput(gpu, images(8))
        results = session.run_device({"image": given})
        gpu.drain(slots[1])
        for name, value in expected.items():
            np.testing.assert_array_equal(read_device(gpu, results[name])[4:], value[4:])
            assert (read_device(gpu, results[name])[:4].view(np.uint8) == 0xAB).all()
        gpu.drain(LEGACY)
        del results
        given.free()


@pytest.mark.parametrize("caller", [None, 0, LEGACY])
def test_a_feed_may_be_overwritten_on_its_own_stream(latest: World, caller: int | None) -> None:
    """As when its owner drops it: the memory is given out again in the order of the feed's stream."""
    gpu = latest.gpu
    with opened() as session:
        x = images(5)
        expected = session.run({"image": x})
        gpu.push()
        own, other = gpu.open_stream(1), gpu.open_stream(1)
        gpu.pop()
        given = DeviceInput(gpu, x, stream=own)
        results = session.run_device({"image": given}, stream=other if caller is None else caller)
        gpu.push()
        gpu.queue(own, lambda: gpu.at(given.pointer, x.nbytes).fill(0xCD))
        gpu.drain(own)  # the run has not been waited for
        gpu.pop()
        for name, value in expected.items():
            np.testing.assert_array_equal(results[name].to_host(), value)
        del results
        given.free()
        gpu.push()
        gpu.close_stream(own)
        gpu.close_stream(other)
        gpu.pop()


def test_a_dropped_result_is_freed_after_the_streams_that_write_it(latest: World) -> None:
    gpu = latest.gpu
    with opened() as session:
        given = DeviceInput(gpu, images(2))
        before = len(gpu.blocks)
        session.run_device({"image": given})
        assert len(gpu.blocks) == before
        given.free()


@pytest.mark.parametrize("pycuda", [True, False])
def test_results_outlive_their_session(install: Install, pycuda: bool) -> None:
    given = DeviceInput(install(pycuda=pycuda).gpu, images(2))
    with opened() as session:
        expected = session.run({"image": images(2)})
        results = session.run_device({"image": given})
    for name, value in expected.items():
        np.testing.assert_array_equal(results[name].to_host(), value)
    given.free()


def test_an_array_in_host_memory_is_refused_with_the_cure(latest: World) -> None:
    with opened() as session:
        with pytest.raises(
            DeviceMismatchError, match=r"input 'image' is a ndarray in host memory.*: use run\(\)"
        ):
            session.run_device({"image": images(1)})
        device = DeviceInput(latest.gpu, images(1))
        with pytest.raises(
            DeviceMismatchError, match="is on a CUDA device, and this session takes arrays in host"
        ):
            session.run({"image": device})  # type: ignore[dict-item]
        device.free()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"typestr": "<f8"}, r"input 'image' is float64 \(2, 3, 32, 32\), the graph expects image: float32"),
        ({"shape": (2, 3, 32)}, r"input 'image' is float32 \(2, 3, 32\), the graph expects"),
        ({"strides": (4, 4, 4, 4)}, r"input 'image' is not C-contiguous: call \.contiguous\(\)"),
    ],
)
def test_a_device_array_that_does_not_fit(latest: World, change: dict[str, object], text: str) -> None:
    with opened() as session:
        given = DeviceInput(latest.gpu, images(2))
        given.__cuda_array_interface__.update(change)
        with pytest.raises(InvalidInputError, match=text):
            session.run_device({"image": given})
        given.free()


def test_a_feed_of_another_name(latest: World) -> None:
    with opened() as session:
        given = DeviceInput(latest.gpu, images(1))
        with pytest.raises(InvalidInputError, match=r"the feeds are named \['x'\], the graph's inputs"):
            session.run_device({"x": given})
        given.free()


def test_a_closed_session(latest: World) -> None:
    session = opened()
    session.close()
    with pytest.raises(InferenceError, match="this tensorrt session is closed"):
        session.run_device({})


def test_a_failing_run_leaves_nothing_behind(latest: World) -> None:
    with opened() as session:
        latest.faults.enqueue_fails = True
        given = DeviceInput(latest.gpu, images(2))
        with pytest.raises(InferenceError, match="TensorRT could not run"):
            session.run_device({"image": given})
        given.free()


# --- torch ---------------------------------------------------------------------------------------------------------


def on_torch(precision: str = "fp32") -> DeviceSession:
    """Open the network with a fixed batch: nothing is measured."""
    from fiqx_trt.runtime.torch import TorchSession

    return TorchSession(read_graph(NET), precision=precision, batch=4, threads=1)


@pytest.mark.parametrize("rows", ROWS)
def test_torch_gives_tensors_of_the_same_bits(rows: int) -> None:
    torch = pytest.importorskip("torch")
    x = images(rows)
    with on_torch() as session:
        expected = session.run({"image": x})
        results = session.run_device({"image": torch.from_numpy(x)})
    for name, value in expected.items():
        assert results[name].shape == value.shape
        np.testing.assert_array_equal(results[name].numpy(), value)


def test_torch_refuses_what_lies_elsewhere() -> None:
    torch = pytest.importorskip("torch")
    with on_torch() as session:
        with pytest.raises(DeviceMismatchError, match=r"is a ndarray that is not on cpu: use run\(\)"):
            session.run_device({"image": images(1)})
        with pytest.raises(
            InvalidInputError, match=r"input 'image' is float64 \(1, 3, 32, 32\), the graph expects"
        ):
            session.run_device({"image": torch.from_numpy(images(1)).double()})


def test_torch_in_bfloat16_gives_the_declared_type() -> None:
    torch = pytest.importorskip("torch")
    with on_torch("bf16") as session:
        for value in session.run_device({"image": torch.from_numpy(images(3))}).values():
            assert value.dtype == torch.float32


def test_the_other_backends_say_that_they_cannot() -> None:
    pytest.importorskip("openvino")
    with open_session(NET, backend="openvino", max_batch=1) as session:
        assert not isinstance(session, DeviceSession)
