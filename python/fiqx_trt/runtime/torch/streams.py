"""Order torch's work among the CUDA streams of callers and of the arrays they give."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from fiqx_trt.kernels import DeviceArray
from fiqx_trt.runtime.device import LEGACY_DEFAULT

__all__ = ["as_tensor", "on_stream", "ordered", "stream_at"]


def stream_at(handle: int, device: torch.device) -> torch.cuda.Stream:
    """Return torch's object of a CUDA stream.

    ``torch.cuda.ExternalStream(0)`` is not the default stream: it returns an unrelated stream of torch's pool without an
    error. The default stream has the handle 0 in the CUDA runtime and 1 in ``__cuda_array_interface__``.
    """
    if handle in (0, LEGACY_DEFAULT):
        return torch.cuda.default_stream(device)
    return torch.cuda.ExternalStream(handle, device=device)


def on_stream(stream: int | None, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Return a context in which torch queues its work on a stream; None, or a processor: where it queues it now."""
    if stream is None or device.type == "cpu":
        return contextlib.nullcontext()
    context: contextlib.AbstractContextManager[Any] = torch.cuda.stream(stream_at(stream, device))
    return context


@contextlib.contextmanager
def ordered(arrays: Iterable[Any], device: torch.device) -> Iterator[None]:
    """Order the block's work after the arrays' streams, and their streams after it.

    The second half keeps the memory: an array that is dropped after the block is freed, and given out again, in the order
    of its own stream.
    """
    if device.type == "cpu":
        yield
        return
    arrays = list(arrays)
    current = torch.cuda.current_stream(device)
    handles = dict.fromkeys(handle for handle in map(_handle, arrays) if handle is not None)
    streams = [stream_at(handle, device) for handle in handles]
    others = [stream for stream in streams if stream.cuda_stream != current.cuda_stream]
    for other in others:
        current.wait_stream(other)
    try:
        yield
    finally:
        for other in others:
            other.wait_stream(current)
        for array in arrays:
            if isinstance(array, torch.Tensor):
                array.record_stream(current)


def as_tensor(array: Any, device: torch.device) -> torch.Tensor:
    """Return an array of a device as a tensor that shares its memory; use it inside :func:`ordered`."""
    if isinstance(array, DeviceArray) and device.type == "cuda":
        array = _Unlent(array)
    return torch.as_tensor(array, device=device)


class _Unlent:
    """A view of one of our arrays for torch.

    The array's own interface is for readers whose streams nobody knows: freeing memory that it was read of waits for the
    whole device. Here :func:`ordered` orders the streams.
    """

    def __init__(self, array: DeviceArray) -> None:
        self._array = array
        self.__cuda_array_interface__ = {
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": (array.pointer, False),
            "strides": None,
            "version": 2,
        }


def _handle(array: Any) -> int | None:
    """Return the handle of the stream on which an array becomes valid; None for tensors, which torch orders itself."""
    if isinstance(array, torch.Tensor):
        return None
    if isinstance(array, DeviceArray):
        return array.stream or LEGACY_DEFAULT
    stream = getattr(array, "__cuda_array_interface__", {}).get("stream")
    return None if stream is None else int(stream)
