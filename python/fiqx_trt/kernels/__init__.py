"""The native kernels: small typed functions over ``_core``.

Common rules
------------
- The device follows the array: NumPy arrays run on the CPU, arrays with ``__cuda_array_interface__`` (torch,
  CuPy, pycuda's GPUArray, :class:`DeviceArray`) on CUDA. All arrays of a call are on one device; a mixture
  raises :class:`~fiqx_trt.errors.DeviceMismatchError`, a device array without CUDA
  :class:`~fiqx_trt.errors.CudaUnavailableError`, a failed CUDA call :class:`~fiqx_trt.errors.CudaError`.
- dtypes are exact, never converted silently: a wrong one raises
  :class:`~fiqx_trt.errors.InvalidInputError`, as does a wrong shape. NumPy inputs may have any strides (a
  strided one is copied); device arrays, ``out`` and states are C-contiguous.
- ``out`` receives the result and is returned; without it a new array is made: NumPy, or :class:`DeviceArray`.
- ``stream`` is a CUDA stream's handle. By default it is the one that the first array's interface names, or
  torch's current stream for torch tensors, or the default stream. CUDA work is queued, not waited for; a new
  array carries its stream in its interface. A given ``out`` is valid on the stream of the call.
- A :class:`DeviceArray`'s memory goes back in the order of its stream, and dropping it does not wait. An array that another
  library was handed (its interface was read) goes back when all work of the device is done, and that is waited for.
- The GIL is released. Results do not depend on the number of threads (``FIQX_THREADS`` in the environment; by
  default all processors of the process), and an image's result does not depend on the other images.
- CPU and CUDA share each formula and the order of its additions: the same bits come out of both.
"""

from __future__ import annotations

from fiqx_trt._core import DeviceArray
from fiqx_trt.kernels._arrays import Array, borrow, copy, reshape, rows
from fiqx_trt.kernels._maps import (
    CombinedMaps,
    QualityMaps,
    cam_combine,
    cam_constant,
    cam_masks,
    local_contrast,
    pixel_quality,
)
from fiqx_trt.kernels._pixels import (
    pixel_histogram,
    pixel_histogram_merge,
    pixel_histogram_quantile,
    pixel_median,
    pixel_moments,
    pixel_moments_merge,
    pixel_range,
)
from fiqx_trt.kernels._products import row_cosine, row_power
from fiqx_trt.kernels._scores import dropout_expand, dropout_masks, face_input, pair_spread

__all__ = [
    "Array",
    "CombinedMaps",
    "DeviceArray",
    "QualityMaps",
    "borrow",
    "cam_combine",
    "cam_constant",
    "cam_masks",
    "copy",
    "dropout_expand",
    "dropout_masks",
    "face_input",
    "local_contrast",
    "pair_spread",
    "pixel_histogram",
    "pixel_histogram_merge",
    "pixel_histogram_quantile",
    "pixel_median",
    "pixel_moments",
    "pixel_moments_merge",
    "pixel_quality",
    "pixel_range",
    "reshape",
    "row_cosine",
    "row_power",
    "rows",
]
