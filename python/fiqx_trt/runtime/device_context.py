"""Device contexts: where an algorithm keeps its arrays, in host memory or on a CUDA device with a stream of its own.

An algorithm is written once against a :class:`DeviceContext`. It uploads its inputs, runs sessions and kernels on the
uploaded arrays (every kernel gets the context's `stream`), and fetches its results. On the host nothing is copied.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fiqx_trt import _core, kernels
from fiqx_trt.kernels import Array
from fiqx_trt.runtime.base import Session
from fiqx_trt.runtime.device import DeviceSession, device_index

__all__ = ["HOST", "CudaContext", "DeviceContext", "context_at", "context_of", "session_context"]

#: Bytes of page-locked memory that uploads in flight may hold before a further one waits for them.
STAGED_BYTES = 128 << 20
#: A larger array is copied without staging, which would copy it twice and need much page-locked memory.
STAGED_ARRAY = 32 << 20


class DeviceContext:
    """Host memory; :class:`CudaContext` is the context of a CUDA device.

    Attributes
    ----------
    name
        ``"cpu"`` or ``"cuda:0"`` …
    stream
        Handle of the CUDA stream that work is queued on, for the kernels; None on the host.
    """

    name: str = "cpu"
    stream: int | None = None

    def __repr__(self) -> str:
        return f"<device context {self.name}>"

    def upload(self, array: NDArray[Any]) -> Array:
        """Copy a host array to the context, or return it where that is the host. The caller may write to the array at once."""
        return array

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """Return a new array of this context with undefined content."""
        return np.empty(tuple(shape), dtype)

    def zeros(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """Return a new array of zeros of this context."""
        return np.zeros(tuple(shape), dtype)

    def fetch(self, *arrays: Array) -> list[NDArray[Any]]:
        """Return arrays in host memory, after one wait for all of them; host arrays are returned as they are."""
        return list(arrays)

    def wait(self) -> None:
        """Wait for all queued work, so that every stream may read the results."""

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        """Join arrays of this context along their rows; a single one is returned as it is."""
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    def run(self, session: Session, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run a session on arrays of this context; the results are arrays of this context too."""
        return session.run(feeds)

    def __reduce__(self) -> str | tuple[Any, ...]:
        return "HOST"


