"""Native runs of one fixed shape: buffers for the inputs, and the work on them, recorded as a CUDA graph on a GPU.

A recording takes the host's part, hundreds of launches, out of every run.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping

import torch

from fiqx_trt.runtime.base import first_line

__all__ = ["FixedRun", "Recorder", "Turn", "cuda_recorder", "recorder_of", "wanted"]

logger = logging.getLogger(__name__)

Tensors = dict[str, torch.Tensor]
Work = Callable[[], Tensors]
#: Takes work, and returns a function that does it again in the same memory.
Recorder = Callable[[Work], Work]


def wanted() -> bool:
    """Return whether CUDA graphs are recorded: unless ``FIQX_CUDA_GRAPHS`` is 0."""
    return os.environ.get("FIQX_CUDA_GRAPHS", "1") not in ("", "0")


def recorder_of(device: torch.device) -> Recorder | None:
    """Return what records the work of a device; None where work is queued call by call."""
    return cuda_recorder(device) if device.type == "cuda" and wanted() else None


def cuda_recorder(device: torch.device) -> Recorder:
    """Return a recorder of CUDA graphs; its recordings share memory, so one of them may be at work at a time."""
    pool = torch.cuda.graph_pool_handle()

    def record(work: Work) -> Work:
        with torch.cuda.device(device):
            current, side = torch.cuda.current_stream(device), torch.cuda.Stream(device)
            side.wait_stream(current)
            with torch.cuda.stream(side):
                work()  # the first run chooses algorithms and allocates what a recording may not
            current.wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            # Other threads may use CUDA meanwhile.
            with torch.cuda.graph(graph, pool=pool, stream=side, capture_error_mode="thread_local"):
                results = work()

        def replay() -> Tensors:
            graph.replay()
            return results

        return replay

    return record


class FixedRun:
    """A native run of one number of rows.

    Parameters
    ----------
    work
        Computes results from the input buffers.
    inputs
        A buffer per input, of the run's shape and all zeros.
    recorder
        Records the work; None: the work itself is done each time.

    Attributes
    ----------
    note
        Whether the work is recorded, or why not.
    """

    def __init__(
        self, work: Callable[[Tensors], Tensors], inputs: Tensors, recorder: Recorder | None = None
    ) -> None:
        self._inputs = inputs
        self._work: Work = lambda: work(inputs)
        self.note = ""
        if recorder is None:
            return
        try:
            self._work = recorder(self._work)
            self.note = "CUDA graphs: recorded"
        except RuntimeError as error:  # torch's own, of CUDA and of what cannot be recorded
            self.note = f"no CUDA graph: {first_line(error)}"
            logger.warning("torch launches each operator by itself, which is slower: %s", self.note)

    def __call__(self, feeds: Mapping[str, torch.Tensor]) -> Tensors:
        """Queue a run of up to as many rows as the buffers have; the last row is repeated as padding.

        ``feeds`` may be page-locked memory of the host. The results have all rows of the buffers, and are valid until the next
        run.
        """
        for name, buffer in self._inputs.items():
            rows = feeds[name]
            buffer[: len(rows)].copy_(rows, non_blocking=True)
            if 0 < len(rows) < len(buffer):
                buffer[len(rows) :].copy_(buffer[len(rows) - 1 : len(rows)].expand_as(buffer[len(rows) :]))
        return self._work()


class Turn:
    """Orders runs that share buffers, whatever streams they are queued on."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._done = torch.cuda.Event() if device.type == "cuda" else None

    @contextlib.contextmanager
    def take(self) -> Iterator[None]:
        """Queue the block's work after that of the turn before; the host does not wait."""
        if self._done is None:
            yield
            return
        stream = torch.cuda.current_stream(self._device)
        stream.wait_event(self._done)  # one that was never recorded is no wait
        try:
            yield
        finally:
            self._done.record(stream)
