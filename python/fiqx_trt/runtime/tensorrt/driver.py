"""The CUDA driver library, called directly: available without pycuda, torch or a CUDA toolkit.

Every call is checked. Contexts are the device's primary one, which torch, TensorRT and our kernels share; it is
retained once per device and never destroyed.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fiqx_trt.errors import CudaError

__all__ = ["LIBRARY", "CudaDriver", "Gpu", "open_driver"]

LIBRARY = "libcuda.so.1"
#: Version of the kernel module, more precise than the CUDA version that the driver supports.
VERSION_FILE = Path("/proc/driver/nvidia/version")
NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING
NO_TIMING = 2  # CU_EVENT_DISABLE_TIMING
THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads may go on asking for memory
_MULTIPROCESSORS, _MAJOR, _MINOR = 16, 75, 76  # CUdevice_attribute


@dataclass(frozen=True)
class Gpu:
    """The properties of a GPU that an engine depends on: a plan runs only where all of them are the same.

    Attributes
    ----------
    name
        The card's name.
    capability
        Compute capability, ``"9.0"``.
    multiprocessors
        Number of streaming multiprocessors.
    driver
        CUDA version of the driver, and the version of its kernel module where that is known.
    """

    name: str
    capability: str
    multiprocessors: int
    driver: str


class CudaDriver:
    """Checked calls of the driver library that `ctypes` loaded; every method raises CudaError when its call fails."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._contexts: dict[int, int] = {}
        self.call("cuInit", 0)

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function that returns a CUresult."""
        status = getattr(self._library, name)(*arguments)
        if status:
            text = ctypes.c_char_p()
            self._library.cuGetErrorString(status, ctypes.byref(text))
            raise CudaError(f"{name} failed: {(text.value or b'unknown error').decode()} ({status})")

    def count(self) -> int:
        """Return the number of devices."""
        count = ctypes.c_int()
        self.call("cuDeviceGetCount", ctypes.byref(count))
        return count.value

    def gpu(self, index: int) -> Gpu:
        """Return the properties of a device."""
        name = ctypes.create_string_buffer(256)
        self.call("cuDeviceGetName", name, len(name), self._device(index))
        major, minor = self._attribute(_MAJOR, index), self._attribute(_MINOR, index)
        return Gpu(
            name.value.decode(), f"{major}.{minor}", self._attribute(_MULTIPROCESSORS, index), self.version()
        )

    def version(self) -> str:
        """Return ``"13.0"``, followed by the version of the kernel module where that is known."""
        number = ctypes.c_int()
        self.call("cuDriverGetVersion", ctypes.byref(number))
        supported = f"{number.value // 1000}.{number.value % 1000 // 10}"
        try:
            words = VERSION_FILE.read_text(encoding="utf-8").split("\n", 1)[0].split()
        except OSError:
            return supported
        return f"{supported} {next((w for w in words if w[:1].isdigit() and '.' in w), '')}".strip()

    def push(self, index: int) -> None:
        """Make a device's primary context current in the calling thread."""
        if index not in self._contexts:
            context = ctypes.c_void_p()
            self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._device(index))
            self._contexts[index] = context.value or 0
        self.call("cuCtxPushCurrent_v2", ctypes.c_void_p(self._contexts[index]))

    def pop(self) -> None:
        """Undo `push` of the calling thread."""
        self.call("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))

    def allocate(self, nbytes: int) -> int:
        """Return the address of new device memory."""
        pointer = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(nbytes))
        return pointer.value

    def free(self, pointer: int) -> None:
        """Free device memory; waits for the work that uses it."""
        self.call("cuMemFree_v2", ctypes.c_uint64(pointer))

    def allocate_pinned(self, nbytes: int) -> int:
        """Return the address of new page-locked host memory."""
        pointer = ctypes.c_void_p()
        self.call("cuMemAllocHost_v2", ctypes.byref(pointer), ctypes.c_size_t(nbytes))
        return pointer.value or 0

    def free_pinned(self, pointer: int) -> None:
        """Free page-locked host memory."""
        self.call("cuMemFreeHost", ctypes.c_void_p(pointer))

    def upload(self, target: int, source: int, nbytes: int, stream: int) -> None:
        """Queue a copy from host to device."""
        self.call(
            "cuMemcpyHtoDAsync_v2", ctypes.c_uint64(target), ctypes.c_void_p(source), *_rest(nbytes, stream)
        )

    def download(self, target: int, source: int, nbytes: int, stream: int) -> None:
        """Queue a copy from device to host."""
        self.call(
            "cuMemcpyDtoHAsync_v2", ctypes.c_void_p(target), ctypes.c_uint64(source), *_rest(nbytes, stream)
        )

    def copy(self, target: int, source: int, nbytes: int, stream: int) -> None:
        """Queue a copy within the device."""
        self.call(
            "cuMemcpyDtoDAsync_v2", ctypes.c_uint64(target), ctypes.c_uint64(source), *_rest(nbytes, stream)
        )

    def open_stream(self) -> int:
        """Return a new stream that does not wait for the default one."""
        stream = ctypes.c_void_p()
        self.call("cuStreamCreate", ctypes.byref(stream), ctypes.c_uint(NON_BLOCKING))
        return stream.value or 0

    def close_stream(self, stream: int) -> None:
        """Destroy a stream; its queued work still finishes."""
        self.call("cuStreamDestroy_v2", ctypes.c_void_p(stream))

    def synchronize(self, stream: int) -> None:
        """Block until a stream is idle."""
        self.call("cuStreamSynchronize", ctypes.c_void_p(stream))

    def wait(self, stream: int, other: int) -> None:
        """Make a stream wait for all work queued on another so far; does not block."""
        event = ctypes.c_void_p()
        self.call("cuEventCreate", ctypes.byref(event), ctypes.c_uint(NO_TIMING))
        try:
            self.call("cuEventRecord", event, ctypes.c_void_p(other))
            self.call("cuStreamWaitEvent", ctypes.c_void_p(stream), event, ctypes.c_uint(0))
        finally:
            self.call("cuEventDestroy_v2", event)

    def record(self, stream: int, queue: Callable[[], None]) -> int:
        """Return an executable graph of the work that a function queues on a stream, without running it."""
        self.call("cuStreamBeginCapture_v2", ctypes.c_void_p(stream), ctypes.c_uint(THREAD_LOCAL))
        try:
            queue()
        except BaseException:
            with suppress(CudaError):  # the recording is invalid, and the first error is being raised
                self.call("cuGraphDestroy", self._end_record(stream))
            raise
        graph, ready = self._end_record(stream), ctypes.c_void_p()
        try:
            self.call("cuGraphInstantiateWithFlags", ctypes.byref(ready), graph, ctypes.c_uint64(0))
        finally:
            self.call("cuGraphDestroy", graph)
        return ready.value or 0

    def launch(self, graph: int, stream: int) -> None:
        """Queue a recorded graph."""
        self.call("cuGraphLaunch", ctypes.c_void_p(graph), ctypes.c_void_p(stream))

    def destroy_graph(self, graph: int) -> None:
        """Destroy a recorded graph that is not running."""
        self.call("cuGraphExecDestroy", ctypes.c_void_p(graph))

    def _end_record(self, stream: int) -> ctypes.c_void_p:
        graph = ctypes.c_void_p()
        self.call("cuStreamEndCapture", ctypes.c_void_p(stream), ctypes.byref(graph))
        return graph

    def free_bytes(self) -> int:
        """Return the free memory of the current device in bytes."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def _device(self, index: int) -> int:
        device = ctypes.c_int()
        self.call("cuDeviceGet", ctypes.byref(device), index)
        return device.value

    def _attribute(self, attribute: int, index: int) -> int:
        value = ctypes.c_int()
        self.call("cuDeviceGetAttribute", ctypes.byref(value), attribute, self._device(index))
        return value.value


@functools.cache
def open_driver() -> CudaDriver:
    """Return the machine's driver; check :func:`fiqx_trt.runtime.machine.cuda_missing` first."""
    try:
        return CudaDriver(ctypes.CDLL(LIBRARY))
    except OSError as error:
        raise CudaError(f"no CUDA driver ({LIBRARY}) on this machine") from error


def _rest(nbytes: int, stream: int) -> tuple[ctypes.c_size_t, ctypes.c_void_p]:
    return ctypes.c_size_t(nbytes), ctypes.c_void_p(stream)
