"""Inputs in object stores (``s3://``, ``gs://``, ``abfs://``, ``hf://`` …), through pyarrow's file systems.

A scheme that pyarrow does not know is opened with fsspec, where that is installed. *The object does not exist* is told from *the
store cannot be reached*: the first is a row of the table, the second is tried again and then ends the run with `StorageError`, so
that an outage never becomes rows. Credentials, region and endpoint come from where pyarrow takes them: the environment
(``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL`` …) or the machine's role.
"""

from __future__ import annotations

import io
import random
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from fiqx_trt.errors import FiqxError, ImageError, SourceError, StorageError
from fiqx_trt.faces.read_ahead import ReadAhead
from fiqx_trt.faces.walk import has_magic

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

__all__ = [
    "expand_url",
    "is_url",
    "list_url",
    "open_url",
    "read_url",
    "remove_url",
    "upload_url",
    "url_kind",
    "url_version",
    "write_url",
]

#: Seconds to wait before each further attempt; each wait is drawn between half and one and a half of its value.
WAITS = (0.25, 0.5, 1.0, 2.0)
#: Bytes that one request reads of an archive.
CHUNK = 8 << 20

#: Seconds after which an object under the name of a growing one has no writer any more: it exists for one request.
ABANDONED = 3600.0

_GROWING = re.compile(r"\..+-[0-9a-f]{16}", re.DOTALL)
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# What no further attempt changes, in the words of the stores' clients.
_FINAL = re.compile(
    r"ACCESS_DENIED|NO_SUCH_BUCKET|INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT|Forbidden|Unauthorized|anonymous",
    re.I,
)
_Result = TypeVar("_Result")


def is_url(name: str) -> bool:
    """Return whether a name begins with a scheme, such as ``s3://``.

    Examples
    --------
    >>> is_url("s3://faces/a.jpg"), is_url("faces/a.jpg")
    (True, False)
    """
    return _URL.match(name) is not None


def read_url(url: str, max_bytes: int) -> bytes:
    """Read an object.

    Parameters
    ----------
    url
        Its address; taken as it is, without decoding ``%20`` and the like.
    max_bytes
        Larger objects are refused.

    Raises
    ------
    ImageError
        There is no such object, or it is larger than `max_bytes`.
    StorageError
        The store cannot be reached, or does not let this user read the object.
    SourceError
        The scheme is unknown here.
    """

    def read() -> bytes:
        store, path = _store(url)
        with store.open_input_file(path) as file:
            size = file.size()
            if size > max_bytes:
                message = f"an object of {size:,} bytes: more than the limit of {max_bytes:,}"
                raise ImageError(message, status="unsupported")
            data: bytes = file.read(size)
            if len(data) < size:
                raise OSError(f"{len(data):,} of {size:,} bytes came")
            return data

    try:
        return _patiently(url, read)
    except FileNotFoundError as error:
        raise ImageError("no such object", status="decode_error") from error


def write_url(url: str, data: bytes) -> None:
    """Write an object; see `upload_url`."""
    upload_url(url, io.BytesIO(data))


def upload_url(url: str, file: BinaryIO) -> None:
    """Write a file as an object, which appears whole or not at all.

    It grows under another name in the same folder, which begins with a dot, and is then renamed: the stream of a process that
    ends while it writes is closed, and the store takes that for the end of the object.

    Raises
    ------
    StorageError, SourceError
        As in `read_url`, of writing.
    """

    def write() -> None:
        store, path = _store(url)
        folder, _, name = path.rpartition("/")
        growing = f"{folder}/.{name}-{secrets.token_hex(8)}"
        file.seek(0)
        with store.open_output_stream(growing) as stream:
            while data := file.read(CHUNK):
                stream.write(data)
        written = store.get_file_info([growing])[0].size
        if written != file.tell():
            raise OSError(f"{written} of {file.tell():,} bytes were written")
        store.move(growing, path)

    _patiently(url, write, what="write")


