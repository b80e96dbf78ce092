"""The fake GPU for a build whose CUDA is emulated: its engines work on the memory that our extension's kernels work on."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np

from fiqx_trt import kernels
from runtime.tensorrt.fake_gpu import FakeCudaError, FakeGpu


class SharedGpu(FakeGpu):
    """Knows the extension's memory and streams besides its own; what crosses between the two kinds of stream is run at once."""

    probes = 0  # bytes fetched by this class itself

    def at(self, pointer: int, nbytes: int) -> np.ndarray:
        try:
            return super().at(pointer, nbytes)
        except FakeCudaError:
            return np.ctypeslib.as_array((ctypes.c_uint8 * nbytes).from_address(pointer))

    def record(self, event: int, stream: int) -> None:
        if self._own(stream):
            super().record(event, stream)
        else:
            self._finish(stream)
            self.events[event] = [True]

    def wait(self, stream: int, event: int, behind: int) -> None:
        if self._own(stream):
            super().wait(stream, event, behind)
        else:
            self.drain(behind)

    def queue(self, stream: int, work: Callable[[], None]) -> None:
        if self._own(stream):
            super().queue(stream, work)
        else:
            self._finish(stream)
            work()

    def drain(self, stream: int) -> None:
        if self._own(stream):
            super().drain(stream)
        else:
            self._finish(stream)

    def _own(self, stream: int) -> bool:
        return (stream or 1) in self.streams

    def _finish(self, stream: int) -> None:
        self.probes += 1
        kernels.DeviceArray((1,), np.uint8, stream=stream).to_host()
