"""Device memory, copies and streams behind one small set of calls.

pycuda is used where it is installed, the driver's own library elsewhere. They differ in who owns the memory. Call every
method but :meth:`Memory.scope` inside that scope, which pushes the device's primary context and pops it again.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import CudaError, reraise_interruption
from fiqx_trt.runtime.tensorrt.driver import NON_BLOCKING, CudaDriver

__all__ = ["ALIGNMENT", "MEMORIES", "Memory", "open_memory"]

#: What TensorRT asks of every address, in bytes.
ALIGNMENT = 256

Bytes = NDArray[np.uint8]


class Memory:
    """Memory, copies and streams of one device by the driver's own calls; every method raises CudaError where one fails."""

    name = "driver"

    def __init__(self, driver: CudaDriver, index: int) -> None:
        self.driver = driver
        self.index = index
        #: Streams of `open_stream` that are not closed; the driver may crash on the handle of one that is.
        self.streams: set[int] = set()

    @classmethod
    def missing(cls) -> str | None:
        """Return why this kind cannot be used here, or None when it can."""
        return None

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Make the primary context current in this thread; it is popped at the end of the block."""
        self.driver.push(self.index)
        try:
            yield
        finally:
            self.driver.pop()

    def alloc(self, nbytes: int) -> int:
        """Return the address of device memory, a multiple of :data:`ALIGNMENT`."""
        pointer = self._alloc(max(nbytes, 1))
        if pointer % ALIGNMENT:
            self.free(pointer)
            raise CudaError(f"{self.name} gave memory at {pointer:#x}, not aligned to {ALIGNMENT} bytes")
        return pointer

    def free(self, pointer: int) -> None:
        """Free device memory; no queued work may use it."""
        self.driver.free(pointer)

    def pinned(self, nbytes: int) -> Bytes:
        """Return page-locked host memory, for copies at full speed that do not block the host."""
        pointer = self.driver.allocate_pinned(max(nbytes, 1))
        return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(pointer))

    def free_pinned(self, array: Bytes) -> None:
        """Free the result of `pinned`; nothing may use it any more."""
        self.driver.free_pinned(array.ctypes.data)

    def upload(self, target: int, source: Bytes, stream: int) -> None:
        """Queue a copy from page-locked host memory to the device."""
        self.driver.upload(target, source.ctypes.data, source.nbytes, stream)

    def download(self, target: Bytes, source: int, stream: int) -> None:
        """Queue a copy from the device to page-locked host memory."""
        self.driver.download(target.ctypes.data, source, target.nbytes, stream)

    def copy(self, target: int, source: int, nbytes: int, stream: int) -> None:
        """Queue a copy within the device."""
        self.driver.copy(target, source, nbytes, stream)

    def open_stream(self) -> int:
        """Return the handle of a new stream that does not wait for the default one."""
        stream = self._open_stream()
        self.streams.add(stream)
        return stream

    def close_stream(self, stream: int) -> None:
        """Destroy a stream of `open_stream`."""
        self.streams.discard(stream)
        self._close_stream(stream)

    def synchronize(self, stream: int) -> None:
        """Block until a stream of `open_stream` is idle."""
        self.driver.synchronize(stream)

    def wait(self, stream: int, other: int) -> None:
        """Make a stream wait, on the device, for all work queued on another stream so far."""
        self.driver.wait(stream, other)

    def free_bytes(self) -> int:
        """Return how much of the device's memory is free."""
        return self.driver.free_bytes()

    def _alloc(self, nbytes: int) -> int:
        return self.driver.allocate(nbytes)

    def _open_stream(self) -> int:
        return self.driver.open_stream()

    def _close_stream(self, stream: int) -> None:
        self.driver.close_stream(stream)


class PycudaMemory(Memory):
    """Memory, copies and streams by pycuda."""

    name = "pycuda"

    def __init__(self, driver: CudaDriver, index: int) -> None:
        super().__init__(driver, index)
        self._cuda, self._context = _pycuda(index)
        self._blocks: dict[int, Any] = {}
        self._streams: dict[int, Any] = {}

    @classmethod
    def missing(cls) -> str | None:
        try:
            import pycuda.driver  # noqa: F401
        except ImportError as error:
            reraise_interruption(error)
            return f"pycuda is not installed ({error})"
        return None

    @contextmanager
    def scope(self) -> Iterator[None]:
        self._context.push()
        try:
            yield
        finally:
            self._cuda.Context.pop()

    def free(self, pointer: int) -> None:
        # Freed here, inside the scope: an allocation that Python drops elsewhere has no context and leaks.
        self._blocks.pop(pointer).free()

    def pinned(self, nbytes: int) -> Bytes:
        array: Bytes = self._cuda.pagelocked_empty(max(nbytes, 1), np.uint8)
        return array

    def free_pinned(self, array: Bytes) -> None:
        base: Any = array.base
        base.free()

    def upload(self, target: int, source: Bytes, stream: int) -> None:
        self._cuda.memcpy_htod_async(target, source, self._streams[stream])

    def download(self, target: Bytes, source: int, stream: int) -> None:
        self._cuda.memcpy_dtoh_async(target, source, self._streams[stream])

    def copy(self, target: int, source: int, nbytes: int, stream: int) -> None:
        self._cuda.memcpy_dtod_async(target, source, nbytes, self._streams[stream])

    def _open_stream(self) -> int:
        stream = self._cuda.Stream(NON_BLOCKING)
        self._streams[int(stream.handle)] = stream
        return int(stream.handle)

    def _close_stream(self, stream: int) -> None:
        del self._streams[stream]

    def synchronize(self, stream: int) -> None:
        self._streams[stream].synchronize()

    def free_bytes(self) -> int:
        return int(self._cuda.mem_get_info()[0])

    def _alloc(self, nbytes: int) -> int:
        block = self._cuda.mem_alloc(nbytes)
        self._blocks[int(block)] = block
        return int(block)


#: In the order in which they are tried. The driver is always available.
MEMORIES: tuple[type[Memory], ...] = (PycudaMemory, Memory)


def open_memory(driver: CudaDriver, index: int) -> tuple[Memory, str]:
    """Return the memory of pycuda, or the driver's where pycuda is missing, and a note that says which and why."""
    reason = PycudaMemory.missing()
    if reason is None:
        return PycudaMemory(driver, index), "memory: pycuda"
    return Memory(driver, index), f"memory: driver (pycuda: {reason})"


@functools.cache
def _pycuda_device(cuda: Any, index: int) -> Any:
    """Retain a device's primary context, once. It is never detached: other libraries use it."""
    cuda.init()
    return cuda.Device(index).retain_primary_context()


def _pycuda(index: int) -> tuple[Any, Any]:
    import pycuda.driver as cuda

    return cuda, _pycuda_device(cuda, index)
