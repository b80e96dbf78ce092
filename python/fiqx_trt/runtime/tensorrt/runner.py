"""Run a deserialised engine in two slots, each with a context, a stream and buffers.

While one slot computes, the other is filled. Copies use page-locked memory, and only reading a result waits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fiqx_trt.errors import BackendError, CudaError, InferenceError, ModelError
from fiqx_trt.runtime.base import Chunk, TensorInfo, first_line
from fiqx_trt.runtime.tensorrt import compat
from fiqx_trt.runtime.tensorrt.logger import tail
from fiqx_trt.runtime.tensorrt.memory import Memory
from fiqx_trt.runtime.tensorrt.slot import ExecutionSlot

__all__ = ["SLOTS", "Runner"]

SLOTS = 2


class Runner:
    """The native part of a session. Every method but `close` is called by one thread at a time.

    Parameters
    ----------
    trt
        The tensorrt module.
    memory
        Allocates the buffers.
    plan
        A plan that this program built.
    log
        TensorRT's logger.
    batch
        Rows of every run.
    inputs, outputs
        The graph's tensors from the ONNX file.
    graphs
        Whether to record each slot's launches as a CUDA graph, where that is possible.

    Raises
    ------
    BackendError
        The plan is of another version or card, or there is not enough device memory.
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
        graphs: bool = False,
    ) -> None:
        self.memory = memory
        #: Whether CUDA graphs run, and why not; empty where they are not enabled.
        self.notes: tuple[str, ...] = ()
        self._log = log
        self._slots: list[ExecutionSlot] = []
        self._closed = False
        with memory.scope():
            self._runtime = trt.Runtime(log)
            self._engine = self._runtime.deserialize_cuda_engine(plan)
            if self._engine is None:
                raise BackendError(f"TensorRT cannot load the engine: {tail(log)}")
            try:
                self.inputs, self.outputs = _tensors(trt, self._engine, inputs, outputs)
                for _ in range(SLOTS):
                    self._slots.append(
                        ExecutionSlot(self._engine, memory, log, batch, self.inputs, self.outputs)
                    )
                if graphs:
                    self.notes = (self._record(),)
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

    def run_device(self, starts: Sequence[Callable[[ExecutionSlot], None]], stream: int) -> None:
        """Queue each native run on a slot: the slots wait for the caller's stream, which then waits for the slots.

        ``starts`` has one function per native run, which queues it on the given slot.
        """
        with self.memory.scope(), self._settled():
            for slot in self._slots:
                self.memory.wait(slot.stream, stream)
            for index, start in enumerate(starts):
                start(self._slots[index % SLOTS])
            for slot in self._slots:
                self.memory.wait(stream, slot.stream)

    def _record(self) -> str:
        """Record the launches of all slots or of none, and return a note."""
        try:
            for slot in self._slots:
                slot.record()
        except (CudaError, InferenceError) as error:
            for slot in self._slots:
                slot.forget()
            return f"no CUDA graph: {first_line(error)}"
        return "CUDA graphs: recorded"

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
        """Wait for all slots after an error or Ctrl-C: nothing may still read or write the buffers."""
        try:
            yield
        except BaseException:
            for slot in self._slots:
                with contextlib.suppress(Exception):  # the first error is being raised
                    self.memory.synchronize(slot.stream)
            raise


def _tensors(
    trt: Any, engine: Any, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """Return the graph's tensors with the engine's shapes."""
    engine_tensors: dict[Any, dict[str, TensorInfo]] = {
        trt.TensorIOMode.INPUT: {},
        trt.TensorIOMode.OUTPUT: {},
    }
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        dims = tuple(engine.get_tensor_shape(name))
        dtype = compat.dtype_of(engine.get_tensor_dtype(name))
        engine_tensors[engine.get_tensor_mode(name)][name] = TensorInfo(name, (None, *dims[1:]), dtype)
    sides = []
    for infos, mode in ((inputs, trt.TensorIOMode.INPUT), (outputs, trt.TensorIOMode.OUTPUT)):
        known = engine_tensors[mode]
        if set(known) != {info.name for info in infos}:
            raise ModelError(
                f"the engine's tensors are {sorted(known)}, the graph's {sorted(i.name for i in infos)}"
            )
        sides.append(tuple(_sharpened(info, known[info.name]) for info in infos))
    return sides[0], sides[1]


def _sharpened(info: TensorInfo, known: TensorInfo) -> TensorInfo:
    """Return a tensor with the engine's dimensions, and the graph's where the engine leaves one open (-1)."""
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
