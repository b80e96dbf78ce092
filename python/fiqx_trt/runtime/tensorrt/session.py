"""A session on a TensorRT engine, for host arrays and for device arrays."""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fiqx_trt import _core, kernels
from fiqx_trt.errors import BackendError, InferenceError, InvalidInputError
from fiqx_trt.runtime.base import Chunk, TensorInfo, first_line
from fiqx_trt.runtime.device import LEGACY_DEFAULT, DeviceSession, DeviceView, check_views, view
from fiqx_trt.runtime.tensorrt.memory import Memory
from fiqx_trt.runtime.tensorrt.runner import Runner
from fiqx_trt.runtime.tensorrt.slot import ExecutionSlot, row_bytes

__all__ = ["DeviceTensor", "TensorRtSession"]


class TensorRtSession(DeviceSession):
    """A session on an engine.

    Parameters
    ----------
    runner
        Runs the engine; the session closes it.
    device
        ``"cuda"`` or ``"cuda:1"`` …
    precision, batch
        Of the engine.
    notes
        Why these were chosen.
    """

    def __init__(
        self, runner: Runner, *, device: str, precision: str, batch: int, notes: Sequence[str] = ()
    ) -> None:
        super().__init__(
            backend="tensorrt",
            device=device,
            precision=precision,
            batch=batch,
            inputs=runner.inputs,
            outputs=runner.outputs,
            notes=notes,
        )
        self._runner = runner
        # For sessions that are not closed; close() does the same earlier.
        self._finalizer = weakref.finalize(self, _quietly, runner.close)

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        with self._converted_errors():
            return self._runner.run(chunks)

    def _run_device(self, feeds: Mapping[str, Any], stream: int | None) -> dict[str, Any]:
        with self._converted_errors():
            return self._queue(feeds, stream)

    @contextlib.contextmanager
    def _converted_errors(self) -> Iterator[None]:
        """Convert exceptions of the libraries to InferenceError."""
        try:
            yield
        except (BackendError, InvalidInputError):
            raise
        except Exception as error:
            raise InferenceError(
                f"tensorrt failed while running on {self.device}: {first_line(error)}"
            ) from error

    def _queue(self, feeds: Mapping[str, Any], stream: int | None) -> dict[str, Any]:
        views = {name: view(name, array) for name, array in feeds.items()}
        rows = check_views(self.inputs, {name: (v.shape, v.dtype) for name, v in views.items()})
        streams = dict.fromkeys(v.stream for v in views.values() if v.stream is not None)
        caller = (stream or LEGACY_DEFAULT) if stream is not None else next(iter(streams), LEGACY_DEFAULT)
        memory = self._runner.memory
        results: dict[str, Any] = {}
        with memory.scope():
            for other in streams:
                if other != caller:
                    memory.wait(caller, other)
            for info in self.outputs:
                shape = (rows, *(d or 0 for d in info.shape[1:]))
                results[info.name] = _result(memory, shape, info.dtype, caller, self._runner.streams)
        self._runner.run_device(list(self._starts(views, results, rows)), caller)
        with memory.scope():
            # An array's memory may be reused in the order of its own stream.
            for other in streams:
                if other != caller:
                    memory.wait(other, caller)
        return results

    def _starts(
        self, views: Mapping[str, DeviceView], results: Mapping[str, Any], rows: int
    ) -> list[Callable[[ExecutionSlot], None]]:
        return [
            functools.partial(self._start, views, results, first, min(self.batch, rows - first))
            for first in range(0, rows, self.batch)
        ]

    def _start(
        self,
        views: Mapping[str, DeviceView],
        results: Mapping[str, Any],
        first: int,
        count: int,
        slot: ExecutionSlot,
    ) -> None:
        """Queue one native run on the caller's own memory where all of its rows are used, else on copies of it."""
        memory, bound = self._runner.memory, {}
        for info in self.inputs:
            source = views[info.name].pointer + first * row_bytes(info)
            if count == self.batch and slot.takes(source):
                bound[info.name] = source
            else:
                self._fill(slot, info, source, count)
        targets = {i.name: results[i.name].pointer + first * row_bytes(i) for i in self.outputs}
        bound.update({n: at for n, at in targets.items() if count == self.batch and slot.takes(at)})
        slot.enqueue(bound)
        for info in self.outputs:
            if info.name not in bound:
                nbytes = count * row_bytes(info)
                memory.copy(targets[info.name], slot.device[info.name], nbytes, slot.stream)

    def _fill(self, slot: ExecutionSlot, info: TensorInfo, source: int, count: int) -> None:
        """Copy rows into a slot's buffer; the last row is repeated as padding."""
        memory, size, target = self._runner.memory, row_bytes(info), slot.device[info.name]
        memory.copy(target, source, count * size, slot.stream)
        last, filled = target + (count - 1) * size, 1
        while filled <= self.batch - count:  # each copy doubles what is there
            more = min(filled, self.batch - count + 1 - filled)
            memory.copy(last + filled * size, last, more * size, slot.stream)
            filled += more

    def _close(self) -> None:
        self._finalizer.detach()
        self._runner.close()


