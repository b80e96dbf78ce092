"""CUDA graphs: an engine's launches recorded once and queued again as one, which spares the host most of its work.

They are recorded by the driver's own calls, because pycuda has none for them. Off unless ``FIQX_CUDA_GRAPHS=1`` is in the
environment: what they save has not been measured yet, and a network of many small layers has most to save.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from fiqx_trt.runtime.tensorrt.driver import Driver

__all__ = ["ExecutionGraph", "wanted"]


def wanted() -> bool:
    """Return whether the environment asks for CUDA graphs."""
    return os.environ.get("FIQX_CUDA_GRAPHS", "0") not in ("", "0")


class ExecutionGraph:
    """What a function queues on a stream, recorded. Buffers and shapes are those of the recording.

    Parameters
    ----------
    driver
        The driver; its context is current in every call.
    stream
        A stream that does not wait for the default one.
    queue
        Queues the work. It has run once before, so that what is prepared on the first run is there.

    Raises
    ------
    CudaError
        The work cannot be recorded: it waits for the device or asks for memory, say. What `queue` raises comes
        through. Either way the stream is as it was.
    """

    def __init__(self, driver: Driver, stream: int, queue: Callable[[], None]) -> None:
        self._driver = driver
        self._stream = stream
        self._graph = driver.record(stream, queue)

    def launch(self) -> None:
        """Queue the recorded work on the stream."""
        self._driver.launch(self._graph, self._stream)

    def close(self) -> None:
        """Destroy the recording; the stream is idle."""
        self._driver.destroy_graph(self._graph)
