"""CUDA graphs: an engine's launches recorded once and then queued as one, which reduces the work of the host.

They are recorded by the driver's own calls, because pycuda has none for them. Off unless ``FIQX_CUDA_GRAPHS=1`` is in the
environment: the gain has not been measured yet.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from fiqx_trt.runtime.tensorrt.driver import CudaDriver

__all__ = ["ExecutionGraph", "wanted"]


def wanted() -> bool:
    """Return whether the environment enables CUDA graphs."""
    return os.environ.get("FIQX_CUDA_GRAPHS", "0") not in ("", "0")


class ExecutionGraph:
    """A recording of the work that a function queues on a stream, with the buffers and shapes of the recording.

    Parameters
    ----------
    driver
        The driver; its context is current in every call.
    stream
        A stream that does not wait for the default one.
    queue
        Queues the work. It has run once before, so that everything prepared in a first run exists.

    Raises
    ------
    CudaError
        The work cannot be recorded, for example because it waits for the device or allocates memory. Exceptions of `queue`
        are passed on. The stream is unchanged in either case.
    """

    def __init__(self, driver: CudaDriver, stream: int, queue: Callable[[], None]) -> None:
        self._driver = driver
        self._stream = stream
        self._graph = driver.record(stream, queue)

    def launch(self) -> None:
        """Queue the recorded work on the stream."""
        self._driver.launch(self._graph, self._stream)

    def close(self) -> None:
        """Destroy the recording; the stream must be idle."""
        self._driver.destroy_graph(self._graph)
