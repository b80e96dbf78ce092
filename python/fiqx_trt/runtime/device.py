"""Sessions with device arrays as inputs and outputs.

:meth:`Session.run` takes and returns host arrays everywhere. A :class:`DeviceSession` also has
:meth:`DeviceSession.run_device`: device arrays in, device arrays out, queued on the caller's stream. Check with
``isinstance(session, DeviceSession)``.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fiqx_trt.errors import DeviceMismatchError, InvalidInputError
from fiqx_trt.kernels import DeviceArray
from fiqx_trt.runtime.base import Session, TensorInfo

__all__ = ["DeviceSession", "DeviceView", "check_views", "device_index", "view"]

#: ``__cuda_array_interface__`` spells the legacy default stream 1, because 0 would be ambiguous.
LEGACY_DEFAULT = 1


@dataclass(frozen=True)
class DeviceView:
    """Address and layout of a device array.

    Attributes
    ----------
    pointer
        Address of its first element.
    shape, dtype
        As in NumPy; the elements are in C order.
    stream
        Handle of the stream on which its content becomes valid; None where no wait is needed.
    owner
        The array itself, which keeps the memory alive.
    """

    pointer: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    stream: int | None
    owner: Any


class DeviceSession(Session):
    """A session that can also take and return arrays in the memory of its device."""

    def run_device(self, feeds: Mapping[str, Any], *, stream: int | None = None) -> dict[str, Any]:
        """Run the graph on device arrays, without a copy to the host and without waiting.

        Parameters
        ----------
        feeds
            One array per input, by name, on this session's device (torch, CuPy, pycuda's GPUArray,
            :class:`fiqx_trt.kernels.DeviceArray`): the input's dtype and shape, C-contiguous, the same number
            of rows N >= 0 in each.
        stream
            Handle of the CUDA stream that the feeds are valid on and the results become valid on. None: the
            feeds' own streams, and torch's current stream for torch tensors.

        Returns
        -------
        dict
            One new device array of N rows per output, by name, with the bits of :meth:`Session.run`.

        Raises
        ------
        InvalidInputError
            A name, dtype or shape does not fit the graph.
        DeviceMismatchError
            An array is not on a device.
        InferenceError
            The session is closed, or the backend failed.
        """
        with self._turns.take():
            self._require_open()
            return self._run_device(feeds, stream)

    @abstractmethod
    def _run_device(self, feeds: Mapping[str, Any], stream: int | None) -> dict[str, Any]:
        """Check the feeds, split them into native runs, join the results."""


def device_index(device: str) -> int:
    """Return the number in ``"cuda:1"``; 0 without one.

    Examples
    --------
    >>> device_index("cuda"), device_index("cuda:1")
    (0, 1)
    """
    return int(device.partition(":")[2] or 0)


def view(name: str, array: Any) -> DeviceView:
    """Return address and layout of a device array.

    Raises
    ------
    DeviceMismatchError
        It is in host memory.
    InvalidInputError
        Its elements are not in C order.
    """
    if isinstance(array, DeviceArray):
        return DeviceView(array.pointer, array.shape, array.dtype, array.stream or LEGACY_DEFAULT, array)
    interface = getattr(array, "__cuda_array_interface__", None)
    if interface is None:
        raise DeviceMismatchError(
            f"input '{name}' is a {type(array).__name__} in host memory, and run_device takes device arrays: "
            "use run(), or copy it first, with torch.as_tensor(x, device='cuda')"
        )
    shape, dtype = tuple(interface["shape"]), np.dtype(interface["typestr"])
    strides = interface.get("strides")
    if strides is not None and tuple(strides) != _c_strides(shape, dtype.itemsize):
        raise InvalidInputError(f"input '{name}' is not C-contiguous: call .contiguous() on it first")
    return DeviceView(int(interface["data"][0]), shape, dtype, _stream(array, interface), array)


def check_views(inputs: Sequence[TensorInfo], feeds: Mapping[str, tuple[tuple[int, ...], Any]]) -> int:
    """Return the number of rows of feeds, by input; raise InvalidInputError where a name, dtype, shape or row count is wrong."""
    if set(feeds) != {info.name for info in inputs}:
        raise InvalidInputError(
            f"the feeds are named {sorted(feeds)}, the graph's inputs {sorted(i.name for i in inputs)}: give one each"
        )
    for info in inputs:
        shape, dtype = feeds[info.name]
        if dtype != info.dtype or not info.fits(shape):
            raise InvalidInputError(
                f"input '{info.name}' is {dtype} {tuple(shape)}, the graph expects {info}"
            )
    rows = {shape[0] for shape, _ in feeds.values()}
    if len(rows) != 1:
        raise InvalidInputError(
            f"the feeds have different numbers of rows ({sorted(rows)}); give the same number"
        )
    return int(rows.pop())


def _stream(array: Any, interface: Mapping[str, Any]) -> int | None:
    """Return the stream an array's content becomes valid on; torch's interface does not have its current one."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(array, torch.Tensor):
        return int(torch.cuda.current_stream(array.device).cuda_stream) or LEGACY_DEFAULT
    stream = interface.get("stream")
    return None if stream is None else int(stream)


def _c_strides(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    strides, size = [], itemsize
    for extent in reversed(shape):
        strides.append(size)
        size *= extent
    return tuple(reversed(strides))
