"""A fake GPU with a fake TensorRT of each supported version, in the place of the real ones."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fiqx_trt import runtime
from fiqx_trt.runtime import machine
from fiqx_trt.runtime.tensorrt import driver, memory, opening, probe
from runtime.tensorrt.fake_driver import FakeDriverLibrary
from runtime.tensorrt.fake_gpu import FakeGpu
from runtime.tensorrt.fake_pycuda import fake_pycuda
from runtime.tensorrt.fake_tensorrt import fake_tensorrt
from runtime.tensorrt.fake_world import World
from runtime.tensorrt.signatures import VERSIONS

Install = Callable[..., World]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Install]:
    """Put a fake TensorRT of a version in place; afterwards nothing may be left on the GPU."""
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path / "cache"))
    worlds: list[World] = []

    def put(version: str = VERSIONS[-1], *, pycuda: bool = True, gpu: FakeGpu | None = None) -> World:
        gpu = gpu or FakeGpu()
        module, world = fake_tensorrt(version, gpu)
        library = driver.CudaDriver(FakeDriverLibrary(gpu))
        monkeypatch.setitem(sys.modules, "tensorrt", module)
        for name, fake in fake_pycuda(gpu).items():
            monkeypatch.setitem(sys.modules, name, fake if pycuda else None)  # type: ignore[arg-type]
        for place in (machine, runtime):
            monkeypatch.setattr(place, "cuda_missing", lambda: None)
        for user in (probe, opening):
            monkeypatch.setattr(user, "open_driver", lambda: library)
        monkeypatch.setattr(runtime, "AUTO", (("tensorrt", "cuda"), *runtime.AUTO[2:]))
        worlds.append(world)
        return world

    yield put
    gc.collect()
    for world in worlds:
        assert world.gpu.balanced(), "a context was pushed and not popped"
        assert not world.gpu.blocks, "device memory was not freed"
        assert not world.gpu.pinned, "page-locked memory was not freed"
        assert not world.gpu.graphs, "a CUDA graph was not destroyed"
        assert not world.gpu.recordings, "a stream is still being recorded"
        assert not world.gpu.wild, "a stream was used after it was closed"
        assert not world.gpu.leaks, "an object was dropped where its context is not current"
        assert set(world.gpu.streams) == {1}, "a stream was not closed"
    memory._pycuda_device.cache_clear()


@pytest.fixture(params=VERSIONS)
def world(request: pytest.FixtureRequest, install: Install) -> World:
    """Every supported version, with pycuda."""
    return install(request.param)


@pytest.fixture
def latest(install: Install) -> World:
    """The newest version, with pycuda."""
    return install()
