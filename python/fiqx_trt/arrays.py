"""Reading ``.npz`` files that may be damaged or foreign: one kind of error, and no more memory than the file describes."""

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

__all__ = ["load_arrays"]

_SUFFIX = ".npy"
#: Bytes read at one time.
_PART = 1 << 20


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a ``.npz`` file; objects are refused, and so is an array that the file is too small for.

    Raises
    ------
    SourceError
        The file cannot be read, is damaged, or is something else; the message says why.
    """
    try:
        with open_regular(path) as file:
            return _members(file)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error
    # A damaged archive raises nearly anything: BadZipFile, EOFError, zlib.error, struct.error, NotImplementedError …
    except Exception as error:
        raise SourceError(
            f"{path} holds no arrays that can be read ({type(error).__name__}: {error})"
        ) from error


def _members(file: BinaryIO) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if not info.filename.endswith(_SUFFIX):
                raise ValueError(f"{info.filename!r} is no array")
            with archive.open(info) as member:
                found[info.filename.removesuffix(_SUFFIX)] = _array(member, info.file_size)
    return found


def _array(member: Any, size: int) -> NDArray[Any]:
    """Read one array whose header must fit the bytes that follow it."""
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
    """Read exactly as many bytes as there is room for; the archive checks its sum at the end."""
    at = 0
    while at < len(view):
        part = member.read(min(_PART, len(view) - at))
        if not part:
            raise EOFError(f"{at} bytes where {len(view)} were announced")
        view[at : at + len(part)] = part
        at += len(part)
    if member.read(1):
        raise ValueError("more bytes than the array has")
