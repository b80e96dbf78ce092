"""The only module that depends on the TensorRT version; 10.13 to 11 use the same code.

All other calls exist in every version with the same name and signature (a test reads the official signatures).
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
    """Import tensorrt. Check the driver first: some of its objects crash at first use without one."""
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
    """Return the flags of a network with the types of the file.

    Version 10 types weakly by default; 11 always types strongly and ignores the flag. The flag for an explicit batch has no
    effect in 10, was removed in 11, and is not set.
    """
    return 1 << enum_value(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def enum_value(member: Any) -> int:
    """Return an enumeration's number."""
    return int(member.value)


def dtype_of(kind: Any) -> np.dtype[Any]:
    """Return the NumPy dtype of a tensor; raise ModelError where NumPy has none (bfloat16, float8, int4)."""
    name = str(kind.name)
    if name not in _DTYPES:
        raise ModelError(f"TensorRT holds an input or output in {name}, which NumPy does not know")
    return np.dtype(_DTYPES[name])