def remove_url(url: str) -> None:
    """Remove an object; one that does not exist is no error.

    Raises
    ------
    StorageError, SourceError
        As in `read_url`, of removing.
    """
    store, path = _store(url)
    with suppress(FileNotFoundError):
        _patiently(url, lambda: store.delete_file(path), what="remove")


def url_kind(url: str) -> str:
    """Return ``"file"``, ``"folder"`` or ``"missing"``.

    Raises
    ------
    StorageError, SourceError
        As in `read_url`.
    """
    from pyarrow.fs import FileType

    store, path = _store(url)
    kind = _patiently(url, lambda: store.get_file_info([path])[0].type)
    return {FileType.File: "file", FileType.Directory: "folder"}.get(kind, "missing")


def url_version(url: str) -> tuple[int, int] | None:
    """Return size and time of the last change (ns) of an object; ``None`` where there is none. Errors are those of `read_url`."""
    store, path = _store(url)
    info = _patiently(url, lambda: store.get_file_info([path])[0])
    return (info.size, info.mtime_ns or 0) if info.is_file else None


def list_url(url: str, *, sweep: bool = False) -> Iterator[str]:
    """Yield the URLs of all objects below a folder, sorted by the bytes of the names in each folder.

    Names that begin with a dot are left out, as in local folders. In memory is one folder at a time for each level.

    Parameters
    ----------
    sweep
        Remove what writers left that were killed more than `ABANDONED` seconds ago.

    Raises
    ------
    StorageError, SourceError
        As in `read_url`.
    """
    for name, is_folder in _entries(url, sweep=sweep):
        if is_folder:
            yield from list_url(_join(url, name), sweep=sweep)
        else:
            yield _join(url, name)


def expand_url(pattern: str) -> Iterator[str]:
    """Yield the URLs of the objects that a pattern matches; ``**`` stands for any number of folders.

    Raises
    ------
    StorageError, SourceError
        As in `read_url`.
    """
    scheme, authority, rest = _parts(pattern)
    if has_magic(authority):
        raise SourceError(f"{pattern!r}: the bucket cannot be a pattern")
    yield from _match(f"{scheme}://{authority}", [part for part in rest.split("/") if part])


def _match(base: str, parts: list[str]) -> Iterator[str]:
    head, rest = parts[0], parts[1:]
    if not rest and head == "**":
        yield from list_url(base)
    elif head == "**":
        yield from _match(base, rest)
        for name, is_folder in _entries(base):
            if is_folder:
                yield from _match(_join(base, name), parts)
    elif rest and not has_magic(head):
        yield from _match(_join(base, head), rest)
    else:
        wanted = re.compile(translate(head))
        for name, is_folder in _entries(base):
            if wanted.match(name) and is_folder == bool(rest):
                yield from _match(_join(base, name), rest) if rest else (_join(base, name),)


def open_url(url: str, *, chunk: int = CHUNK, ahead: bool = False) -> io.BufferedReader:
    """Open an object for reading; a read that fails is tried again from where it was.

    Parameters
    ----------
    chunk
        Bytes that one request reads.
    ahead
        The object is going to be read from its begin to its end: a thread fetches the next `chunk` while one is used.

    Raises
    ------
    FileNotFoundError
        There is no such object.
    StorageError, SourceError
        As in `read_url`; also while reading.
    """
    found = _Object(url)
    if ahead:
        return io.BufferedReader(ReadAhead(found.read_patiently, found.size, chunk), 1 << 16)
    return io.BufferedReader(found, chunk)


