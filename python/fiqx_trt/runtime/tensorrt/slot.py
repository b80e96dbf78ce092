"""One execution context with its stream and buffers, for one native run in flight."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fiqx_trt.errors import BackendError, InferenceError
from fiqx_trt.runtime.base import Chunk, TensorInfo
from fiqx_trt.runtime.tensorrt.graphs import ExecutionGraph
from fiqx_trt.runtime.tensorrt.logger import tail
from fiqx_trt.runtime.tensorrt.memory import Bytes, Memory

__all__ = ["ALIGNED", "ExecutionSlot", "row_bytes"]

#: TensorRT takes addresses that are multiples of it.
ALIGNED = 256


class ExecutionSlot:
    """A context with its stream and buffers. Its memory's scope is entered in every call.

    Parameters
    ----------
    engine
        The engine, shared by the slots.
    memory
        Allocates the buffers.
    log
        TensorRT's logger.
    batch
        Rows of every run.
    inputs, outputs
        The engine's tensors.

    Raises
    ------
    BackendError
        TensorRT has no memory for the context, or refuses a shape or an address.
    """

    def __init__(
        self,
        engine: Any,
        memory: Memory,
        log: Any,
        batch: int,
        inputs: Sequence[TensorInfo],
        outputs: Sequence[TensorInfo],
    ) -> None:
        self._memory, self._log = memory, log
        self._inputs, self._outputs = inputs, outputs
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self.device: dict[str, int] = {}
        self._host: dict[str, Bytes] = {}
        self._graph: ExecutionGraph | None = None
        self.stream = 0
        self._context = engine.create_execution_context()
        if self._context is None:
            raise BackendError(f"TensorRT has no memory for another context: {tail(log)}")
        try:
            self.stream = memory.open_stream()
            for info in (*inputs, *outputs):
                nbytes = batch * row_bytes(info)
                self.device[info.name] = memory.alloc(nbytes)
                self._host[info.name] = memory.pinned(nbytes)
            self._bind(batch)
        except BaseException:
            self.close()
            raise
        self._batch = batch

    def start(self, chunk: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Queue a run: upload, engine, download."""
        for info in self._inputs:
            staged = self._host[info.name]
            _typed(staged, info, self._batch)[...] = chunk[info.name]
            self._memory.upload(self.device[info.name], staged, self.stream)
        self.enqueue()
        for info in self._outputs:
            self._memory.download(self._host[info.name], self.device[info.name], self.stream)

    def takes(self, pointer: int) -> bool:
        """Return whether a run may read or write at an address of the caller's; a recording keeps its own addresses."""
        return self._graph is None and pointer % ALIGNED == 0

    def enqueue(self, bound: Mapping[str, int] | None = None) -> None:
        """Queue the engine only, on the addresses of `bound`, and for all other tensors on this slot's device buffers."""
        if self._graph is not None:
            self._graph.launch()
            return
        self._set_addresses({**self.device, **(bound or {})})
        self._execute()

    def record(self) -> None:
        """Record the engine's launches, which `enqueue` then queues as one."""
        self._execute()  # the first run after a change prepares what a recording may not
        self._memory.synchronize(self.stream)
        self._graph = ExecutionGraph(self._memory.driver, self.stream, self._execute)

    def forget(self) -> None:
        """Drop the recording."""
        if self._graph is not None:
            self._graph.close()
            self._graph = None

    def _execute(self) -> None:
        if not self._context.execute_async_v3(self.stream):
            raise InferenceError(f"TensorRT could not run: {tail(self._log)}")

    def finish(self) -> Chunk:
        """Wait for the run and return copies of its results."""
        self._memory.synchronize(self.stream)
        return {i.name: _typed(self._host[i.name], i, self._batch).copy() for i in self._outputs}

    def close(self) -> None:
        """Free everything, the context before its buffers."""
        if self.stream:
            self._memory.synchronize(self.stream)
        self.forget()
        self._context = None  # before its buffers, and before the engine
        for pointer in self.device.values():
            self._memory.free(pointer)
        for array in self._host.values():
            self._memory.free_pinned(array)
        self.device, self._host = {}, {}
        if self.stream:
            self._memory.close_stream(self.stream)
            self.stream = 0

    def _bind(self, batch: int) -> None:
        """Set the context's shapes and addresses, which it keeps: only changed ones are set again."""
        for info in self._inputs:
            shape = (batch, *(d or 0 for d in info.shape[1:]))
            if self._shapes.get(info.name) != shape:
                self._check(
                    self._context.set_input_shape(info.name, shape), f"the shape {shape} of '{info.name}'"
                )
                self._shapes[info.name] = shape
        missing = self._context.infer_shapes()
        self._check(not missing, f"the shapes without those of {missing}")
        for info in self._outputs:
            shape = tuple(self._context.get_tensor_shape(info.name))
            wanted = (batch, *(d or 0 for d in info.shape[1:]))
            self._check(shape == wanted, f"that output '{info.name}' has shape {wanted}, it says {shape}")
        self._set_addresses(self.device)

    def _set_addresses(self, pointers: Mapping[str, int]) -> None:
        """Set the addresses that changed; a queued run keeps those that it was queued with."""
        for name, pointer in pointers.items():
            if self._addresses.get(name) != pointer:
                self._check(self._context.set_tensor_address(name, pointer), f"the address of '{name}'")
                self._addresses[name] = pointer

    def _check(self, accepted: bool, what: str) -> None:
        if not accepted:
            raise BackendError(f"TensorRT refuses {what}: {tail(self._log)}")


def row_bytes(info: TensorInfo) -> int:
    """Return the size of one row of a tensor."""
    return info.dtype.itemsize * math.prod(d or 0 for d in info.shape[1:])


def _typed(array: Bytes, info: TensorInfo, batch: int) -> np.ndarray[Any, Any]:
    shape = (batch, *(d or 0 for d in info.shape[1:]))
    return array[: math.prod(shape) * info.dtype.itemsize].view(info.dtype).reshape(shape)
