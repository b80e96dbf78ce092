"""torch: an ONNX graph interpreted with torch operators, on the CPU or on CUDA.

:class:`TorchGraph` is the differentiable callable; :class:`TorchSession` is the backend built on it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from fiqx_trt.errors import BackendUnavailableError, DeviceMismatchError, ModelError
from fiqx_trt.runtime import gate, machine, tuning
from fiqx_trt.runtime.base import Chunk, Session
from fiqx_trt.runtime.device import DeviceSession, check_views
from fiqx_trt.runtime.graph import Graph
from fiqx_trt.runtime.options import Options
from fiqx_trt.runtime.torch.interpreter import OPERATORS, TorchGraph
from fiqx_trt.runtime.torch.staging import as_declared, run_staged
from fiqx_trt.runtime.torch.streams import as_tensor, on_stream, ordered

if TYPE_CHECKING:
    import onnx

__all__ = [
    "OPERATORS",
    "TorchGraph",
    "TorchSession",
    "arithmetic",
    "exact_convolutions",
    "limited_threads",
    "open_graph",
    "unavailable",
]

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
    precision, reason = options.precision, f"{options.precision}: requested"
    if precision == "auto":
        cpu = options.device == "cpu"
        why = "half precision is not faster than fp32 in torch on a processor" if cpu else None
        precision, reason = gate.choose("fp16", open_with, options.probe, key, refused=why)

    def open_at(choice: tuning.Choice) -> Session:
        return open_with(precision, choice)

    if graph.free_shape:
        session, batch_reason = open_at(tuning.REFERENCE), "batch 1: the input's shape is free"
    elif options.device == "cpu":
        groups = tuning.levels(1, options.max_batch, graph.static_batch)
        measured, batch_reason = tuning.tuned((*key, precision), open_at, groups, graph.inputs)
        session = open_at(measured.choice)
    else:
        batch = options.max_batch or CUDA_BATCH
        session, batch_reason = tuning.batch_invariant_session(open_at, graph, batch)
    session.notes = (reason, batch_reason)
    return session


class TorchSession(DeviceSession):
    """A graph interpreted by torch; :meth:`run_device` returns torch tensors, on the CPU too.

    Parameters
    ----------
    graph
        The graph.
    device
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"`` …
    precision
        ``"fp32"``, ``"bf16"`` or ``"fp16"``: dtype of the arithmetic, not of inputs and outputs.
    batch
        Rows per native run.
    threads
        Processor threads while it runs; None: torch's own setting.
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
        if device != "cpu":
            forbid_reduced_sums()
        model, dtype = arithmetic(onnx.load_model_from_string(graph.data), device, precision)
        self._graph = TorchGraph(model, device=device, dtype=dtype)
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
        with torch.inference_mode(), limited_threads(self._threads), exact_convolutions():
            if self.device == "cpu":
                return [self._one(chunk) for chunk in chunks]
            return run_staged(self._declared, chunks, torch.device(self.device), self.outputs)

    def _one(self, chunk: Chunk) -> Chunk:
        # A copy: inference must not share memory with an array that torch would call not writable.
        results = self._declared({name: torch.tensor(array) for name, array in chunk.items()})
        return {info.name: results[info.name].numpy().astype(info.dtype, copy=True) for info in self.outputs}

    def _declared(self, feeds: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return as_declared(self._graph(feeds), self.outputs)

    def _run_device(self, feeds: Mapping[str, Any], stream: int | None) -> dict[str, Any]:
        device = torch.device(self.device)
        for name, value in feeds.items():
            self._require_device(name, value)
        with (
            torch.inference_mode(),
            on_stream(stream, device),
            ordered(feeds.values(), device),
            exact_convolutions(),
        ):
            tensors = {name: as_tensor(value, device) for name, value in feeds.items()}
            kinds = {name: (tuple(t.shape), _numpy_type(t)) for name, t in tensors.items()}
            rows = check_views(self.inputs, kinds)
            parts = [self._part(tensors, first, rows) for first in range(0, max(rows, 1), self.batch)]
            return {info.name: torch.cat([part[info.name] for part in parts])[:rows] for info in self.outputs}

    def _require_device(self, name: str, value: Any) -> None:
        elsewhere = isinstance(value, torch.Tensor) and value.device.type != torch.device(self.device).type
        if isinstance(value, np.ndarray) or elsewhere:
            raise DeviceMismatchError(
                f"input '{name}' is a {type(value).__name__} that is not on {self.device}: use run() for host "
                f"arrays, or copy it first, with torch.as_tensor(x, device='{self.device}')"
            )

    def _part(self, tensors: Mapping[str, torch.Tensor], first: int, rows: int) -> dict[str, torch.Tensor]:
        """Run one chunk of exactly `batch` rows, padded by repeating the last row."""
        full = first + self.batch <= rows
        if not full:
            rows_or_last = torch.arange(first, first + self.batch, device=self.device).clamp(
                max=max(rows, 1) - 1
            )
        chunk = {
            name: tensor[first : first + self.batch]
            if full
            else tensor[rows_or_last]
            if rows
            else tensor.new_zeros((self.batch, *tensor.shape[1:]))
            for name, tensor in tensors.items()
        }
        return self._declared(chunk)

    def _close(self) -> None:
        del self._graph


def _numpy_type(tensor: torch.Tensor) -> np.dtype[Any] | None:
    name = str(tensor.dtype).removeprefix("torch.")
    return None if name == "bfloat16" else np.dtype(name)


@contextlib.contextmanager
def limited_threads(count: int | None) -> Iterator[None]:
    """Return a context in which torch uses so many threads; None: torch's own setting."""
    before = torch.get_num_threads()
    try:
        if count is not None:
            torch.set_num_threads(count)
        yield
    finally:
        if count is not None:
            torch.set_num_threads(before)


def exact_convolutions() -> contextlib.AbstractContextManager[None]:
    """Return a context with full float32 and deterministic algorithms in cuDNN; by default it has neither."""
    context: contextlib.AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return context


def arithmetic(model: onnx.ModelProto, device: str, precision: str) -> tuple[onnx.ModelProto, torch.dtype]:
    """Return the graph that a device runs in a precision, and the dtype that its float32 tensors get.

    A GPU gets the graph that TensorRT gets: batch norms are folded in float64 before any rounding, and in fp16 the
    sensitive operators stay in float32. A processor gets the graph as it is.
    """
    from fiqx_trt.onnx_export.graphs.fold import fold_batch_norms
    from fiqx_trt.onnx_export.graphs.half import to_half

    if device == "cpu":
        return model, DTYPES[precision]
    if precision == "fp16":
        with contextlib.suppress(
            ModelError
        ):  # a graph that cannot be written in half precision is rounded as a whole
            return to_half(model), torch.float32
    return fold_batch_norms(model), DTYPES[precision]


def forbid_reduced_sums() -> None:
    """Make matrix products of half precision on CUDA add in float32, for the whole process.

    By default cuBLAS may split a long product and add the parts in half precision; then accuracy, and whether a row's bits
    depend on its position, are its choice. The setting is one per process, so it is made once and never changed back.
    """
    products = torch.backends.cuda.matmul
    products.allow_fp16_reduced_precision_reduction = False
    products.allow_bf16_reduced_precision_reduction = False


def _key(graph: Graph, options: Options) -> tuple[object, ...]:
    cpu = options.device == "cpu"
    name = machine.cpu_signature() if cpu else torch.cuda.get_device_name(torch.device(options.device))
    threads = options.threads or machine.cpu_count()
    return ("torch", torch.__version__, name, graph.digest, threads, options.max_batch)
