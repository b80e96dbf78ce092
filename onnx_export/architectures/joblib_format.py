"""Read arrays from a joblib file without unpickling.

joblib writes the values of an array after its pickled description, in the same stream: the description, one
byte with the number of padding bytes, the padding, and the raw values.
"""

from __future__ import annotations

import io
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ModelError, SourceError
from fiqx_trt.pickle_reader import Dtype, Machine, Name, run_pickle

__all__ = ["read_arrays"]

_LARGEST_ARRAY = 1 << 26
_WRAPPER = "joblib.numpy_pickle", "NumpyArrayWrapper"
_NUMPY = {("numpy", "dtype"): "dtype", ("numpy", "ndarray"): "ndarray"}


def read_arrays(data: bytes, *, name: str) -> list[NDArray[np.float32]]:
    """Read a decompressed joblib dump of a list of float32 arrays; messages call the file `name`.

    ModelError where the bytes are damaged, name anything but numpy arrays, or hold anything but float32 arrays.
    """
    machine = _ArrayMachine(io.BytesIO(data))
    try:
        run_pickle(machine, machine.stream, name=name)
    except SourceError as error:
        raise ModelError(f"{error}; a list of arrays as joblib writes it was expected") from error
    result = machine.result
    if not isinstance(result, list) or not all(isinstance(item, _StoredArray) for item in result):
        raise ModelError(f"{name}: a list of arrays was expected, found {type(result).__name__}")
    arrays = [item.values for item in result]
    if any(array is None for array in arrays):
        raise ModelError(f"{name}: an array is named and never described")
    return arrays


class _StoredArray:
    """joblib's description of an array, empty until its state is set."""

    values: NDArray[np.float32] | None = None


class _ArrayMachine(Machine):
    """Knows numpy's types and joblib's description of an array; reads the values from the stream after it."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__()
        self.stream = stream

    def step(self, name: str, argument: Any) -> None:
        if name == "NEWOBJ":
            arguments, target = self.pop(), self.pop()
            if not (isinstance(target, Name) and target.kind == "wrapper" and arguments == ()):
                raise ValueError("a new object that is no array; the file is refused")
            self.push(_StoredArray())
        else:
            super().step(name, argument)

    def kind(self, module: object, attribute: object) -> str:
        name = str(module), str(attribute)
        found = "wrapper" if name == _WRAPPER else _NUMPY.get(name)
        if found is None:
            raise ValueError(f"it names {'.'.join(name)}, and only numpy arrays are let through")
        return found

    def set_state(self, target: object, state: object) -> None:
        if isinstance(target, _StoredArray) and isinstance(state, dict):
            target.values = self._values(state)
        else:
            super().set_state(target, state)

    def stop(self, _: Any) -> None:
        self.result = self.pop()

    def _values(self, state: dict[str, Any]) -> NDArray[np.float32]:
        shape, dtype, order = state["shape"], state["dtype"], state["order"]
        if not isinstance(dtype, Dtype) or dtype.numpy() != np.float32:
            found = dtype.numpy() if isinstance(dtype, Dtype) else type(dtype).__name__
            raise ValueError(f"float32 arrays were expected, found {found}")
        sizes = shape if isinstance(shape, tuple) else ()
        whole = all(type(size) is int and 0 <= size <= _LARGEST_ARRAY for size in sizes) and len(sizes) < 9
        if not sizes or not whole or prod(sizes) > _LARGEST_ARRAY or order not in ("C", "F"):
            raise ValueError(f"an array has order {str(order)[:20]!r} and shape {str(shape)[:60]}")
        if state.get("numpy_array_alignment_bytes") is not None:
            self._take(self._take(1)[0])
        raw = self._take(4 * prod(sizes))
        return np.frombuffer(raw, np.float32).copy().reshape(sizes, order=order)

    def _take(self, count: int) -> bytes:
        taken = self.stream.read(count)
        if len(taken) != count:
            raise ValueError(f"the file ends where {count} more bytes are needed")
        return taken
