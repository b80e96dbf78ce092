"""The folder of a run's parts: on a disk, or in an object store."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from fiqx_trt.errors import OutputError, StorageError
from fiqx_trt.faces.storage import ABANDONED, is_url, list_url, open_url, remove_url, upload_url, write_url
from fiqx_trt.files import remove_abandoned, replacing, write_whole

__all__ = ["RunFolder", "open_folder"]

#: Folder of what describes the run; readers of data sets skip names that begin with ``_``.
OWN = "_fiqx"


class RunFolder(Protocol):
    """Named files of bytes. A file appears whole or not at all."""

    @property
    def location(self) -> str:
        """How the user names the folder."""
        ...

    def names(self, below: str = "", *, sweep: bool = False) -> set[str]:
        """Return the names of the files directly in the folder, or in one in it; `sweep` removes what killed writers left."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return a file's content; ``None`` where there is none."""
        ...

    def open(self, name: str, *, whole: bool = True) -> BinaryIO:
        """Open a file for reading; without `whole` only a small part of it is going to be read."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Write a file in one step, in the place of an old one."""
        ...

    def create(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a large file for writing; it appears when the body ends well."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; one that does not exist is no error."""
        ...


def open_folder(location: str) -> RunFolder:
    """Return the folder at a path or URL; it is made when the first file is written.

    Raises
    ------
    OutputError
        There is a file of this name.
    """
    if is_url(location):
        return _Store(location)
    if Path(location).is_file():
        raise OutputError(f"{location} is a file; wanted the folder of a run, with / at its end")
    return _Disk(location)


class _Disk:
    def __init__(self, location: str) -> None:
        self.location = location
        self._path = Path(location)

    def names(self, below: str = "", *, sweep: bool = False) -> set[str]:
        try:
            if sweep:
                remove_abandoned(self._path / below, ABANDONED)
            return {entry.name for entry in (self._path / below).iterdir()}
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise self._error(error) from error

    def read(self, name: str) -> bytes | None:
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._error(error) from error

    def open(self, name: str, *, whole: bool = True) -> BinaryIO:
        try:
            return (self._path / name).open("rb")
        except OSError as error:
            raise OutputError(f"cannot read {self._path / name}: {error.strerror or error}") from error

    def write(self, name: str, data: bytes) -> None:
        write_whole(self._place(name), data)

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        with replacing(
            self._place(name)
        ) as file:  # under a name of its own: two may write the same file at once
            yield file

    def _place(self, name: str) -> Path:
        path = self._path / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._error(error) from error
        return path

    def remove(self, name: str) -> None:
        try:
            with suppress(FileNotFoundError):
                (self._path / name).unlink()
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> OutputError:
        return OutputError(f"cannot use the folder {self.location}: {error.strerror or error}")


class _Store:
    def __init__(self, location: str) -> None:
        self.location = location
        self._url = location.rstrip("/")

    def names(self, below: str = "", *, sweep: bool = False) -> set[str]:
        folder = f"{self._url}/{below}".rstrip("/")
        begin = len(folder) + 1
        return {url[begin:] for url in list_url(folder, sweep=sweep) if "/" not in url[begin:]}

    def read(self, name: str) -> bytes | None:
        try:
            with open_url(f"{self._url}/{name}", chunk=1 << 20) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def open(self, name: str, *, whole: bool = True) -> BinaryIO:
        try:
            file = open_url(f"{self._url}/{name}", chunk=1 << 20 if whole else 1 << 16)
            if not whole:
                return file
            with file:  # a part is small: one request
                return io.BytesIO(file.read())
        except FileNotFoundError as error:
            raise StorageError(f"cannot read {self._url}/{name}: no such object") from error

    def write(self, name: str, data: bytes) -> None:
        write_url(f"{self._url}/{name}", data)

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        with tempfile.TemporaryFile(prefix="fiqx-") as file:
            yield file
            upload_url(f"{self._url}/{name}", file)

    def remove(self, name: str) -> None:
        remove_url(f"{self._url}/{name}")
