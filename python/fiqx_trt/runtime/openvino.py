"""OpenVINO on the CPU: the default where there is no GPU.

Batch and streams are measured once per machine (:mod:`fiqx_trt.runtime.tuning`). ``precision="auto"`` uses bfloat16 only
where the processor has instructions for it and the probe faces pass the parity gate.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from fiqx_trt.errors import BackendUnavailableError, ModelError
from fiqx_trt.runtime import gate, machine, tuning
from fiqx_trt.runtime.base import Chunk, Session, TensorInfo, first_line
from fiqx_trt.runtime.graph import Graph
from fiqx_trt.runtime.options import Options
from fiqx_trt.runtime.paired import open_paired
from fiqx_trt.runtime.quiet import import_openvino

__all__ = ["OpenVinoSession", "open_graph", "unavailable"]

openvino = import_openvino()

HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
CAPABILITIES = {"bf16": "BF16", "fp16": "FP16"}


def unavailable(device: str) -> str | None:
    """Return why this backend cannot run on a device, or None when it can."""
    if device != "cpu":
        return "the OpenVINO backend runs on the CPU only"
    return None


def open_graph(graph: Graph, options: Options) -> Session:
    """Open a graph with the precision and the native batch that suit this machine."""
    if options.precision == "auto":
        precision, reason = gate.choose(
            "bf16",
            lambda precision: OpenVinoSession(graph, precision=precision, threads=options.threads),
            options.probe,
            _key(graph, options, "bf16"),
            refused=None if machine.has_bf16() else "this processor has no bf16 instructions",
        )
    else:
        precision, reason = options.precision, f"{options.precision}: requested"
        _require(precision)

    def open_at(choice: tuning.Choice) -> Session:
        return OpenVinoSession(graph, precision=precision, choice=choice, threads=options.threads)

    if graph.free_shape:
        session, batch_reason = open_at(tuning.REFERENCE), "batch 1: the input's shape is free"
    else:
        threads = options.threads or machine.cpu_count()
        groups = tuning.levels(threads, options.max_batch, graph.static_batch)

        def one_thread() -> Session:
            return OpenVinoSession(graph, precision=precision, threads=1)

        key = _key(graph, options, precision)
        measured, batch_reason = tuning.tuned(
            key, open_at, groups, graph.inputs, open_reference=one_thread if threads > 1 else None
        )
        session = open_paired(open_at, measured)
    session.notes = (reason, batch_reason)
    return session


class OpenVinoSession(Session):
    """A graph compiled by OpenVINO for the CPU with a fixed native batch.

    Parameters
    ----------
    graph
        The graph.
    precision
        ``"fp32"``, ``"bf16"`` or ``"fp16"``: dtype of the arithmetic, not of inputs and outputs.
    choice
        Rows per native run, and runs in flight; None for the smallest, one after another.
    threads
        Threads for all streams together; None for all processors.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        precision: str = "fp32",
        choice: tuning.Choice | None = None,
        threads: int | None = None,
    ) -> None:
        choice = choice or tuning.Choice(graph.static_batch or 1, 1)
        try:
            model = _core().read_model(graph.data)
            if graph.static_batch is None:
                model.reshape(_fixed_batch(model.inputs, graph.inputs, choice.batch))
            self._compiled = _core().compile_model(
                model, "CPU", _properties(precision, choice.streams, threads)
            )
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot open {graph.label}: {first_line(error)}") from error
        self._ports = (
            _ports(self._compiled.inputs, graph.inputs),
            _ports(self._compiled.outputs, graph.outputs),
        )
        # One request more than streams is being filled or emptied while the others compute.
        self._requests = [self._compiled.create_infer_request() for _ in range(choice.streams + 1)]
        super().__init__(
            backend="openvino",
            device="cpu",
            precision=precision,
            batch=choice.batch,
            inputs=graph.inputs,
            outputs=_sharpened(graph.outputs, self._compiled.outputs, self._ports[1]),
        )

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        results: list[Chunk] = []
        free = deque(self._requests)
        busy: deque[Any] = deque()
        try:
            for chunk in chunks:
                if not free:
                    results.append(self._collect(busy[0]))
                    free.append(busy.popleft())
                request = free.popleft()
                busy.append(request)
                # The chunk's memory is read in place; `chunks` keeps it alive until the request is done.
                feeds = {i: chunk[info.name] for i, info in zip(self._ports[0], self.inputs, strict=True)}
                request.start_async(feeds, share_inputs=True)
            while busy:
                results.append(self._collect(busy[0]))
                busy.popleft()
        finally:
            for request in busy:  # after an error or Ctrl-C: nothing may still read the caller's arrays
                request.cancel()
                _settle(request)
        return results

    def _collect(self, request: Any) -> Chunk:
        request.wait()
        return {
            info.name: np.array(request.get_output_tensor(i).data)
            for i, info in zip(self._ports[1], self.outputs, strict=True)
        }

    def _close(self) -> None:
        self._requests = []
        del self._compiled


@functools.cache
def _core() -> Any:
    return openvino.Core()


def _properties(precision: str, streams: int, threads: int | None) -> dict[str, Any]:
    properties = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "NUM_STREAMS": str(streams),
        "EXECUTION_MODE_HINT": "PERFORMANCE" if precision != "fp32" else "ACCURACY",
        "CACHE_DIR": "",
        "ENABLE_CPU_PINNING": False,  # several processes on one machine must not be pinned to the same cores
    }
    if threads is not None:
        properties["INFERENCE_NUM_THREADS"] = str(threads)
    return properties


def _fixed_batch(ports: Sequence[Any], inputs: Sequence[TensorInfo], batch: int) -> dict[Any, Any]:
    # By port: an input that an Identity reads loses its name.
    shapes = [openvino.PartialShape([batch, *(-1 if d is None else d for d in i.shape[1:])]) for i in inputs]
    return {ports[index]: shape for index, shape in zip(_ports(ports, inputs), shapes, strict=True)}


def _ports(ports: Sequence[Any], infos: Sequence[TensorInfo]) -> list[int]:
    """Return the index of each tensor's port, by name, or by the file's order where the name is lost."""
    port_index = {name: i for i, port in enumerate(ports) for name in port.get_names()}
    return [port_index.get(info.name, i) for i, info in enumerate(infos)]


def _sharpened(infos: Sequence[TensorInfo], ports: Sequence[Any], order: Sequence[int]) -> list[TensorInfo]:
    """Replace the file's output shapes by the inferred ones."""
    sharp = []
    for info, index in zip(infos, order, strict=True):
        shape = ports[index].get_partial_shape()
        if shape.rank.is_dynamic or len(shape) == 0:
            sharp.append(info)
            continue
        dims = (d.get_length() if d.is_static else None for d in list(shape)[1:])
        sharp.append(TensorInfo(info.name, (None, *dims), info.dtype))
    return sharp


def _settle(request: Any) -> None:
    try:
        request.wait()
    except RuntimeError:  # cancelled, or failed again: the first error is being raised
        return


def _require(precision: str) -> None:
    wanted = CAPABILITIES.get(precision)
    if wanted is not None and wanted not in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise BackendUnavailableError(
            f"precision '{precision}' is not available: OpenVINO does not offer it on this processor "
            f"({machine.cpu_signature()}): use precision='auto' or 'fp32'"
        )


def _key(graph: Graph, options: Options, precision: str) -> tuple[object, ...]:
    threads = options.threads or machine.cpu_count()
    version = openvino.get_version()
    return ("openvino", version, machine.cpu_signature(), graph.digest, precision, threads, options.max_batch)