class _Object(io.RawIOBase):
    """An object as a raw file: every read is a request of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._at = 0
        self._file: Any = None
        self.size: int = _patiently(url, lambda: self._opened().size())

    def _opened(self) -> Any:
        if self._file is None:
            store, path = _store(self._url)
            self._file = store.open_input_file(path)
        return self._file

    def read_patiently(self, begin: int, size: int) -> bytes:
        """Return some bytes; errors are those of `read_url`."""
        return _patiently(self._url, lambda: self._read(begin, size))

    def _read(self, begin: int, size: int) -> bytes:
        try:
            data: bytes = self._opened().read_at(size, begin)
            if len(data) < size:
                raise OSError(f"{len(data):,} of {size:,} bytes came")
            return data
        except OSError:
            self._file = None  # the next attempt opens it again
            raise

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self.size - self._at)
        if size <= 0:
            return 0
        buffer[:size] = self.read_patiently(self._at, size)
        self._at += size
        return size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at


def _entries(url: str, *, sweep: bool = False) -> list[tuple[str, bool]]:
    """Return the names in a folder and whether each is a folder, sorted by their bytes."""
    from pyarrow.fs import FileSelector, FileType

    store, path = _store(url)
    try:
        found = _patiently(url, lambda: store.get_file_info(FileSelector(path)))
    except FileNotFoundError:
        return []
    for info in found if sweep else ():
        old = info.mtime is not None and time.time() - info.mtime.timestamp() > ABANDONED
        if old and _GROWING.fullmatch(info.base_name):
            remove_url(_join(url, info.base_name))
    names = [(info.base_name, info.type == FileType.Directory) for info in found]
    return sorted((entry for entry in names if not entry[0].startswith(".")), key=lambda e: e[0].encode())


def _join(url: str, name: str) -> str:
    return f"{url.rstrip('/')}/{name}"


def _parts(url: str) -> tuple[str, str, str]:
    """Return scheme, authority and path of a URL, spelled as they are."""
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    return scheme.lower(), authority, path


def _store(url: str) -> tuple[FileSystem, str]:
    """Return the file system of a URL, and the path in it."""
    scheme, authority, path = _parts(url)
    store, base = _opened(scheme, authority)
    return store, f"{base.rstrip('/')}/{path}".rstrip("/") if path else base


@lru_cache(maxsize=64)
def _opened(scheme: str, authority: str) -> tuple[FileSystem, str]:
    from pyarrow import ArrowException
    from pyarrow.fs import FileSystem

    root = f"{scheme}://{authority}" + ("/" if scheme == "file" else "")
    try:
        store, base = FileSystem.from_uri(root)
    except (ArrowException, ValueError, NotImplementedError, ImportError):
        return _by_fsspec(scheme, authority)
    except OSError as error:
        raise StorageError(f"cannot open {root}: {_reason(error)}") from error
    return store, base


def _by_fsspec(scheme: str, authority: str) -> tuple[FileSystem, str]:
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    cure = (
        f"{scheme}:// is not a scheme that pyarrow reads on this machine; install fsspec and its package for {scheme}, or "
        "download the files"
    )
    try:
        import fsspec

        store, base = fsspec.core.url_to_fs(f"{scheme}://{authority}")
    except (ImportError, ValueError) as error:
        raise SourceError(cure) from error
    return PyFileSystem(FSSpecHandler(store)), str(base)


def _patiently(url: str, call: Callable[[], _Result], *, what: str = "read") -> _Result:
    """Call, and again after what may pass.

    Raises
    ------
    FileNotFoundError
        At once.
    StorageError
        At once where a further attempt cannot help; otherwise after the last one.
    """
    for wait in (*WAITS, None):
        try:
            return call()
        except (FileNotFoundError, FiqxError):
            raise
        except OSError as error:
            if wait is None or isinstance(error, PermissionError) or _FINAL.search(str(error)):
                times = "" if wait is not None else f" after {len(WAITS) + 1} attempts"
                raise StorageError(f"cannot {what} {url}{times}: {_reason(error)}") from error
            time.sleep(wait * (0.5 + random.random()))
        except Exception as error:  # what the client of a store raises of its own
            raise StorageError(f"cannot {what} {url}: {_reason(error)}") from error
    raise AssertionError("the last attempt returns or raises")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
