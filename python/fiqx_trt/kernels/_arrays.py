"""Views and copies of arrays on any device, and the helpers that the kernel functions share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from fiqx_trt import _core

__all__ = ["Array", "borrow", "copy", "on_device", "reshape", "rows", "stream_of"]

Array: TypeAlias = Any
"""A NumPy array or any array with ``__cuda_array_interface__``."""


def on_device(array: Array) -> bool:
    """Return whether an array is on a CUDA device.

    The interface of a :class:`DeviceArray` is not looked at: reading it says that another library was told the address.

    Examples
    --------
    >>> import numpy as np
    >>> on_device(np.zeros(2))
    False
    """
    return isinstance(array, _core.DeviceArray) or hasattr(array, "__cuda_array_interface__")


def stream_of(array: Array, stream: int | None) -> int | None:
    """Return the given stream, or torch's current stream for a torch tensor, whose interface has no stream."""
    torch = sys.modules.get("torch")
    if stream is None and torch is not None and isinstance(array, torch.Tensor) and array.is_cuda:
        return int(torch.cuda.current_stream(array.device).cuda_stream)
    return stream


def borrow(array: Array, *, stream: int | None = None) -> _core.DeviceArray:
    """Return a device array as a :class:`DeviceArray` without a copy; a :class:`DeviceArray` is returned as it is.

    The array (of torch, CuPy, pycuda …) must be C-contiguous. It is kept alive.
    """
    if isinstance(array, _core.DeviceArray):
        return array
    return _core.DeviceArray.borrow(array, stream=stream_of(array, stream))


def rows(array: Array, start: int, stop: int) -> Array:
    """Return the rows ``start`` to ``stop`` as a view; writing to the view writes to the array.

    A device array must be C-contiguous; its view keeps the memory alive.

    Examples
    --------
    >>> import numpy as np
    >>> rows(np.arange(6).reshape(3, 2), 1, 3)
    array([[2, 3],
           [4, 5]])
    """
    return array[start:stop] if isinstance(array, np.ndarray) else borrow(array).rows(start, stop)


def reshape(array: Array, shape: Sequence[int]) -> Array:
    """Return an array with another shape of the same size, without a copy on a device; -1 is not allowed.

    A device array must be C-contiguous; the result keeps its memory alive. NumPy raises ValueError for a wrong size.

    Examples
    --------
    >>> import numpy as np
    >>> reshape(np.arange(4), (2, 2))
    array([[0, 1],
           [2, 3]])
    """
    return array.reshape(tuple(shape)) if isinstance(array, np.ndarray) else borrow(array).reshape(shape)


def copy(source: Array, out: Array, *, stream: int | None = None) -> None:
    """Copy an array into another one of the same dtype and shape, between any two devices.

    The copy is queued on the stream. CUDA waits for it only where the host memory is not page-locked.

    Examples
    --------
    >>> import numpy as np
    >>> out = np.zeros(2)
    >>> copy(np.ones(2), out)
    >>> out
    array([1., 1.])
    """
    _core.copy(source, out, stream=stream_of(source, stream_of(out, stream)))
