"""The driver library of the fake GPU, as ctypes sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runtime.tensorrt.fake_gpu import FakeCudaError, FakeGpu

NAME, CAPABILITY, MULTIPROCESSORS, CUDA = b"Fake H1", (9, 0), 132, 13000


def _checked(method: Callable[..., None]) -> Callable[..., int]:
    def call(self: Any, *arguments: Any) -> int:
        try:
            method(self, *arguments)
        except FakeCudaError as error:
            self.last = str(error)
            return error.status
        return 0

    return call


def _plain(value: Any) -> int:
    return int(getattr(value, "value", value) or 0)


class FakeDriverLibrary:
    """libcuda as ctypes sees it: every function returns a status and writes results through pointers."""

    def __init__(self, gpu: FakeGpu, devices: int = 1) -> None:
        self.gpu = gpu
        self.devices = devices
        self.last = ""
        self.behind: dict[int, int] = {}

    def cuGetErrorString(self, status: int, text: Any) -> int:
        text._obj.value = self.last.encode()
        return 0

    @_checked
    def cuInit(self, flags: int) -> None:
        assert flags == 0

    @_checked
    def cuDeviceGetCount(self, count: Any) -> None:
        count._obj.value = self.devices

    @_checked
    def cuDeviceGet(self, device: Any, index: int) -> None:
        if index >= self.devices:
            raise FakeCudaError(101, "invalid device ordinal")
        device._obj.value = index

    @_checked
    def cuDeviceGetName(self, name: Any, length: int, device: int) -> None:
        name.value = NAME

    @_checked
    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: int) -> None:
        value._obj.value = {16: MULTIPROCESSORS, 75: CAPABILITY[0], 76: CAPABILITY[1]}[attribute]

    @_checked
    def cuDriverGetVersion(self, version: Any) -> None:
        version._obj.value = CUDA

    @_checked
    def cuDevicePrimaryCtxRetain(self, context: Any, device: int) -> None:
        context._obj.value = 0xC0DE

    @_checked
    def cuCtxPushCurrent_v2(self, context: Any) -> None:
        assert context.value == 0xC0DE
        self.gpu.push()

    @_checked
    def cuCtxPopCurrent_v2(self, context: Any) -> None:
        self.gpu.pop()

    @_checked
    def cuMemAlloc_v2(self, pointer: Any, nbytes: Any) -> None:
        pointer._obj.value = self.gpu.alloc(nbytes.value)

    @_checked
    def cuMemFree_v2(self, pointer: Any) -> None:
        self.gpu.free(pointer.value)

    @_checked
    def cuMemAllocHost_v2(self, pointer: Any, nbytes: Any) -> None:
        pointer._obj.value = self.gpu.alloc_pinned(nbytes.value)

    @_checked
    def cuMemFreeHost(self, pointer: Any) -> None:
        self.gpu.free_pinned(pointer.value)

    @_checked
    def cuMemcpyHtoDAsync_v2(self, target: Any, source: Any, nbytes: Any, stream: Any) -> None:
        self.gpu.upload(target.value, source.value, nbytes.value, _plain(stream))

    @_checked
    def cuMemcpyDtoHAsync_v2(self, target: Any, source: Any, nbytes: Any, stream: Any) -> None:
        self.gpu.download(target.value, source.value, nbytes.value, _plain(stream))

    @_checked
    def cuMemcpyDtoDAsync_v2(self, target: Any, source: Any, nbytes: Any, stream: Any) -> None:
        self.gpu.copy(target.value, source.value, nbytes.value, _plain(stream))

    @_checked
    def cuStreamCreate(self, stream: Any, flags: Any) -> None:
        stream._obj.value = self.gpu.open_stream(flags.value)

    @_checked
    def cuStreamDestroy_v2(self, stream: Any) -> None:
        self.gpu.close_stream(_plain(stream))

    @_checked
    def cuStreamSynchronize(self, stream: Any) -> None:
        self.gpu.need_context()
        self.gpu.drain(_plain(stream))

    @_checked
    def cuEventCreate(self, event: Any, flags: Any) -> None:
        event._obj.value = next(self.gpu.handles)

    @_checked
    def cuEventRecord(self, event: Any, stream: Any) -> None:
        self.behind[event.value] = _plain(stream)
        self.gpu.record(event.value, _plain(stream))

    @_checked
    def cuStreamWaitEvent(self, stream: Any, event: Any, flags: Any) -> None:
        self.gpu.wait(_plain(stream), event.value, self.behind[event.value])

    @_checked
    def cuEventDestroy_v2(self, event: Any) -> None:
        self.gpu.events.pop(event.value)

    @_checked
    def cuStreamBeginCapture_v2(self, stream: Any, mode: Any) -> None:
        self.gpu.begin_record(_plain(stream), mode.value)

    @_checked
    def cuStreamEndCapture(self, stream: Any, graph: Any) -> None:
        graph._obj.value = self.gpu.end_record(_plain(stream))

    @_checked
    def cuGraphInstantiateWithFlags(self, ready: Any, graph: Any, flags: Any) -> None:
        assert flags.value == 0
        ready._obj.value = self.gpu.new_graph(self.gpu.graphs[_plain(graph)])

    @_checked
    def cuGraphLaunch(self, graph: Any, stream: Any) -> None:
        self.gpu.launch(_plain(graph), _plain(stream))

    @_checked
    def cuGraphExecDestroy(self, graph: Any) -> None:
        self.gpu.graphs.pop(_plain(graph))

    @_checked
    def cuGraphDestroy(self, graph: Any) -> None:
        self.gpu.graphs.pop(_plain(graph))

    @_checked
    def cuMemGetInfo_v2(self, free: Any, total: Any) -> None:
        free._obj.value, total._obj.value = self.gpu.free_bytes, 80 << 30
