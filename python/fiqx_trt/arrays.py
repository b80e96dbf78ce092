"""Read ``.npz`` files that may be damaged or foreign, with one kind of error and bounded memory."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import SourceError
from fiqx_trt.files import open_regular

__all__ = ["load_arrays", "read_arrays"]

_SUFFIX = ".npy"
#: Bytes read at one time.
_PART = 1 << 20


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a ``.npz`` file; raise SourceError for objects, a damaged file, or an array larger than the file."""
    try:
        with open_regular(path) as file:
            return read_arrays(file, str(path))
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error


def read_arrays(file: BinaryIO, name: str) -> dict[str, NDArray[Any]]:
    """Read the arrays of an open ``.npz`` file called `name`; the errors are those of `load_arrays`."""
    try:
        return _members(file)
    except OSError as error:
        raise SourceError(f"cannot read {name}: {error.strerror or error}") from error
    # A damaged archive raises nearly anything: BadZipFile, EOFError, zlib.error, struct.error, NotImplementedError …
    except Exception as error:
        raise SourceError(
            f"{name} holds no arrays that can be read ({type(error).__name__}: {error})"
        ) from error


def _members(file: BinaryIO) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if not info.filename.endswith(_SUFFIX):
                raise ValueError(f"{info.filename!r} is no array")
            with archive.open(info) as member:
                arrays[info.filename.removesuffix(_SUFFIX)] = _array(member, info.file_size)
    return arrays


def _array(member: Any, size: int) -> NDArray[Any]:
    """Read one array whose header fits the number of bytes."""
    version = np.lib.format.read_magic(member)
    readers: Mapping[tuple[int, int], Any] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"an array of format {version[0]}.{version[1]}")
    shape, fortran, dtype = readers[version](member)
    wanted = dtype.itemsize * math.prod(shape)
    if dtype.hasobject or wanted < 0 or wanted > size:
        raise ValueError(f"an array of {shape} {dtype} in {size} bytes")
    values = np.empty(math.prod(shape), dtype)
    _fill(member, values.view(np.uint8).data if values.nbytes else memoryview(b""))
    return values.reshape(shape, order="F" if fortran else "C")


def _fill(member: BinaryIO, view: memoryview) -> None:
    """Read exactly as many bytes as the view has; the archive checks its sum at the end."""
    at = 0
    while at < len(view):
        part = member.read(min(_PART, len(view) - at))
        if not part:
            raise EOFError(f"{at} bytes where {len(view)} were announced")
        view[at : at + len(part)] = part
        at += len(part)
    if member.read(1):
        raise ValueError("more bytes than the array has")
