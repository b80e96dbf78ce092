"""torch: an ONNX graph interpreted with torch operators, on the CPU or on CUDA.

:class:`TorchGraph` is the differentiable callable; :class:`TorchSession` is the backend built on it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch

from fiqx_trt.errors import BackendUnavailableError
from fiqx_trt.runtime import gate, machine, tuning
from fiqx_trt.runtime.base import Chunk, Session
from fiqx_trt.runtime.graph import Graph
from fiqx_trt.runtime.options import Options
from fiqx_trt.runtime.torch.interpreter import OPERATORS, TorchGraph

__all__ = ["OPERATORS", "TorchGraph", "TorchSession", "open_graph", "unavailable"]

CUDA_BATCH = 32
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def unavailable(device: str) -> str | None:
    """Return why this backend cannot run on a device, or None when it can."""
    if device == "cpu":
        return None
    missing = machine.cuda_missing()
    if missing is not None:
        return missing
    if not torch.cuda.is_available():
        return "the installed torch is built without CUDA, or for another driver"
    index = torch.device(device).index or 0
    count = torch.cuda.device_count()
    return None if index < count else f"there is no CUDA device {index}; this machine has {count}"


def open_graph(graph: Graph, options: Options) -> Session:
    """Open a graph with the precision and the native batch that suit the device."""

    def open_with(precision: str, choice: tuning.Choice = tuning.REFERENCE) -> Session:
        rows = graph.static_batch or choice.batch
        return TorchSession(
            graph, device=options.device, precision=precision, batch=rows, threads=options.threads
        )

    key = _key(graph, options)
    precision, reason = options.precision, f"{options.precision}: asked for"
    if precision == "auto":
        cpu = options.device == "cpu"
        why = "half precision is not faster than fp32 in torch on a processor" if cpu else None
        precision, reason = gate.choose("fp16", open_with, options.probe, key, refused=why)

    def open_at(choice: tuning.Choice) -> Session:
        return open_with(precision, choice)

    if graph.free_shape:
        choice, told = tuning.REFERENCE, "batch 1: the input's shape is free"
    elif options.device == "cpu":
        groups = tuning.levels(1, options.max_batch, graph.static_batch)
        choice, told = tuning.tuned((*key, precision), open_at, groups, graph.inputs)
    else:
        choice, told = tuning.lawful_batch(open_at, graph, options.max_batch or CUDA_BATCH)
    session = open_at(choice)
    session.notes = (reason, told)
    return session


class TorchSession(Session):
    """A graph interpreted by torch.

    Parameters
    ----------
    graph
        What to run.
    device
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"`` …
    precision
        ``"fp32"``, ``"bf16"`` or ``"fp16"``: the type of the arithmetic, not of inputs and outputs.
    batch
        Rows per native run.
    threads
        Processor threads while it runs; None leaves torch's own setting.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        device: str = "cpu",
        precision: str = "fp32",
        batch: int = 1,
        threads: int | None = None,
    ) -> None:
        import onnx

        if device == "cpu" and precision == "fp16":
            raise BackendUnavailableError("torch on the CPU offers fp32 and bf16; use precision='auto'")
        self._graph = TorchGraph(
            onnx.load_model_from_string(graph.data), device=device, dtype=DTYPES[precision]
        )
        self._threads = threads
        super().__init__(
            backend="torch",
            device=device,
            precision=precision,
            batch=batch,
            inputs=graph.inputs,
            outputs=graph.outputs,
        )

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        with torch.inference_mode(), _threads(self._threads), _exact_convolutions():
            return [self._one(chunk) for chunk in chunks]

    def _one(self, chunk: Chunk) -> Chunk:
        # A copy: inference must not share memory with an array that torch would call not writable.
        results = self._graph({name: torch.tensor(array) for name, array in chunk.items()})
        converted: Chunk = {}
        for info in self.outputs:
            value = results[info.name]
            value = value.float() if value.dtype == torch.bfloat16 else value
            converted[info.name] = value.cpu().numpy().astype(info.dtype, copy=True)
        return converted

    def _close(self) -> None:
        del self._graph


@contextlib.contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        if count is not None:
            torch.set_num_threads(before)


def _exact_convolutions() -> contextlib.AbstractContextManager[None]:
    """Return a context with full float32 and deterministic algorithms in cuDNN, both off by default."""
    context: contextlib.AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return context


def _key(graph: Graph, options: Options) -> tuple[object, ...]:
    cpu = options.device == "cpu"
    name = machine.cpu_signature() if cpu else torch.cuda.get_device_name(torch.device(options.device))
    threads = options.threads or machine.cpu_count()
    return ("torch", torch.__version__, name, graph.digest, threads, options.max_batch)
