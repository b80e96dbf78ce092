"""CUDA graphs on the fake GPU, which records what is queued, runs it when launched, and refuses what CUDA refuses."""

from __future__ import annotations

import numpy as np
import pytest

from fiqx_trt.errors import CudaError
from fiqx_trt.runtime import open_session
from fiqx_trt.runtime.device import DeviceSession
from fiqx_trt.runtime.tensorrt.driver import CudaDriver
from runtime.small_nets import images, residual_net
from runtime.tensorrt.fake_driver import FakeDriverLibrary
from runtime.tensorrt.fake_gpu import LEGACY, DeviceInput, FakeGpu, read_device
from runtime.tensorrt.fake_world import World

NET = residual_net()
EMBEDDING = NET.graph.output[0].name


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIQX_CUDA_GRAPHS", "1")


def opened() -> DeviceSession:
    session = open_session(NET, backend="tensorrt", precision="fp32", max_batch=4)
    assert isinstance(session, DeviceSession)
    return session


def executed(world: World) -> int:
    return world.calls.count("IExecutionContext.execute_async_v3")


def test_results_are_those_of_plain_launches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    x = images(11)
    with opened() as session:
        assert "CUDA graphs: recorded" in session.notes
        recorded, before = session.run({"image": x}), world.gpu.launches
        assert before > 0
        session.run({"image": x})
        assert world.gpu.launches == before + 3
        assert executed(world) == 2 * 2  # the engine itself: once to warm up and once to record, in each slot
    monkeypatch.setenv("FIQX_CUDA_GRAPHS", "0")
    launches = world.gpu.launches
    with opened() as session:
        assert not any("CUDA graph" in note for note in session.notes)
        plain = session.run({"image": x})
        assert world.gpu.launches == launches
    for name, value in plain.items():
        np.testing.assert_array_equal(recorded[name], value)


def test_device_arrays_run_through_the_recording(latest: World) -> None:
    x = images(10)
    with opened() as session:
        want = session.run({"image": x})[EMBEDDING]
        given, launches = DeviceInput(latest.gpu, x), latest.gpu.launches
        results = session.run_device({"image": given})
        assert latest.gpu.launches == launches + 3
        latest.gpu.drain(LEGACY)
        np.testing.assert_array_equal(read_device(latest.gpu, results[EMBEDDING]), want)
        for result in results.values():
            result.close()
        given.free()


def test_what_cannot_be_recorded_runs_without(world: World) -> None:
    x = images(5)
    with opened() as session:
        want = session.run({"image": x})
    world.faults.enqueue_allocates = True
    with opened() as session:
        (note,) = (note for note in session.notes if "CUDA graph" in note)
        assert note.startswith("no CUDA graph: TensorRT could not run")
        assert "capturing" in note
        launches = world.gpu.launches
        for name, value in session.run({"image": x}).items():
            np.testing.assert_array_equal(value, want[name])
        assert world.gpu.launches == launches


def test_a_failed_recording_leaves_the_stream_usable() -> None:
    gpu = FakeGpu()
    driver = CudaDriver(FakeDriverLibrary(gpu))
    driver.push(0)
    stream = driver.open_stream()
    with pytest.raises(CudaError, match="capturing"):
        driver.record(stream, lambda: driver.synchronize(stream))
    with pytest.raises(ZeroDivisionError):
        driver.record(stream, lambda: [][1 // 0])
    done: list[int] = []
    graph = driver.record(stream, lambda: gpu.queue(stream, lambda: done.append(1)))
    driver.synchronize(stream)
    assert not done, "recording ran the work"
    driver.launch(graph, stream)
    driver.launch(graph, stream)
    driver.synchronize(stream)
    assert done == [1, 1]
    driver.destroy_graph(graph)
    assert not gpu.graphs
    assert not gpu.recordings
