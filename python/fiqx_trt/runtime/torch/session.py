"""The session of the torch backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from fiqx_trt.errors import BackendUnavailableError, DeviceMismatchError
from fiqx_trt.runtime.base import Chunk
from fiqx_trt.runtime.device import DeviceSession, check_views
from fiqx_trt.runtime.graph import Graph
from fiqx_trt.runtime.torch import replay
from fiqx_trt.runtime.torch.interpreter import TorchGraph
from fiqx_trt.runtime.torch.numerics import (
    arithmetic,
    exact_convolutions,
    forbid_reduced_sums,
    limited_threads,
)
from fiqx_trt.runtime.torch.staging import as_declared, run_staged
from fiqx_trt.runtime.torch.streams import as_tensor, on_stream, ordered

__all__ = ["TorchSession"]


class TorchSession(DeviceSession):
    """A graph interpreted by torch; :meth:`run_device` returns torch tensors, on the CPU too.

    On a GPU weights and pictures are in the order of channels last, and the launches of a native run are recorded.

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

    Attributes
    ----------
    seconds
        What a native run of each offered number of rows takes: a call runs those that are the fastest for its rows. All
        of them give the same bits. Empty: every native run has :attr:`batch` rows.
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
        self._device = torch.device(device)
        self._graph = TorchGraph(model, device=device, dtype=dtype, channels_last=device != "cpu")
        self._threads = threads
        self.seconds: dict[int, float] = {}
        self._runs: dict[tuple[tuple[int, ...], ...], replay.FixedRun] = {}
        self._turn = replay.Turn(self._device)
        whole = all(info.dtype == np.float32 for info in graph.inputs)  # others are read by the host
        self._recorder = replay.recorder_of(self._device) if whole and not graph.free_shape else None
        super().__init__(
            backend="torch",
            device=device,
            precision=precision,
            batch=batch,
            inputs=graph.inputs,
            outputs=graph.outputs,
        )

    def forget(self, rows: int) -> None:
        """Free what native runs of so many rows keep."""
        self._runs = {key: run for key, run in self._runs.items() if key[0][0] != rows}

    def _native_rows(self, left: int) -> int:
        if not self.seconds:
            return self.batch
        return min(self.seconds, key=lambda rows: self.seconds[rows] / min(rows, left))

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        with torch.inference_mode(), limited_threads(self._threads), exact_convolutions():
            if self.device == "cpu":
                return [self._one(chunk) for chunk in chunks]
            with self._turn.take():
                return run_staged(self._native, chunks, self._device, self.outputs)

    def _one(self, chunk: Chunk) -> Chunk:
        # A copy: inference must not share memory with an array that torch would call not writable.
        results = self._declared({name: torch.tensor(array) for name, array in chunk.items()})
        return {info.name: results[info.name].numpy().astype(info.dtype, copy=True) for info in self.outputs}

    def _declared(self, feeds: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return as_declared(self._graph(feeds), self.outputs)

    def _native(self, feeds: Mapping[str, torch.Tensor], rows: int | None = None) -> dict[str, torch.Tensor]:
        """Queue one native run, of so many rows, or of as many as are given; its results are valid until the next one."""
        shapes = {name: (rows or len(feed), *feed.shape[1:]) for name, feed in feeds.items()}
        key = tuple(shapes.values())
        if key not in self._runs:
            if self._recorder is None:
                self._runs.clear()  # buffers are made quickly, and shapes may be many
            buffers = {
                name: torch.zeros(shape, dtype=feeds[name].dtype, device=self._device)
                for name, shape in shapes.items()
            }
            self._runs[key] = replay.FixedRun(self._declared, buffers, self._recorder)
            self.notes = tuple(dict.fromkeys((*self.notes, *filter(None, (self._runs[key].note,)))))
        return self._runs[key](feeds)

    def _run_device(self, feeds: Mapping[str, Any], stream: int | None) -> dict[str, Any]:
        for name, value in feeds.items():
            self._require_device(name, value)
        with (
            torch.inference_mode(),
            on_stream(stream, self._device),
            ordered(feeds.values(), self._device),
            self._turn.take(),
            exact_convolutions(),
        ):
            tensors = {name: as_tensor(value, self._device) for name, value in feeds.items()}
            kinds = {name: (tuple(t.shape), _numpy_type(t)) for name, t in tensors.items()}
            rows = check_views(self.inputs, kinds)
            results: dict[str, torch.Tensor] = {}
            for first, native in self._windows(rows):
                last = min(first + native, rows)
                found = self._native({name: tensor[first:last] for name, tensor in tensors.items()}, native)
                for info in self.outputs:
                    value = found[info.name]
                    if info.name not in results:
                        results[info.name] = value.new_empty((rows, *value.shape[1:]))
                    results[info.name][first:last].copy_(value[: last - first])
            return results

    def _windows(self, rows: int) -> Iterator[tuple[int, int]]:
        """Return the first row and the number of rows of each native run; one also where there are no rows."""
        first = 0
        while first < max(rows, 1):
            native = self._native_rows(max(rows - first, 1))
            yield first, native
            first += native

    def _require_device(self, name: str, value: Any) -> None:
        elsewhere = isinstance(value, torch.Tensor) and value.device.type != self._device.type
        if isinstance(value, np.ndarray) or elsewhere:
            raise DeviceMismatchError(
                f"input '{name}' is a {type(value).__name__} that is not on {self.device}: use run() for host "
                f"arrays, or copy it first, with torch.as_tensor(x, device='{self.device}')"
            )

    def _close(self) -> None:
        self._runs.clear()
        del self._graph


def _numpy_type(tensor: torch.Tensor) -> np.dtype[Any] | None:
    name = str(tensor.dtype).removeprefix("torch.")
    return None if name == "bfloat16" else np.dtype(name)
