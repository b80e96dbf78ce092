"""The one place that knows which TensorRT is installed; versions 10.13 to 11 run through the same code.

What the other modules call exists in all of them, under the same name and signature (a test reads the official
signatures); what differs, or may be missing, is asked here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fiqx_trt.errors import ModelError

__all__ = ["NEWEST", "OLDEST", "dtype_of", "enum_value", "load", "network_flags", "unsupported"]

OLDEST, NEWEST = (10, 13), (12,)

_DTYPES = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    "INT64": np.int64,
    "INT32": np.int32,
    "INT8": np.int8,
    "UINT8": np.uint8,
    "BOOL": np.bool_,
}


def load() -> Any:
    """Import tensorrt. Only after the driver was probed: some of its objects crash at first use without one."""
    import tensorrt

    return tensorrt


def unsupported(trt: Any) -> str | None:
    """Return why this version cannot be used, or None when it can."""
    numbers = tuple(int(part) for part in str(trt.__version__).split(".")[:2])
    if OLDEST <= numbers < NEWEST:
        return None
    return (
        f"TensorRT {trt.__version__} is installed, and versions 10.13 to 11 are supported "
        "(python -m pip install 'tensorrt>=10.13.2,<12')"
    )


def network_flags(trt: Any) -> int:
    """Return the flags of a network whose types are those of the file.

    Version 10 types weakly unless told; 11 has no other way, keeps the flag and ignores it. The flag for an
    explicit batch, needed long ago and without effect in 10, is gone in 11 and not given.
    """
    return 1 << enum_value(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def enum_value(member: Any) -> int:
    """Return an enumeration's number."""
    return int(member.value)


def dtype_of(kind: Any) -> np.dtype[Any]:
    """Return the NumPy dtype of a tensor.

    Raises
    ------
    ModelError
        NumPy has no such type (bfloat16, float8, int4).
    """
    name = str(kind.name)
    if name not in _DTYPES:
        raise ModelError(f"TensorRT holds an input or output in {name}, which NumPy does not know")
    return np.dtype(_DTYPES[name])
