"""Arrays on devices: a fake one for machines without, and a real one that cannot vanish from a test run."""

from __future__ import annotations

import os

import numpy as np
import pytest

from fiqx_trt import _core


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


# What an emulated device may do in any order, and late; the bits must be the same.
EMULATED = [("forward", "now"), ("reverse", "now"), ("shuffle", "late")]


@pytest.fixture(params=EMULATED if _core.cuda_emulated else [("device", "")], ids="-".join)
def cuda(request, monkeypatch):
    """Skips without a device; with FIQX_REQUIRE_CUDA=1 that is a failure instead."""
    if _core.cuda_emulated:
        monkeypatch.setenv("FIQX_EMULATED_ORDER", request.param[0])
        monkeypatch.setenv("FIQX_EMULATED_STREAMS", request.param[1])
    if _core.cuda_device_count() == 0:
        if os.environ.get("FIQX_REQUIRE_CUDA") == "1":
            pytest.fail(f"FIQX_REQUIRE_CUDA=1, but {_core.cuda_reason()}")
        pytest.skip(_core.cuda_reason())
    return _core.DeviceArray.from_host
