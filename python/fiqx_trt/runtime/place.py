"""Where arrays lie while an algorithm works on them: in host memory, or on a device, on a stream of its own.

An algorithm is written once against a :class:`Place`: it uploads what it is given, runs sessions and kernels on what lies there
(`stream` goes to every kernel), and fetches what it hands out. On the host all of that is free of copies.
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

__all__ = ["HOST", "DevicePlace", "Place", "place_at", "place_of", "session_place"]

#: Bytes of page-locked memory that uploads in flight may hold before a further one waits for them.
STAGED_BYTES = 128 << 20
#: An array above this is copied without staging: it would be copied twice, and page-locked memory is dear.
STAGED_ARRAY = 32 << 20


class Place:
    """Host memory; :class:`DevicePlace` is the other kind.

    Attributes
    ----------
    name
        ``"cpu"`` or ``"cuda:0"`` …
    stream
        For the kernels: handle of the CUDA stream that work is queued on, None on the host.
    """

    name: str = "cpu"
    stream: int | None = None

    def __repr__(self) -> str:
        return f"<place {self.name}>"

    def upload(self, array: NDArray[Any]) -> Array:
        """Bring a host array here; the same object where that is the host. It may be written to again at once."""
        return array

    def empty(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """Return a new array here, its content undefined."""
        return np.empty(tuple(shape), dtype)

    def zeros(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """Return a new array of zeros here."""
        return np.zeros(tuple(shape), dtype)

    def fetch(self, *arrays: Array) -> list[NDArray[Any]]:
        """Return arrays in host memory, after one wait for all of them; those that lie there are returned as they are."""
        return list(arrays)

    def wait(self) -> None:
        """Wait for everything that was queued here: arrays that are handed out are finished, whatever stream reads them."""

    def concatenate(self, arrays: Sequence[Array]) -> Array:
        """Join arrays of this place along their rows; a single one is returned as it is."""
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    def run(self, session: Session, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run a session on arrays of this place; the results lie here too."""
        return session.run(feeds)

    def __reduce__(self) -> str | tuple[Any, ...]:
        return "HOST"


class DevicePlace(Place):
    """Memory of a CUDA device, and a stream of this place's own that everything is queued on.

    Nothing waits but :meth:`fetch`. Threads may share a place.

    Parameters
    ----------
    index
        Number of the device.

    Raises
    ------
    CudaUnavailableError
        The kernels do not see it.
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
        return DevicePlace, (self.index,)

    def upload(self, array: NDArray[Any]) -> Array:
        """Queue a copy of a host array to the device, by way of page-locked memory."""
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
        """Return new device memory, its content undefined."""
        return kernels.DeviceArray(shape, dtype, device=self.index, stream=self.stream)

    def zeros(self, shape: Sequence[int], dtype: DTypeLike) -> Array:
        """Return new device memory of zeros."""
        return kernels.DeviceArray.zeros(shape, dtype, device=self.index, stream=self.stream)

    def fetch(self, *arrays: Array) -> list[NDArray[Any]]:
        """Copy arrays to the host and wait, once; host arrays are returned as they are."""
        with self._lock:
            staged = [array if isinstance(array, np.ndarray) else self._down(array) for array in arrays]
            self._stream.synchronize()
            found = [
                kept if kept is given or given.nbytes > STAGED_ARRAY else kept.copy()
                for given, kept in zip(arrays, staged, strict=True)
            ]
            self._settle()
        return found

    def wait(self) -> None:
        """Wait for everything that was queued here."""
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
        """Queue a run of a session; one that takes host arrays only gets them, and is waited for."""
        if isinstance(session, DeviceSession) and _on(session) == self.index:
            results = session.run_device(feeds, stream=self.stream)
            return {name: kernels.borrow(value, stream=self.stream) for name, value in results.items()}
        given = dict(zip(feeds, self.fetch(*feeds.values()), strict=True))
        return {name: self.upload(value) for name, value in session.run(given).items()}

    def _down(self, array: Array) -> NDArray[Any]:
        large = array.nbytes > STAGED_ARRAY
        host = np.empty(array.shape, array.dtype) if large else self._staged(array)
        kernels.copy(array, host, stream=self.stream)
        return host

    def _staged(self, like: Array) -> NDArray[Any]:
        """Return page-locked memory that no copy uses, until the next wait."""
        fitting = next((i for i, block in enumerate(self._idle) if block.nbytes >= like.nbytes), None)
        if fitting is None:
            block = _core.pinned((1 << max(12, (like.nbytes - 1).bit_length()),), np.uint8)
        else:
            block = self._idle.pop(fitting)
        self._flying.append(block)
        typed: NDArray[Any] = block[: like.nbytes].view(like.dtype)
        return typed.reshape(like.shape)

    def _settle(self) -> None:
        """After a wait: what was in flight may be used again, as far as it is worth keeping."""
        self._idle = sorted(self._idle + self._flying, key=lambda block: block.nbytes)
        self._flying = []
        while sum(block.nbytes for block in self._idle) > STAGED_BYTES:
            self._idle.pop()


#: The one place in host memory.
HOST = Place()


@functools.cache
def place_at(index: int) -> DevicePlace:
    """Return the place on a device that is shared by all who were handed arrays that lie there."""
    return DevicePlace(index)


def place_of(array: Array) -> Place:
    """Return a place where an array lies.

    Raises
    ------
    InvalidInputError
        It is no array of the host or of a device.
    CudaUnavailableError
        It lies on a device that the kernels do not see.
    """
    if not hasattr(array, "__cuda_array_interface__"):
        return HOST
    return place_at(kernels.borrow(array).device)


def session_place(session: Session) -> tuple[Place, str]:
    """Return where to keep the arrays of a session, and, for a session on CUDA that keeps them on the host, why.

    On its device where the session gives device arrays of float32 and the kernels see that device, otherwise on the host.
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
    if why is not None:
        return HOST, f"masks, scores and maps are computed on the processor: {why}"
    return DevicePlace(_on(session)), ""


def _on(session: Session) -> int:
    """Return the number of a session's device, -1 for the host."""
    return device_index(session.device) if session.device.startswith("cuda") else -1