def _result(
    memory: Memory, shape: tuple[int, ...], dtype: np.dtype[Any], stream: int, users: Sequence[int]
) -> DeviceTensor | kernels.DeviceArray:
    """Return memory for a result: of our extension where it has CUDA (freed in stream order), else a :class:`DeviceTensor`."""
    if _core.cuda_device_count() > memory.index and not _core.cuda_reason(memory.index):
        handle = 0 if stream == LEGACY_DEFAULT else stream
        return kernels.DeviceArray(shape, dtype, device=memory.index, stream=handle)
    return DeviceTensor(memory, shape, dtype, stream=stream, users=users)


class DeviceTensor:
    """A result in device memory where our extension has no CUDA; torch.as_tensor and CuPy read it without a copy.

    Parameters
    ----------
    memory
        Allocates it; its scope is entered.
    shape, dtype
        As in NumPy.
    stream
        Handle of the stream on which the content becomes valid.
    users
        Streams that may still write to it; they are waited for before it is freed.
    """

    def __init__(
        self,
        memory: Memory,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        stream: int,
        users: Sequence[int] = (),
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        self.pointer = memory.alloc(self.nbytes)
        self._memory = memory
        self._stream = stream
        self._finalizer = weakref.finalize(self, _quietly, _free, memory, self.pointer, (*users,))

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Address, shape, type and stream, version 3 of the protocol."""
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.pointer, False),
            "strides": None,
            "version": 3,
            "stream": self._stream or LEGACY_DEFAULT,
        }

    def to_host(self) -> np.ndarray[Any, Any]:
        """Wait, and return a copy in host memory."""
        memory = self._memory
        if not self.nbytes:
            return np.empty(self.shape, self.dtype)
        with memory.scope():
            stream = memory.open_stream()
            staged = memory.pinned(self.nbytes)
            try:
                memory.wait(stream, self._stream)
                memory.download(staged, self.pointer, stream)
                memory.synchronize(stream)
                return staged.view(self.dtype).reshape(self.shape).copy()
            finally:
                memory.free_pinned(staged)
                memory.close_stream(stream)

    def close(self) -> None:
        """Free the memory now instead of at garbage collection."""
        self._finalizer()


def _free(memory: Memory, pointer: int, users: Sequence[int]) -> None:
    with memory.scope():
        for stream in memory.streams.intersection(users):  # those of a closed session are idle and gone
            memory.synchronize(stream)
        memory.free(pointer)


def _quietly(free: Callable[..., None], *arguments: Any) -> None:
    """Free in a finalizer, where no exception can be handled (the driver may have shut down)."""
    with contextlib.suppress(Exception):
        free(*arguments)
