"""Tar archives to pictures: in the order of the archive, one after the other, nothing unpacked to the disk.

A member is named ``shard.tar/inner/name.jpg``: the archive as the user spells it, then the member's name without
empty and ``.`` parts. Taken is what would be taken from the unpacked folder (regular files that end like a
picture, none below a name that begins with a dot); duplicates stay, links are left out.

The headers are read here and not by `tarfile`, whose iteration ends without a word at a damaged header. What is
behind damage is searched for the next header; several archives put together (``cat a.tar b.tar``) are read to
the end. Of a plain archive only headers are read while listing, and a picture where it is needed, in any thread.
A gzip stream has no middle to begin at, and in an object store each picture would be a request of its own: there an entry holds
the picture's bytes.
"""

from __future__ import annotations

import gzip
import logging
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, NamedTuple, cast

from fiqx_trt.errors import ImageError, StorageError
from fiqx_trt.faces.labels import Labels
from fiqx_trt.faces.storage import is_url, open_url
from fiqx_trt.faces.tar_extended import ENDLESS, LONGEST_NAME, Extended, read_pax
from fiqx_trt.faces.walk import is_picture_name

__all__ = ["ARCHIVE_SUFFIXES", "MAX_BYTES", "Entry", "is_archive_name", "walk_tar"]

_logger = logging.getLogger(__name__)

MAX_BYTES = 1 << 29
"""Largest picture that is read, in bytes; larger ones are ``unsupported``."""

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz")
"""Archives that are read, in lower or upper case."""

