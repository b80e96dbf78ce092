"""What the typed functions share, and views of arrays wherever they lie."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from fiqx_trt import _core

__all__ = ["Array", "borrow", "copy", "reshape", "rows", "stream_of"]

#: A NumPy array or any array with ``__cuda_array_interface__``.
Array: TypeAlias = Any


def stream_of(array: Array, stream: int | None) -> int | None:
    """Torch's interface names no stream: ask torch, if this is one of its tensors, for the current one."""
    torch = sys.modules.get("torch")
    if stream is None and torch is not None and isinstance(array, torch.Tensor) and array.is_cuda:
        return int(torch.cuda.current_stream(array.device).cuda_stream)
    return stream


def borrow(array: Array, *, stream: int | None = None) -> _core.DeviceArray:
    """Return an array that lies on a device as a :class:`DeviceArray`, without a copy; one of those as it is.

    Parameters
    ----------
    array
        Of torch, CuPy, pycuda …; C-contiguous. It is kept alive.
    stream
        What the result's stream is to be; see the common rules of :mod:`fiqx_trt.kernels`.

    Raises
    ------
    InvalidInputError
        It lies in host memory, or is not C-contiguous.
    CudaUnavailableError, CudaError
        See the common rules.
    """
    if isinstance(array, _core.DeviceArray):
        return array
    return _core.DeviceArray.borrow(array, stream=stream_of(array, stream))


def rows(array: Array, start: int, stop: int) -> Array:
    """Return whole rows of an array as a view: what is written to it is written to the array.

    Parameters
    ----------
    array
        Of any rank above 0; C-contiguous where it lies on a device.
    start, stop
        ``0 <= start <= stop <= len(array)``.

    Returns
    -------
    array
        A NumPy view, or a :class:`DeviceArray` that keeps the memory alive.

    Raises
    ------
    InvalidInputError
        A device array that is not C-contiguous, or rows that it does not have.

    Examples
    --------
    >>> import numpy as np
    >>> rows(np.arange(6).reshape(3, 2), 1, 3)
    array([[2, 3],
           [4, 5]])
    """
    return array[start:stop] if isinstance(array, np.ndarray) else borrow(array).rows(start, stop)


def reshape(array: Array, shape: Sequence[int]) -> Array:
    """Return an array's elements, in their order, under another shape; without a copy on a device.

    Parameters
    ----------
    array
        Of any rank; C-contiguous where it lies on a device.
    shape
        As many elements; -1 is not allowed.

    Returns
    -------
    array
        A NumPy array (a view where NumPy can), or a :class:`DeviceArray` that keeps the memory alive.

    Raises
    ------
    InvalidInputError
        A device array that is not C-contiguous, or has another number of elements.
    ValueError
        A NumPy array has another number of elements.

    Examples
    --------
    >>> import numpy as np
    >>> reshape(np.arange(4), (2, 2))
    array([[0, 1],
           [2, 3]])
    """
    return array.reshape(tuple(shape)) if isinstance(array, np.ndarray) else borrow(array).reshape(shape)


def copy(source: Array, out: Array, *, stream: int | None = None) -> None:
    """Copy an array into another one, between any two places.

    Queued on the stream and not waited for, but where the host's side is not page-locked: then CUDA waits.

    Parameters
    ----------
    source
        Any dtype that the kernels know.
    out
        Written; the same dtype and shape.
    stream
        See the common rules of :mod:`fiqx_trt.kernels`.

    Raises
    ------
    InvalidInputError
        Another dtype or shape, or an array that cannot be written.
    CudaUnavailableError, CudaError
        See the common rules.

    Examples
    --------
    >>> import numpy as np
    >>> out = np.zeros(2)
    >>> copy(np.ones(2), out)
    >>> out
    array([1., 1.])
    """
    _core.copy(source, out, stream=stream_of(source, stream_of(out, stream)))
