"""Tar archives that a run writes: the same content gives the same bytes."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterable
from typing import BinaryIO

__all__ = ["FILE_COLUMNS", "files_name", "is_files_name", "write_members"]

#: Folders of the files of faces (:mod:`fiqx_trt.runs.face_files`), and the columns that name the files.
FILE_COLUMNS = {"maps": "maps", "pictures": "picture"}

_FILES = re.compile(r"(maps|pictures)-\d{8}\.tar")


def files_name(kind: str, number: int) -> str:
    """Return the name of the archive with the maps or the pictures of a unit.

    Examples
    --------
    >>> files_name("maps", 42), is_files_name("maps-00000042.tar"), is_files_name("maps.tar")
    ('maps-00000042.tar', True, False)
    """
    return f"{kind}-{number:08d}.tar"


def is_files_name(name: str) -> bool:
    """Return whether a file name is that of the maps or the pictures of a unit."""
    return _FILES.fullmatch(name) is not None


def write_members(file: BinaryIO, members: Iterable[tuple[str, bytes]]) -> None:
    """Write an archive of names and contents as GNU tar does, with nothing of this machine or this hour."""
    for name, data in members:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        file.write(member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
        file.write(data)
        file.write(bytes(-len(data) % tarfile.BLOCKSIZE))
    file.write(bytes(2 * tarfile.BLOCKSIZE))