_REFUSED = (".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.lz4")
_PACKED = {b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4"}
_GZIP = b"\x1f\x8b"

_BLOCK = 512
_LONGEST = 1 << 20  # bytes of an extended header; a name is far shorter
_LONG_NAME, _PAX = tarfile.GNUTYPE_LONGNAME, (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_REGULAR = tarfile.REGULAR_TYPES
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
_AUXILIARY = (_LONG_NAME, *_PAX, tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture of an archive, or a place in it that cannot be read.

    Parameters
    ----------
    path
        Its name in the row; the archive's own for what belongs to no picture.
    problem
        Why it cannot be read; empty when it can.
    read
        Returns the picture's bytes or raises `ImageError`; ``None`` where there is a problem.
    """

    path: str
    problem: str = ""
    read: Callable[[], bytes] | None = None


class _BrokenError(Exception):
    """The stream cannot be read any further; the text says why."""


def is_archive_name(path: str) -> bool:
    """Tell whether a name ends like a tar archive, one that is read or one that is refused with a reason.

    Examples
    --------
    >>> is_archive_name("shard-0001.TAR"), is_archive_name("a.tgz"), is_archive_name("tar.jpg")
    (True, True, False)
    """
    return path.lower().endswith((*ARCHIVE_SUFFIXES, *_REFUSED))


def walk_tar(
    archive: str, *, on_skip: Callable[[str], None], labels: Labels | None = None
) -> Iterator[Entry]:
    """Yield the pictures of an archive, and one entry for every damage.

    Parameters
    ----------
    archive
        A tar file, plain or compressed with gzip; its bytes decide, not its name. Also a URL (`fiqx_trt.faces.storage`).
    on_skip
        Called with each member that is no picture, links included.
    labels
        Keeps the members that are labels.

    Notes
    -----
    In memory is one header, and of a compressed archive the picture that was yielded.
    """
    try:
        with _opened(archive) as file, _Stream(file, remote=is_url(archive)) as stream:
            yield from _Walk(archive, stream, on_skip, labels).entries()
    except StorageError:
        raise
    except FileNotFoundError:
        yield Entry(archive, "no such file")
    except (OSError, ValueError) as error:
        yield Entry(archive, f"cannot be read: {getattr(error, 'strerror', None) or error}")
    except _BrokenError as error:
        yield Entry(archive, str(error))


def _opened(archive: str) -> BinaryIO:
    if is_url(archive):
        return open_url(archive, ahead=True)
    number = os.open(archive, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(number, "rb")
    if not stat.S_ISREG(os.fstat(number).st_mode):
        file.close()
        raise _BrokenError("not a regular file")
    return file


class _Stream:
    """The bytes of an archive, unpacked; only ever read forward.

    `sequential` tells whether a picture is read while listing: in a gzip stream, and in an object store, where a later read would
    be a request for each picture.
    """

    def __init__(self, file: BinaryIO, *, remote: bool) -> None:
        magic = file.read(6)
        file.seek(0)
        for begin, name in _PACKED.items():
            if magic.startswith(begin):
                raise _BrokenError(
                    f"an archive compressed with {name}, which is not read; unpack it, or compress it with gzip"
                )
        self.at = 0
        self._packed = magic.startswith(_GZIP)
        self.sequential = self._packed or remote
        self.broken = False
        self._size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._file = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if self._packed else file

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        if self._packed:
            self._file.close()

    def read(self, size: int) -> bytes:
        """Read; fewer bytes only at the end."""
        try:
            data = self._file.read(size)
        except _DAMAGE as error:
            raise self._damage(error) from error
        self.at += len(data)
        return data

    def skip(self, size: int) -> bool:
        """Skip bytes; false when the stream ends before."""
        to = self.at + size
        try:
            self.at = self._file.seek(to if self._packed else min(to, self._size))
        except _DAMAGE as error:
            raise self._damage(error) from error
        return self.at == to

    def _damage(self, error: Exception) -> _BrokenError:
        self.broken = True
        return _BrokenError(f"the archive is damaged or cut off: {error}")


class _Header(NamedTuple):
    """One header block: the member's name, the size of its data, and its type flag."""

    name: str
    size: int
    kind: bytes

    @property
    def regular(self) -> bool:
        return self.kind in _REGULAR and not self.folder

    @property
    def folder(self) -> bool:
        return self.kind == tarfile.DIRTYPE or (self.kind == tarfile.AREGTYPE and self.name.endswith("/"))


class _Walk:
    def __init__(
        self, archive: str, stream: _Stream, on_skip: Callable[[str], None], labels: Labels | None
    ) -> None:
        self.archive = archive
        self._stream = stream
        self._on_skip, self._labels = on_skip, labels
        self._pictures = 0
        self._over = False  # cut off, and a row says so

    def entries(self) -> Iterator[Entry]:
        extended = Extended()
        while not (self._over or self._stream.broken):
            header, problem = self._next_header(pending=extended.pending)
            if problem:
                yield Entry(self.archive, problem)
            if header is None:
                return
            if header.kind in _AUXILIARY:
                yield from self._extend(extended, header)
            else:
                yield from self._member(header, extended)
                extended = Extended()

    def _next_header(self, *, pending: bool) -> tuple[_Header | None, str]:
        """Find the next header, through the zeros between archives put together and through damage."""
        begin = self._stream.at
        zeros, junk = 0, -1
        while len(block := self._stream.read(_BLOCK)) == _BLOCK:
            if not (block[0] or block.strip(b"\0")):
                zeros += junk < 0
                continue
            header = _parsed(block)
            if header is not None and (junk < 0 or block[257:262] == b"ustar"):
                damage = f"damaged between the bytes {junk:,} and {self._stream.at - _BLOCK:,}; what was there is lost"
                return header, f"the archive is {damage}" if junk >= 0 else ""
            junk = self._stream.at - _BLOCK if junk < 0 else junk
        if junk >= 0 and zeros:
            self._warn(f"the {self._stream.at - junk:,} bytes behind its end mark are not read")
            return None, ""
        return None, self._end(begin, junk, rest=bool(block) or pending, mark=zeros > 0)

    def _end(self, begin: int, junk: int, *, rest: bool, mark: bool) -> str:
        """Return what is wrong with the end of the archive."""
        if junk >= 0:
            return (
                "not a tar archive" if not junk else f"the archive is damaged from byte {junk:,} to its end"
            )
        if mark:
            return ""
        if rest or (begin and not self._pictures):
            return f"the archive is cut off at byte {self._stream.at:,}"
        if not begin:
            return "an empty file, not a tar archive"
        self._warn("it has no end mark; if it was cut off, the pictures behind the last one are missing")
        return ""

    def _warn(self, text: str) -> None:
        _logger.warning("the archive %s: %s", self.archive, text)

    def _extend(self, extended: Extended, header: _Header) -> Iterator[Entry]:
        read = header.kind in (_LONG_NAME, *_PAX)
        longest = LONGEST_NAME if header.kind == _LONG_NAME else _LONGEST
        if read and header.size > longest:
            yield Entry(
                self.archive, f"an extended header of {header.size:,} bytes at byte {self._stream.at:,}"
            )
        if not read or header.size > longest:
            self._over = not self._stream.skip(header.size) and read
            self._stream.skip(-header.size % _BLOCK)
            return
        extended.pending = True
        data = self._stream.read(header.size)
        self._stream.skip(-header.size % _BLOCK)
        if len(data) < header.size:
            return  # the end of the archive says so
        if header.kind == _LONG_NAME:
            extended.name = os.fsdecode(data.split(b"\0", 1)[0])
        elif not read_pax(data, extended):
            yield Entry(self.archive, f"the extended header before byte {self._stream.at:,} is damaged")

    def _member(self, header: _Header, extended: Extended) -> Iterator[Entry]:
        name = header.name if extended.name is None else extended.name
        parts = [part for part in name.split("/") if part not in ("", ".")]
        path = "/".join((self.archive, *parts))
        size = header.size if extended.size is None else extended.size
        regular = header.regular
        if not regular and header.kind in tarfile.SUPPORTED_TYPES:
            size = 0  # links, folders and devices have no data, whatever their header says
        if not regular or not is_picture_name(path) or any(p[0] == "." and p != ".." for p in parts):
            if not header.folder:
                self._on_skip(path)
            self._over = not self._pass_over(path, size if regular else 0, size)
            if self._over:
                yield Entry(self.archive, f"the archive is cut off in the middle of {name!r}")
        elif header.kind == tarfile.GNUTYPE_SPARSE or extended.sparse:
            self._over = not self._stream.skip(size)
            yield Entry(path, "a sparse file, which is not read from archives; unpack it")
        else:
            yield self._picture(path, size)
        if not self._stream.broken:
            self._stream.skip(-size % _BLOCK)

    def _pass_over(self, path: str, content: int, size: int) -> bool:
        """Skip what is no picture, and keep it where it is a label; false when the stream ends before."""
        if self._labels is None or not content or not self._labels.wants(path, content):
            return self._stream.skip(size)
        data = self._stream.read(content)
        self._labels.take(path, data)
        return len(data) == content

    def _picture(self, path: str, size: int) -> Entry:
        self._pictures += 1
        begin = self._stream.at
        if size > MAX_BYTES or not self._stream.sequential:
            whole = self._stream.skip(size)
            read = partial(_read_part, self.archive, begin, size)
        else:
            try:
                data = self._stream.read(size)
            except _BrokenError as error:
                return Entry(path, str(error))
            whole = len(data) == size
            read = partial(bytes, data)
        if not whole:
            self._over = True
            return Entry(path, "the archive is cut off in the middle of this picture")
        return Entry(path, read=read)


def _parsed(block: bytes) -> _Header | None:
    """Return the header a block holds, or None; several times as fast as `tarfile.TarInfo.frombuf`."""
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    try:
        check, size = int(_text(block, 148, 8) or b"x", 8), _size(block[124:136])
    except ValueError:
        return None
    if check != total and check != total - 256 * sum(byte > 127 for byte in block[:148] + block[156:]):
        return None  # the second sum takes bytes as signed, as some old programs did
    if not 0 <= size < ENDLESS:
        return None
    name, prefix = _text(block, 0, 100), _text(block, 345, 155) if block[257:263] == b"ustar\0" else b""
    return _Header(os.fsdecode(prefix + b"/" + name if prefix else name), size, block[156:157])


def _text(block: bytes, at: int, length: int) -> bytes:
    return block[at : at + length].split(b"\0", 1)[0]


def _size(cell: bytes) -> int:
    """Read octal digits, or binary behind a set bit (GNU); negative where it is neither."""
    if cell[0] & 0x80:
        return int.from_bytes(cell[1:], "big") if cell[0] == 0x80 else -1
    return int(cell.split(b"\0", 1)[0].strip() or b"0", 8)


def _read_part(archive: str, begin: int, size: int) -> bytes:
    """Read the bytes of one picture of a plain archive."""
    if size > MAX_BYTES:
        message = f"a file of {size:,} bytes: more than the limit of {MAX_BYTES:,}"
        raise ImageError(message, status="unsupported")
    try:
        with open(archive, "rb", buffering=0) as file:  # noqa: PTH123 -- spelled as the user does
            data = os.pread(file.fileno(), size, begin)
            while len(data) < size and (more := os.pread(file.fileno(), size - len(data), begin + len(data))):
                data += more
    except OSError as error:
        raise ImageError(
            f"the archive cannot be read: {error.strerror or error}", status="decode_error"
        ) from error
    if len(data) < size:
        raise ImageError("the archive was cut off after it was listed", status="decode_error")
    return data
