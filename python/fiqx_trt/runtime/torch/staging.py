"""Copy host arrays to CUDA and back through page-locked memory, while another chunk is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from fiqx_trt.runtime.base import Chunk, TensorInfo

__all__ = ["SLOTS", "as_declared", "run_staged"]

#: Chunks in flight.
SLOTS = 2

Graph = Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]


class StagingBuffers:
    """Page-locked buffers for the inputs and outputs of one chunk, and an event after the copy of its results."""

    def __init__(self, device: torch.device, outputs: Sequence[TensorInfo]) -> None:
        self._outputs = outputs
        self._cuda = device.type == "cuda"
        self._kept: dict[str, torch.Tensor] = {}
        self._event = torch.cuda.Event() if self._cuda else None

    def start(self, graph: Graph, chunk: Chunk) -> None:
        """Queue a chunk on torch's current stream: upload, network, download."""
        feeds = {}
        for name, array in chunk.items():
            staged = self._staged(name, array.shape, torch.from_numpy(np.empty(0, array.dtype)).dtype)
            staged.numpy()[...] = array
            feeds[name] = staged
        results = graph(feeds)
        for info in self._outputs:
            value = results[info.name]
            self._staged(info.name, value.shape, value.dtype).copy_(value, non_blocking=True)
        if self._event is not None:
            self._event.record()

    def finish(self) -> Chunk:
        """Wait for the chunk and return copies of its results."""
        if self._event is not None:
            self._event.synchronize()
        return {
            info.name: self._kept[info.name].numpy().astype(info.dtype, copy=True) for info in self._outputs
        }

    def _staged(self, name: str, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
        kept = self._kept.get(name)
        if kept is None or tuple(kept.shape) != tuple(shape) or kept.dtype != dtype:
            kept = self._kept[name] = torch.empty(tuple(shape), dtype=dtype, pin_memory=self._cuda)
        return kept


def run_staged(
    graph: Graph, chunks: Sequence[Chunk], device: torch.device, outputs: Sequence[TensorInfo]
) -> list[Chunk]:
    """Run chunks of contiguous host arrays, with two of them in flight and one wait for each result; return new arrays.

    ``graph`` maps tensors in page-locked memory, which it uploads, to tensors on the device, by name, in the dtypes of
    ``outputs``. Work is queued on torch's current stream.
    """
    slots = [StagingBuffers(device, outputs) for _ in range(min(SLOTS, len(chunks)))]
    results: list[Chunk] = []
    for index, chunk in enumerate(chunks):
        slot = slots[index % SLOTS]
        if index >= SLOTS:
            results.append(slot.finish())
        slot.start(graph, chunk)
    for index in range(max(0, len(chunks) - SLOTS), len(chunks)):
        results.append(slots[index % SLOTS].finish())
    return results


def as_declared(results: dict[str, torch.Tensor], outputs: Sequence[TensorInfo]) -> dict[str, torch.Tensor]:
    """Return results in the dtypes that the graph declares, where the session computes in another float type."""
    return {info.name: _as_type(results[info.name], info.dtype) for info in outputs}


def _as_type(value: torch.Tensor, dtype: np.dtype[Any]) -> torch.Tensor:
    return (value.to(getattr(torch, dtype.name)) if value.is_floating_point() else value).contiguous()
