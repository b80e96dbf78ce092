"""pycuda on the fake GPU: what is dropped instead of freed, where its context is not current, has leaked."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from runtime.tensorrt.fake_gpu import FakeGpu


def fake_pycuda(gpu: FakeGpu) -> dict[str, types.ModuleType]:  # noqa: C901 -- one small class after another
    """Return the modules ``pycuda`` and ``pycuda.driver``, by name."""
    package, driver = types.ModuleType("pycuda"), types.ModuleType("pycuda.driver")
    package.driver = driver  # type: ignore[attr-defined]

    class Context:
        def push(self) -> None:
            gpu.push()

        @staticmethod
        def pop() -> None:
            gpu.pop()

    class Device:
        def __init__(self, index: int) -> None:
            assert driver.initialised  # type: ignore[attr-defined]

        def retain_primary_context(self) -> Context:
            driver.retained += 1  # type: ignore[attr-defined]
            return Context()

    class Stream:
        def __init__(self, flags: int = 0) -> None:
            self.handle = gpu.open_stream(flags)

        def synchronize(self) -> None:
            gpu.need_context()
            gpu.drain(self.handle)

        def __del__(self) -> None:
            if gpu.stack():
                gpu.close_stream(self.handle)
            else:
                gpu.leaks += 1

    class DeviceAllocation:
        def __init__(self, nbytes: int) -> None:
            self.pointer: int | None = gpu.alloc(nbytes)

        def __int__(self) -> int:
            assert self.pointer is not None
            return self.pointer

        def free(self) -> None:
            gpu.free(int(self))
            self.pointer = None

        def __del__(self) -> None:
            if getattr(self, "pointer", None) is not None:
                gpu.leaks += 1  # dropped, not freed: the real one frees only where its context is current

    class PagelockedHostAllocation:
        def __init__(self, nbytes: int) -> None:
            self.pointer = gpu.alloc_pinned(nbytes)
            self.__array_interface__ = {
                "shape": (nbytes,), "typestr": "|u1", "data": (self.pointer, False), "version": 3
            }  # fmt: skip

        def free(self) -> None:
            gpu.free_pinned(self.pointer)

    def pagelocked_empty(shape: int, dtype: Any) -> np.ndarray:
        assert np.dtype(dtype) == np.uint8
        return np.asarray(PagelockedHostAllocation(shape))

    def init() -> None:
        driver.initialised = True  # type: ignore[attr-defined]

    driver.initialised, driver.retained = False, 0  # type: ignore[attr-defined]
    names = {
        "init": init, "Context": Context, "Device": Device, "Stream": Stream, "DeviceAllocation": DeviceAllocation,
        "mem_alloc": DeviceAllocation, "pagelocked_empty": pagelocked_empty,
        "mem_get_info": lambda: (gpu.free_bytes, 80 << 30),
        "memcpy_htod_async": lambda dest, src, stream: gpu.upload(dest, src.ctypes.data, src.nbytes, stream.handle),
        "memcpy_dtoh_async": lambda dest, src, stream: gpu.download(dest.ctypes.data, src, dest.nbytes, stream.handle),
        "memcpy_dtod_async": lambda dest, src, size, stream: gpu.copy(dest, src, size, stream.handle),
    }  # fmt: skip
    for name, value in names.items():
        setattr(driver, name, value)
    return {"pycuda": package, "pycuda.driver": driver}
