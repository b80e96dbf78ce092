"""Writing small ``.npz`` files quickly, byte for byte the same for the same arrays.

``numpy.savez`` takes half as long again for arrays of a face's size; compressing them takes eight times as long and saves
a seventh of the room (``benchmarks/bench_face_files.py``).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import OutputError

__all__ = ["write_npz"]

#: Fields of a member after its signature (PKWARE's APPNOTE 6.3, 4.3.7): version 2.0, no flags, stored, 1980-01-01 0:00;
#: checksum, two sizes, and the lengths of name and extra field.
_MEMBER = struct.Struct("<5H3I2H")
_PLAIN = (20, 0, 0, 0, (1 << 5) | 1)
#: A member in the directory (4.3.12): the same fields behind the version it was made by; then comment length, disk number,
#: internal and external attributes, and where the member begins.
_ENTRY = struct.Struct("<3H2I")
#: The end of the directory (4.3.16): disks, entries, size, where it begins, comment length.
_END = struct.Struct("<4H2IH")
_LARGEST = 1 << 31


def write_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write named arrays as an uncompressed ``.npz``, in one write.

    Parameters
    ----------
    path
        The file.
    arrays
        ASCII name → array or number; together below 2 GiB.

    Raises
    ------
    OutputError
        The file cannot be written, or would be too large.
    """
    members, directory, begin = [], [], 0
    for name, values in arrays.items():
        file, data = f"{name}.npy".encode("ascii"), _npy(np.asarray(values, order="C"))
        fields = _MEMBER.pack(*_PLAIN, zlib.crc32(data), len(data), len(data), len(file), 0)
        directory += [b"PK\1\2", struct.pack("<H", 20), fields, _ENTRY.pack(0, 0, 0, 0, begin), file]
        members += [b"PK\3\4", fields, file, data]
        begin += 4 + len(fields) + len(file) + len(data)
        if begin >= _LARGEST:
            raise OutputError(f"cannot write {path}: the maps of one face take more than 2 GiB")
    listed = b"".join(directory)
    end = b"PK\5\6" + _END.pack(0, 0, len(arrays), len(arrays), len(listed), begin, 0)
    try:
        path.write_bytes(b"".join([*members, listed, end]))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; choose another folder") from error


def _npy(values: NDArray[Any]) -> bytes:
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(values))
    return header.getvalue() + values.tobytes()
