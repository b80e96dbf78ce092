"""The native kernels: small typed functions over ``_core``.

Common rules
------------
- The device follows the array: NumPy arrays run on the CPU, arrays with ``__cuda_array_interface__`` (torch,
  CuPy, pycuda's GPUArray, :class:`DeviceArray`) on CUDA. All arrays of a call are on one device.
- dtypes are exact and are never converted silently. NumPy inputs may have any strides (a strided one is copied);
  device arrays, ``out`` and states are C-contiguous.
- ``out`` receives the result and is returned; without it a new array is made: NumPy, or :class:`DeviceArray`.
- ``stream`` is the handle of a CUDA stream. The default is the stream in the first array's interface, torch's current
  stream for torch tensors, or else the default stream. CUDA work is queued and not waited for; a new array has its
  stream in its interface. A given ``out`` is valid on the stream of the call.
- The memory of a :class:`DeviceArray` is freed in the order of its stream, and dropping the array does not wait. If
  another library has read its interface, freeing it waits for all work of the device.
- The GIL is released. Results do not depend on the number of threads (``FIQX_THREADS`` in the environment; by
  default all processors of the process), and an image's result does not depend on the other images.
- CPU and CUDA share each formula and the order of its additions, and give the same bits. What searches pictures
  (:func:`resize_boxes`, :func:`pnet`, :func:`crop_net`) runs on the CPU alone.

Every function raises :class:`~fiqx_trt.errors.InvalidInputError` for a wrong shape, dtype or value,
:class:`~fiqx_trt.errors.DeviceMismatchError` for arrays on several devices,
:class:`~fiqx_trt.errors.CudaUnavailableError` for a device array without CUDA, and
:class:`~fiqx_trt.errors.CudaError` when a CUDA call fails.
"""

from __future__ import annotations

from fiqx_trt._core import DeviceArray
from fiqx_trt.kernels._arrays import Array, borrow, copy, on_device, reshape, rows
from fiqx_trt.kernels._detection import crop_net, pnet, resize_boxes
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
    "crop_net",
    "dropout_expand",
    "dropout_masks",
    "face_input",
    "local_contrast",
    "on_device",
    "pair_spread",
    "pixel_histogram",
    "pixel_histogram_merge",
    "pixel_histogram_quantile",
    "pixel_median",
    "pixel_moments",
    "pixel_moments_merge",
    "pixel_quality",
    "pixel_range",
    "pnet",
    "reshape",
    "resize_boxes",
    "row_cosine",
    "row_power",
    "rows",
]