class CudaContext(DeviceContext):
    """Memory of a CUDA device, and one stream on which all work is queued.

    Only :meth:`fetch` and :meth:`wait` wait. Threads may share a context.

    Parameters
    ----------
    index
        Number of the device.

    Raises
    ------
    CudaUnavailableError
        The kernels do not see the device.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.name = f"cuda:{index}"
        self._stream = _core.Stream(index)
        self.stream: int = self._stream.handle
        self._lock = threading.Lock()
        self._idle: list[NDArray[np.uint8]] = []
        self._flying: list[NDArray[np.uint8]] = []

    def __reduce__(self) -> str | tuple[Any, ...]:
        return CudaContext, (self.index,)

    def upload(self, array: NDArray[Any]) -> Array:
        """Queue a copy of a host array to the device through page-locked memory."""
        array = np.asarray(array)
        out = self.empty(array.shape, array.dtype)
        if array.nbytes > STAGED_ARRAY:
            kernels.copy(array, out, stream=self.stream)
            return out
        with self._lock:
            if sum(block.nbytes for block in self._flying) > STAGED_BYTES:
                self._stream.synchronize()
                self._settle()
            staged = self._staged(out)
            staged[...] = array
            kernels.copy(staged, out, stream=self.stream)
        return out

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """Return new device memory with undefined content."""
        return kernels.DeviceArray(shape, dtype, device=self.index, stream=self.stream)

    def zeros(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """Return new device memory of zeros."""
        return kernels.DeviceArray.zeros(shape, dtype, device=self.index, stream=self.stream)

    def fetch(self, *arrays: Array) -> list[NDArray[Any]]:
        """Copy arrays to the host and wait once; host arrays are returned as they are."""
        with self._lock:
            staged = [array if isinstance(array, np.ndarray) else self._down(array) for array in arrays]
            self._stream.synchronize()
            arrays_in_host = [
                host if host is array or array.nbytes > STAGED_ARRAY else host.copy()
                for array, host in zip(arrays, staged, strict=True)
            ]
            self._settle()
        return arrays_in_host

    def wait(self) -> None:
        """Wait for all work queued on the stream."""
        self._stream.synchronize()

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        """Join arrays along their rows, on the device."""
        if len(arrays) == 1:
            return arrays[0]
        joined = self.empty((sum(len(array) for array in arrays), *arrays[0].shape[1:]), arrays[0].dtype)
        start = 0
        for array in arrays:
            kernels.copy(array, kernels.rows(joined, start, start + len(array)), stream=self.stream)
            start += len(array)
        return joined

    def run(self, session: Session, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Queue a run of a session. A session that takes host arrays only gets host arrays, and is waited for."""
        if isinstance(session, DeviceSession) and _on(session) == self.index:
            results = session.run_device(feeds, stream=self.stream)
            return {name: kernels.borrow(value, stream=self.stream) for name, value in results.items()}
        host_feeds = dict(zip(feeds, self.fetch(*feeds.values()), strict=True))
        return {name: self.upload(value) for name, value in session.run(host_feeds).items()}

    def _down(self, array: Array) -> NDArray[Any]:
        large = array.nbytes > STAGED_ARRAY
        host = np.empty(array.shape, array.dtype) if large else self._staged(array)
        kernels.copy(array, host, stream=self.stream)
        return host

    def _staged(self, like: Array) -> NDArray[Any]:
        """Return page-locked memory that no queued copy uses."""
        fitting = next((i for i, block in enumerate(self._idle) if block.nbytes >= like.nbytes), None)
        if fitting is None:
            block = _core.pinned((1 << max(12, (like.nbytes - 1).bit_length()),), np.uint8)
        else:
            block = self._idle.pop(fitting)
        self._flying.append(block)
        typed: NDArray[Any] = block[: like.nbytes].view(like.dtype)
        return typed.reshape(like.shape)

    def _settle(self) -> None:
        """Make the staging memory of finished copies available again; free what exceeds the limit."""
        self._idle = sorted(self._idle + self._flying, key=lambda block: block.nbytes)
        self._flying = []
        while sum(block.nbytes for block in self._idle) > STAGED_BYTES:
            self._idle.pop()


#: Host memory.
HOST = DeviceContext()


@functools.cache
def context_at(index: int) -> CudaContext:
    """Return the shared context of a device, for arrays whose owner has none."""
    return CudaContext(index)


def context_of(array: Array) -> DeviceContext:
    """Return the context of an array.

    Raises
    ------
    InvalidInputError
        It is no array of the host or of a device.
    CudaUnavailableError
        The kernels do not see its device.
    """
    if not kernels.on_device(array):
        return HOST
    return context_at(kernels.borrow(array).device)


def session_context(session: Session) -> tuple[DeviceContext, str]:
    """Return the context for the arrays of a session, and, where a CUDA session's arrays must be on the host, the reason.

    It is the session's device where the session returns float32 device arrays and the kernels see that device.
    """
    if not session.device.startswith("cuda"):
        return HOST, ""
    why = None
    if not isinstance(session, DeviceSession):
        why = f"the {session.backend} backend gives host arrays"
    elif _core.cuda_device_count() <= _on(session):
        why = _core.cuda_reason() or f"the kernels do not see {session.device}"
    elif any(info.dtype != np.float32 for info in (*session.inputs, *session.outputs)):
        why = "the network's tensors are not all float32"
    else:
        why = _core.cuda_reason(_on(session)) or None
    if why is not None:
        return HOST, f"masks, scores and maps are computed on the processor: {why}"
    return CudaContext(_on(session)), ""


def _on(session: Session) -> int:
    """Return the number of a session's device, -1 for the host."""
    return device_index(session.device) if session.device.startswith("cuda") else -1
