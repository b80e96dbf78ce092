"""Arrays out of a joblib file, through an unpickler that knows numpy arrays and nothing else.

A pickle can call anything it names, so only three names are let through. joblib puts the values of an array
behind the pickled description of it, in the same stream: the description ends, one byte says how many bytes
of padding follow, and then come the raw values.
"""

from __future__ import annotations

import io
import pickle
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ModelError

__all__ = ["read_arrays"]

_LARGEST_ARRAY = 1 << 26


def read_arrays(data: bytes, *, name: str) -> list[NDArray[np.float32]]:
    """Read a joblib dump of a list of float32 arrays.

    Parameters
    ----------
    data
        The dump, already decompressed.
    name
        What the file is called in error messages.

    Returns
    -------
    list of ndarray
        In the order of the list.

    Raises
    ------
    ModelError
        The bytes are damaged, name anything but numpy arrays, or hold anything but float32 arrays.
    """
    try:
        found = _ArrayUnpickler(data).load()
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from error
    # A damaged pickle raises nearly anything: EOFError, IndexError, KeyError, UnicodeDecodeError …
    except Exception as error:
        raise ModelError(
            f"{name}: not a list of arrays as joblib writes it, or damaged: {error!r}"
        ) from error
    if not isinstance(found, list) or not all(isinstance(item, _StoredArray) for item in found):
        raise ModelError(f"{name}: a list of arrays was expected, found {type(found).__name__}")
    return [item.values for item in found]


class _StoredArray:
    """Stands for joblib's description of an array; takes the values from the stream behind it."""

    stream: io.BytesIO
    values: NDArray[np.float32]

    def __setstate__(self, state: dict[str, Any]) -> None:
        shape, dtype = tuple(state["shape"]), state["dtype"]
        if not isinstance(dtype, np.dtype) or dtype != np.float32:
            raise ModelError(f"float32 arrays were expected, found {dtype}")
        if state["order"] not in ("C", "F") or prod(shape) > _LARGEST_ARRAY:
            raise ModelError(f"an array has order {state['order']!r} and shape {shape}")
        if state.get("numpy_array_alignment_bytes") is not None:
            self._take(self._take(1)[0])
        raw = self._take(4 * prod(shape))
        self.values = np.frombuffer(raw, dtype).astype(np.float32).reshape(shape, order=state["order"])

    def _take(self, count: int) -> bytes:
        taken = self.stream.read(count)
        if len(taken) != count:
            raise ModelError(f"the file ends where {count} more bytes are needed")
        return taken


class _ArrayUnpickler(pickle.Unpickler):
    """Allows numpy's array and dtype and joblib's description of an array."""

    def __init__(self, data: bytes) -> None:
        # io.BytesIO has no `peek`, so the unpickler reads no further than the pickle goes, and the values of
        # an array are next in the stream when its description is complete.
        stream = io.BytesIO(data)
        super().__init__(stream)
        self._allowed = {
            ("numpy", "dtype"): np.dtype,
            ("numpy", "ndarray"): np.ndarray,
            ("joblib.numpy_pickle", "NumpyArrayWrapper"): type(
                "_Stored", (_StoredArray,), {"stream": stream}
            ),
        }

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the allowed classes."""
        if (module, name) not in self._allowed:
            raise ModelError(f"it names {module}.{name}, and only numpy arrays are let through")
        return self._allowed[module, name]
