"""Whether TensorRT can run here; the driver is asked before anything of TensorRT is touched."""

from __future__ import annotations

from fiqx_trt.errors import CudaError
from fiqx_trt.runtime import machine
from fiqx_trt.runtime.device import device_index
from fiqx_trt.runtime.tensorrt import compat
from fiqx_trt.runtime.tensorrt.driver import open_driver

__all__ = ["missing"]


def missing(device: str) -> str | None:
    """Return why TensorRT cannot run on a device, or None when it can.

    Raises
    ------
    ImportError
        The tensorrt package is not installed.
    """
    if not device.startswith("cuda"):
        return "TensorRT runs on NVIDIA GPUs only"
    absent = machine.cuda_missing()
    if absent is not None:
        return absent
    try:
        index, count = device_index(device), open_driver().count()
    except CudaError as error:
        return str(error)
    if index >= count:
        return f"there is no CUDA device {index}; this machine has {count}"
    return compat.unsupported(compat.load())
