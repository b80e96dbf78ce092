"""A GPU in host memory: allocations, streams that do nothing until somebody waits, contexts per thread.

Its two faces are the driver library, as ctypes would call it, and pycuda (`fake_pycuda`). What a real GPU punishes at random it
punishes always: a copy that nobody waited for has not happened, freed memory is gone, a call without a context fails.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

LEGACY = 1


class FakeCudaError(RuntimeError):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class FakeGpu:
    def __init__(self) -> None:
        self.blocks: dict[int, tuple[np.ndarray, int]] = {}
        self.pinned: dict[int, np.ndarray] = {}
        self.stacks: dict[int, list[int]] = {}
        self.streams: dict[int, deque[Callable[[], None]]] = {LEGACY: deque()}
        self.events: dict[int, list[bool]] = {}
        self.recordings: dict[int, list[Callable[[], None]]] = {}  # by stream
        self.graphs: dict[int, list[Callable[[], None]]] = {}
        self.broken: set[int] = set()  # streams whose recording something spoilt
        self.launches = 0
        self.handles = itertools.count(0x5000, 16)
        self.allocations = 0
        self.leaks = 0
        self.wild = 0
        self.misalign = 0
        self.free_bytes = 80 << 30
        self.host_to_device = self.device_to_host = 0
        self.copied: list[int] = []  # bytes of copies within the device
        self.lock = threading.RLock()

    # contexts ----------------------------------------------------------------------------------------------------
    def stack(self) -> list[int]:
        return self.stacks.setdefault(threading.get_ident(), [])

    def push(self) -> None:
        self.stack().append(1)

    def pop(self) -> None:
        if not self.stack():
            raise FakeCudaError(201, "invalid device context")
        self.stack().pop()

    def need_context(self) -> None:
        if not self.stack():
            raise FakeCudaError(201, "invalid device context")

    def balanced(self) -> bool:
        return not any(self.stacks.values())

    # memory ------------------------------------------------------------------------------------------------------
    def alloc(self, nbytes: int) -> int:
        self.need_context()
        self.spoil(*self.recordings)  # of this thread; tests record on one at a time
        if nbytes > self.free_bytes:
            raise FakeCudaError(2, "out of memory")
        backing = np.full(nbytes + 512, 0xAB, np.uint8)
        pointer = -(-backing.ctypes.data // 256) * 256 + self.misalign
        self.blocks[pointer] = (backing, nbytes)
        self.allocations += 1
        return pointer

    def free(self, pointer: int) -> None:
        self.need_context()
        with self.lock:  # another thread may close a stream
            for stream in list(self.streams):
                self.drain(stream)
        if pointer not in self.blocks:
            raise FakeCudaError(1, "invalid argument")
        self.blocks.pop(pointer)[0].fill(0xCD)

    def at(self, pointer: int, nbytes: int) -> np.ndarray:
        for start, (backing, size) in list(self.blocks.items()):
            if start <= pointer and pointer + nbytes <= start + size:
                offset = pointer - backing.ctypes.data
                return backing[offset : offset + nbytes]
        raise FakeCudaError(700, "an illegal memory access was encountered")

    def alloc_pinned(self, nbytes: int) -> int:
        self.need_context()
        array = np.full(nbytes, 0xEF, np.uint8)
        self.pinned[array.ctypes.data] = array
        return array.ctypes.data

    def free_pinned(self, pointer: int) -> None:
        self.need_context()
        self.pinned.pop(pointer)

    def host(self, pointer: int, nbytes: int) -> np.ndarray:
        for start, array in list(self.pinned.items()):
            if start <= pointer and pointer + nbytes <= start + array.nbytes:
                return array[pointer - start : pointer - start + nbytes]
        raise FakeCudaError(1, "the host memory of an asynchronous copy is not page-locked")

    # streams -----------------------------------------------------------------------------------------------------
    def open_stream(self, flags: int) -> int:
        self.need_context()
        assert flags == 1, "the stream would wait for the default one"
        handle = next(self.handles)
        self.streams[handle] = deque()
        return handle

    def close_stream(self, stream: int) -> None:
        self.need_context()
        with self.lock:
            self.drain(stream)
            del self.streams[stream]

    def queue(self, stream: int, work: Callable[[], None]) -> None:
        self.need_context()
        stream = stream or LEGACY
        if stream not in self.streams:
            raise FakeCudaError(400, "invalid resource handle")
        self.recordings.get(stream, self.streams[stream]).append(work)

    def drain(self, stream: int) -> None:
        stream = stream or LEGACY
        if stream not in self.streams:
            self.wild += 1
            raise FakeCudaError(400, "invalid resource handle")
        if stream in self.recordings:
            self.spoil(stream)
        with self.lock:
            while self.streams[stream]:
                self.streams[stream].popleft()()

    def upload(self, target: int, source: int, nbytes: int, stream: int) -> None:
        host = self.host(source, nbytes)

        def work() -> None:
            self.at(target, nbytes)[:] = host
            self.host_to_device += nbytes

        self.queue(stream, work)

    def download(self, target: int, source: int, nbytes: int, stream: int) -> None:
        host = self.host(target, nbytes)

        def work() -> None:
            host[:] = self.at(source, nbytes)
            self.device_to_host += nbytes

        self.queue(stream, work)

    def copy(self, target: int, source: int, nbytes: int, stream: int) -> None:
        self.copied.append(nbytes)

        def work() -> None:
            self.at(target, nbytes)[:] = self.at(source, nbytes).copy()

        self.queue(stream, work)

    def record(self, event: int, stream: int) -> None:
        state = self.events[event] = [False]

        def work() -> None:
            state[0] = True

        self.queue(stream, work)

    def wait(self, stream: int, event: int, behind: int) -> None:
        state = self.events[event]

        def work() -> None:
            while not state[0]:  # the other stream's work up to the event, and no more
                self.streams[behind or LEGACY].popleft()()

        self.queue(stream, work)

    # graphs ------------------------------------------------------------------------------------------------------
    def spoil(self, *streams: int) -> None:
        if streams:
            self.broken.update(streams)
            raise FakeCudaError(900, "operation not permitted when stream is capturing")

    def begin_record(self, stream: int, mode: int) -> None:
        self.need_context()
        assert mode == 1, "other threads could not ask for memory any more"
        if stream in (0, LEGACY) or stream in self.recordings:
            raise FakeCudaError(900, "operation not permitted when stream is capturing")
        self.recordings[stream] = []

    def end_record(self, stream: int) -> int:
        if stream not in self.recordings:
            raise FakeCudaError(1, "invalid argument")
        work = self.recordings.pop(stream)
        if stream in self.broken:
            self.broken.remove(stream)
            raise FakeCudaError(901, "operation failed due to a previous error during capture")
        return self.new_graph(work)

    def new_graph(self, work: list[Callable[[], None]]) -> int:
        handle = next(self.handles)
        self.graphs[handle] = work
        return handle

    def launch(self, graph: int, stream: int) -> None:
        self.launches += 1
        for work in self.graphs[graph]:
            self.queue(stream, work)


def read_device(gpu: FakeGpu, array: Any) -> np.ndarray:
    """Return what a device array holds now, without waiting for anything."""
    interface = array.__cuda_array_interface__
    dtype = np.dtype(interface["typestr"])
    nbytes = int(np.prod(interface["shape"], dtype=np.int64)) * dtype.itemsize
    return gpu.at(interface["data"][0], nbytes).view(dtype).reshape(interface["shape"]).copy()


class DeviceInput:
    """An array on the fake GPU, as torch or CuPy would hand it over; it becomes valid on a stream of its own."""

    def __init__(self, gpu: FakeGpu, array: np.ndarray, stream: int | None = LEGACY) -> None:
        gpu.push()
        self.gpu, self.pointer = gpu, gpu.alloc(max(array.nbytes, 1))
        content = np.ascontiguousarray(array).view(np.uint8).reshape(-1)
        if stream is not None:  # written late: whoever does not wait reads 0xAB
            gpu.queue(stream, lambda: gpu.at(self.pointer, content.nbytes).__setitem__(slice(None), content))
        gpu.pop()
        self.__cuda_array_interface__ = {
            "shape": array.shape, "typestr": array.dtype.str, "data": (self.pointer, False), "strides": None,
            "version": 3, "stream": stream,
        }  # fmt: skip

    def free(self) -> None:
        self.gpu.push()
        self.gpu.free(self.pointer)
        self.gpu.pop()
