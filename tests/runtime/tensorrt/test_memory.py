"""Every kind of device memory does the same, and the order in which they are tried."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from fiqx_trt.errors import CudaError
from fiqx_trt.runtime import open_session
from fiqx_trt.runtime.tensorrt import memory
from fiqx_trt.runtime.tensorrt.driver import CudaDriver, Gpu
from fiqx_trt.runtime.tensorrt.memory import MEMORIES, Memory, PycudaMemory, open_memory
from runtime.small_nets import images, residual_net
from runtime.tensorrt.conftest import Install
from runtime.tensorrt.fake_driver import FakeDriverLibrary
from runtime.tensorrt.fake_gpu import FakeGpu
from runtime.tensorrt.fake_pycuda import fake_pycuda


@pytest.fixture
def gpu() -> Iterator[FakeGpu]:
    fake = FakeGpu()
    yield fake
    assert fake.balanced()
    assert not fake.blocks
    assert not fake.pinned
    assert set(fake.streams) == {1}
    memory._pycuda_device.cache_clear()


def install(kind: type[Memory], gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> Memory:
    for name, fake in fake_pycuda(gpu).items():
        monkeypatch.setitem(sys.modules, name, fake)
    assert kind.missing() is None
    return kind(CudaDriver(FakeDriverLibrary(gpu)), 0)


@pytest.fixture(params=MEMORIES, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> Memory:
    return install(request.param, gpu, monkeypatch)


def test_there_and_back(kind: Memory, gpu: FakeGpu) -> None:
    data = np.random.default_rng(0).integers(0, 256, 1000).astype(np.uint8)
    with kind.scope():
        stream = kind.open_stream()
        a, b = kind.alloc(1000), kind.alloc(1000)
        staged, back = kind.pinned(1000), kind.pinned(1000)
        assert a % 256 == b % 256 == 0
        staged[:] = data
        kind.upload(a, staged, stream)
        kind.copy(b + 100, a, 900, stream)
        kind.copy(b, a + 900, 100, stream)
        kind.download(back, b, stream)
        assert not np.array_equal(back[:], np.roll(data, 100))  # queued, not done
        kind.synchronize(stream)
        np.testing.assert_array_equal(back, np.roll(data, 100))
        assert kind.free_bytes() == gpu.free_bytes
        for array in (staged, back):
            kind.free_pinned(array)
        kind.free(a)
        kind.free(b)
        kind.close_stream(stream)


def test_a_stream_waits_for_another(kind: Memory) -> None:
    with kind.scope():
        first, second = kind.open_stream(), kind.open_stream()
        pointer, staged, back = kind.alloc(4), kind.pinned(4), kind.pinned(4)
        staged[:] = [1, 2, 3, 4]
        kind.upload(pointer, staged, first)
        kind.wait(second, first)
        kind.download(back, pointer, second)
        kind.synchronize(second)
        assert list(back) == [1, 2, 3, 4]
        for array in (staged, back):
            kind.free_pinned(array)
        kind.free(pointer)
        kind.close_stream(first)
        kind.close_stream(second)


def test_the_context_is_popped_whatever_happens(kind: Memory, gpu: FakeGpu) -> None:
    def fail() -> None:
        with kind.scope(), kind.scope():
            assert len(gpu.stack()) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert gpu.stack() == []


def test_threads_have_contexts_of_their_own(kind: Memory, gpu: FakeGpu) -> None:
    seen: list[int] = []

    def work() -> None:
        seen.append(len(gpu.stack()))
        with kind.scope():
            seen.append(len(gpu.stack()))

    with kind.scope():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(600)
    assert seen == [0, 1]


def test_memory_that_is_not_aligned_is_given_back(kind: Memory, gpu: FakeGpu) -> None:
    gpu.misalign = 64
    with (
        kind.scope(),
        pytest.raises(CudaError, match=f"{kind.name} gave memory at .*, not aligned to 256 bytes"),
    ):
        kind.alloc(10)
    assert not gpu.blocks


def test_the_primary_context_is_retained_once(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        install(PycudaMemory, gpu, monkeypatch) if not _ else PycudaMemory(
            CudaDriver(FakeDriverLibrary(gpu)), 0
        )
    assert sys.modules["pycuda.driver"].retained == 1


def test_pycuda_comes_before_the_driver(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = CudaDriver(FakeDriverLibrary(gpu))
    for name, fake in fake_pycuda(gpu).items():
        monkeypatch.setitem(sys.modules, name, fake)
    assert open_memory(driver, 0)[1] == "memory: pycuda"
    monkeypatch.setitem(sys.modules, "pycuda.driver", None)
    found, note = open_memory(driver, 0)
    assert type(found) is Memory
    assert note.startswith("memory: driver (pycuda: pycuda is not installed (")


@pytest.mark.parametrize("pycuda", [True, False])
def test_a_session_runs_on_either(install: Install, pycuda: bool) -> None:
    install(pycuda=pycuda)
    net = residual_net()
    with open_session(net, backend="tensorrt", precision="fp32", max_batch=2) as session:
        assert session.notes[-1].startswith(
            "memory: pycuda" if pycuda else "memory: driver (pycuda: pycuda is not"
        )
        assert np.isfinite(session.run({"image": images(5)})[session.outputs[0].name]).all()


# --- the driver ----------------------------------------------------------------------------------------------------


def test_the_driver_describes_the_card(gpu: FakeGpu) -> None:
    driver = CudaDriver(FakeDriverLibrary(gpu, devices=2))
    assert driver.count() == 2
    assert driver.gpu(1) == Gpu("Fake H1", "9.0", 132, driver.version())
    assert driver.version().startswith("13.0")


def test_a_failing_call_says_which_and_why(gpu: FakeGpu) -> None:
    driver = CudaDriver(FakeDriverLibrary(gpu))
    with pytest.raises(CudaError, match=r"cuDeviceGet failed: invalid device ordinal \(101\)"):
        driver.gpu(5)
    with pytest.raises(CudaError, match=r"cuMemAlloc_v2 failed: invalid device context \(201\)"):
        driver.allocate(10)
    with pytest.raises(CudaError, match=r"cuCtxPopCurrent_v2 failed"):
        driver.pop()
