"""InsightFace's verification sets (``lfw.bin``, ``agedb_30.bin``, ``cfp_fp.bin``): faces and pairs in one pickle.

The pickle holds ``(bins, issame)``: 2·P encoded pictures, those of a pair one after the other, and P flags. It is read
by :mod:`fiqx_trt.pickle_reader`, which cannot run code. A picture is called ``lfw.bin#00000``: the file and its
position. Files written under Python 2 hold text in the place of bytes; some programs store uint8 arrays. Both are read.
"""
# Names are texts here, of any bytes, spelled as the user does; Path would respell them.
# ruff: noqa: PTH116, PTH123

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from fiqx_trt.errors import SourceError, StorageError
from fiqx_trt.faces.storage import is_url, open_url
from fiqx_trt.pickle_reader import read_pickle

__all__ = ["BIN_SUFFIX", "VerificationSet", "bin_member", "is_bin", "open_bin", "read_member"]

BIN_SUFFIX = ".bin"
#: The sets that are used hold 60 to 120 MB; the pictures stay in memory while they are read.
MAX_BIN_BYTES = 1 << 30
#: Bytes that are looked at of an object to find what it is.
HEAD = 16
_MEMBER = re.compile(r"(.*\.bin)#([0-9]{5,})", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class VerificationSet:
    """The pictures and pairs of one file.

    Parameters
    ----------
    path
        The file, as the user names it.
    pictures
        2·P encoded pictures.
    same
        P flags: pictures 2p and 2p + 1 show one person.
    """

    path: str
    pictures: tuple[bytes, ...] = field(repr=False)
    same: tuple[bool, ...] = field(repr=False)

    def name(self, position: int) -> str:
        """Return what a picture is called."""
        return f"{self.path}#{position:05d}"

    @property
    def names(self) -> Iterator[str]:
        """What the pictures are called, in order."""
        return (self.name(position) for position in range(len(self.pictures)))


def open_bin(path: str | os.PathLike[str]) -> VerificationSet:
    """Read a verification set.

    Raises
    ------
    SourceError
        The file cannot be read, is larger than `MAX_BIN_BYTES`, or holds something else.
    """
    name = os.fspath(path)
    if is_url(name):
        return _opened(name, (0, 0))
    try:
        status = os.stat(name)
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"{name} is not a regular file")
        if status.st_size > MAX_BIN_BYTES:
            raise SourceError(
                f"{name} has {status.st_size:,} bytes; a verification set of at most {MAX_BIN_BYTES:,} is read"
            )
        return _opened(name, (status.st_size, status.st_mtime_ns))
    except (OSError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from error


@lru_cache(maxsize=2)
def _opened(path: str, _: tuple[int, int]) -> VerificationSet:
    content = read_pickle(_content(path), name=path, raw_bytes=True)
    if not (isinstance(content, tuple | list) and len(content) == 2):
        raise _other(path, "it is no pair of pictures and flags")
    bins, same = content
    if not (isinstance(bins, list | tuple) and isinstance(same, list | tuple | bytes)):
        raise _other(path, "its two parts are no lists")
    if len(bins) != 2 * len(same) or not bins:
        raise _other(path, f"{len(bins)} pictures and {len(same)} flags; there are two pictures to a flag")
    pictures = tuple(_encoded(path, position, one) for position, one in enumerate(bins))
    return VerificationSet(
        path, pictures, tuple(_flag(path, position, one) for position, one in enumerate(same))
    )


def _content(path: str) -> bytes:
    """Read a file, or an object of a store, which stays in memory as well."""
    if not is_url(path):
        with open(path, "rb") as file:
            return file.read(MAX_BIN_BYTES)
    try:
        with open_url(path, ahead=True) as stream:
            data = stream.read(MAX_BIN_BYTES + 1)
    except FileNotFoundError as error:
        raise SourceError(f"cannot read {path}: no such object") from error
    if len(data) > MAX_BIN_BYTES:
        raise SourceError(f"{path} has more bytes than a verification set may have, {MAX_BIN_BYTES:,}")
    return data


def _encoded(path: str, position: int, one: object) -> bytes:
    if isinstance(one, bytes | bytearray):
        return bytes(one)
    try:
        if isinstance(one, str):  # Python 2's byte string
            return one.encode("latin-1")
    except UnicodeEncodeError:
        pass
    raise _other(path, f"picture {position} is a {type(one).__name__} and no encoded picture")


def _flag(path: str, position: int, one: object) -> bool:
    if one in (0, 1):
        return bool(one)
    raise _other(path, f"the flag of pair {position} is {str(one)[:40]}; 0 or 1 was expected")


def _other(path: str, why: str) -> SourceError:
    return SourceError(f"{path} is no verification set of InsightFace (bins, issame): {why}")


def is_bin(path: str) -> bool:
    """Tell whether a file is called ``.bin`` and begins like a pickle; a picture of that name is none."""
    if not path.lower().endswith(BIN_SUFFIX):
        return False
    try:
        if is_url(path):
            with open_url(path, chunk=HEAD) as stream:
                return stream.read(1) == b"\x80"
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            return file.read(1) == b"\x80"
    except StorageError:
        raise
    except (OSError, ValueError):
        return False


def bin_member(name: str) -> tuple[str, int] | None:
    """Return the file and the position that a name such as ``lfw.bin#00012`` means; ``None`` for other names.

    Examples
    --------
    >>> bin_member("sets/lfw.bin#00012"), bin_member("lfw.bin")
    (('sets/lfw.bin', 12), None)
    """
    match = _MEMBER.fullmatch(name)
    return None if match is None else (match[1], int(match[2]))


def read_member(path: str, position: int) -> bytes:
    """Return an encoded picture of a set.

    Raises
    ------
    SourceError
        The file is no such set, or has no picture of that number.
    """
    pictures = open_bin(path).pictures
    if position >= len(pictures):
        raise SourceError(f"{path} has {len(pictures)} pictures, so there is no #{position:05d}")
    return pictures[position]
