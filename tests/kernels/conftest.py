"""An array on a device that is not there."""

from __future__ import annotations

import numpy as np
import pytest


class FakeDeviceArray:
    """Claims to be on a CUDA device; its pointer is never followed on a machine without one."""

    def __init__(self, array: np.ndarray, **entries: object) -> None:
        self.__cuda_array_interface__ = {
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": (array.ctypes.data, False),
            "strides": None,
            "version": 3,
            **entries,
        }


@pytest.fixture
def fake_device():
    return FakeDeviceArray
