"""A deserialised engine at work: two slots, each with a context, a stream and buffers of its own.

While one slot computes, the other is filled: what is copied to and from the device goes through page-locked
memory, and nothing waits but the reading of a result.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fiqx_trt.errors import BackendError, InferenceError, ModelError
from fiqx_trt.runtime.base import Chunk, TensorInfo
from fiqx_trt.runtime.tensorrt import compat
from fiqx_trt.runtime.tensorrt.logger import tail
from fiqx_trt.runtime.tensorrt.memory import Bytes, Memory

__all__ = ["SLOTS", "Runner", "Slot", "row_bytes"]

SLOTS = 2


class Runner:
    """The native half of a session. Every method but `close` is called by one thread at a time.

    Parameters
    ----------
    trt
        The tensorrt module.
    memory
        Where buffers come from.
    plan
        A plan that this program built.
    log
        TensorRT's logger.
    batch
        Rows of every run.
    inputs, outputs
        The graph's tensors, as the ONNX file tells them.

    Raises
    ------
    BackendError
        The plan is of another version or card, or the device's memory does not suffice.
    ModelError
        The engine's tensors are not the graph's.
    """

    def __init__(
        self,
        trt: Any,
        memory: Memory,
        plan: bytes,
        log: Any,
        *,
        batch: int,
        inputs: Sequence[TensorInfo],
        outputs: Sequence[TensorInfo],
    ) -> None:
        self.memory = memory
        self._log = log
        self._slots: list[Slot] = []
        self._closed = False
        with memory.scope():
            self._runtime = trt.Runtime(log)
            self._engine = self._runtime.deserialize_cuda_engine(plan)
            if self._engine is None:
                raise BackendError(f"TensorRT cannot load the engine: {tail(log)}")
            try:
                self.inputs, self.outputs = _tensors(trt, self._engine, inputs, outputs)
                for _ in range(SLOTS):
                    self._slots.append(Slot(self._engine, memory, log, batch, self.inputs, self.outputs))
            except BaseException:
                self._release()
                raise

    def run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Run chunks of host arrays; chunk i is in slot ``i % SLOTS``."""
        results: list[Chunk] = []
        with self.memory.scope(), self._settled():
            for index, chunk in enumerate(chunks):
                slot = self._slots[index % SLOTS]
                if index >= SLOTS:
                    results.append(slot.finish())
                slot.start(chunk)
            for index in range(max(0, len(chunks) - SLOTS), len(chunks)):
                results.append(self._slots[index % SLOTS].finish())
        return results

    def run_device(self, starts: Sequence[Callable[[Slot], None]], stream: int) -> None:
        """Give each native run to a slot, which waits for the caller's stream; that then waits for the slots.

        Parameters
        ----------
        starts
            One function per native run, which queues it on the slot it is given.
        stream
            Handle of the caller's stream.
        """
        with self.memory.scope(), self._settled():
            for slot in self._slots:
                self.memory.wait(slot.stream, stream)
            for index, start in enumerate(starts):
                start(self._slots[index % SLOTS])
            for slot in self._slots:
                self.memory.wait(stream, slot.stream)

    def close(self) -> None:
        """Free everything; a second call does nothing."""
        if not self._closed:
            self._closed = True
            with self.memory.scope():
                self._release()

    @property
    def streams(self) -> tuple[int, ...]:
        """Handles of the slots' streams."""
        return tuple(slot.stream for slot in self._slots)

    def _release(self) -> None:
        for slot in self._slots:
            slot.close()
        self._slots = []
        self._engine = self._runtime = None

    @contextlib.contextmanager
    def _settled(self) -> Iterator[None]:
        """After an error or Ctrl-C nothing may still read or write the buffers."""
        try:
            yield
        except BaseException:
            for slot in self._slots:
                with contextlib.suppress(Exception):  # the first error is already on its way
                    self.memory.synchronize(slot.stream)
            raise


class Slot:
    """One context with its stream and buffers: what a native run in flight needs for itself."""

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
        """Queue a run: copies in, the engine, copies out."""
        for info in self._inputs:
            staged = self._host[info.name]
            _typed(staged, info, self._batch)[...] = chunk[info.name]
            self._memory.upload(self.device[info.name], staged, self.stream)
        self.enqueue()
        for info in self._outputs:
            self._memory.download(self._host[info.name], self.device[info.name], self.stream)

    def enqueue(self) -> None:
        """Queue the engine alone, on this slot's device buffers."""
        if not self._context.execute_async_v3(self.stream):
            raise InferenceError(f"TensorRT could not run: {tail(self._log)}")

    def finish(self) -> Chunk:
        """Wait for the run and return its results, in memory of their own."""
        self._memory.synchronize(self.stream)
        return {i.name: _typed(self._host[i.name], i, self._batch).copy() for i in self._outputs}

    def close(self) -> None:
        """Free everything, the context before what it points to."""
        if self.stream:
            self._memory.synchronize(self.stream)
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
        """Tell the context shapes and addresses, which it keeps: only what changed is told again."""
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
        for name, pointer in self.device.items():
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


def _tensors(
    trt: Any, engine: Any, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """Return the graph's tensors with the engine's shapes, which are known better."""
    found: dict[Any, dict[str, TensorInfo]] = {trt.TensorIOMode.INPUT: {}, trt.TensorIOMode.OUTPUT: {}}
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        dims = tuple(engine.get_tensor_shape(name))
        dtype = compat.dtype_of(engine.get_tensor_dtype(name))
        found[engine.get_tensor_mode(name)][name] = TensorInfo(name, (None, *dims[1:]), dtype)
    sides = []
    for infos, mode in ((inputs, trt.TensorIOMode.INPUT), (outputs, trt.TensorIOMode.OUTPUT)):
        known = found[mode]
        if set(known) != {info.name for info in infos}:
            raise ModelError(
                f"the engine's tensors are {sorted(known)}, the graph's {sorted(i.name for i in infos)}"
            )
        sides.append(tuple(_sharpened(info, known[info.name]) for info in infos))
    return sides[0], sides[1]


def _sharpened(info: TensorInfo, known: TensorInfo) -> TensorInfo:
    """Return a tensor with the engine's extents, and the graph's where the engine leaves one open (-1)."""
    if len(known.shape) == len(info.shape):
        dims = [
            have if have != -1 else want for have, want in zip(known.shape[1:], info.shape[1:], strict=True)
        ]
    else:  # the file does not tell the rank
        dims = [None if have == -1 else have for have in known.shape[1:]]
    if known.dtype != info.dtype or None in dims:
        raise ModelError(
            f"the engine holds {known}, the graph says {info}: every extent but the batch must be known"
        )
    return TensorInfo(info.name, (None, *dims), info.dtype)
