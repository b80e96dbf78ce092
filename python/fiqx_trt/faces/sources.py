"""What the user names as input, turned into one `Source` per picture, lazily and in a fixed order.

===========================  ===========================================================================
input                        means
===========================  ===========================================================================
a file                       that picture, whatever its suffix; one that is missing is a row that says so
a folder                     the pictures in it and below, sorted by the bytes of their names
``a/**/*.jpg``               a glob; a file or folder of exactly that name comes first
``@list.txt``                the pictures the file lists, one a line, ``#`` comments; write ``./@x`` for a
                             file of that name
``s3://bucket/faces/``       the same in an object store: pictures, folders, globs, ``@`` lists, archives, tables
                             (see `fiqx_trt.faces.storage`)
``-``                        the pictures listed on standard input, one a line or ended by NUL
``x.tar .tar.gz .tgz``       the pictures in a tar archive, in its order, each named ``x.tar/inner/name.jpg``;
                             nothing is unpacked to the disk (see `fiqx_trt.faces.tar`)
``x.bin``                    the pictures of a verification set of InsightFace, each named ``x.bin#00000``
``x.rec``                    the pictures of a RecordIO file of InsightFace, each named ``x.rec/00000001.jpg``
``x.csv .jsonl .parquet``    the pictures in its column ``path`` (or another); earlier score files as well; a
                             Parquet file may hold the pictures themselves (see `fiqx_trt.faces.picture_tables`)
``x-{0000..1384}.tar``       each name that the braces stand for, as an input; a file of exactly that name
                             comes first
===========================  ===========================================================================

Relative paths in lists and tables are relative to the current directory, as with other programs. Each line is
one picture: folders, globs and archives in lists are not expanded, and neither are archives in folders, which
are searched for pictures only; ``folder/*.tar`` takes them. Nothing is dropped silently: duplicates stay, what
cannot be read becomes a row, and an input that names no picture at all is an error.
"""
# Names are texts here, of any bytes, spelled as the user does; Path would respell them.
# ruff: noqa: PTH112, PTH116, PTH118, PTH122

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fiqx_trt.errors import SourceError, StorageError
from fiqx_trt.faces.bins import is_bin, open_bin
from fiqx_trt.faces.braces import expand_braces, has_braces
from fiqx_trt.faces.lists import TABLE_SUFFIXES, read_list, read_names, read_table
from fiqx_trt.faces.picture_tables import picture_column
from fiqx_trt.faces.recordio import RECORD_SUFFIX, is_recordio
from fiqx_trt.faces.source import Container, Source
from fiqx_trt.faces.storage import expand_url, is_url, list_url, url_kind
from fiqx_trt.faces.tar import ARCHIVE_SUFFIXES, MAX_BYTES, is_archive_name
from fiqx_trt.faces.walk import (
    PICTURE_SUFFIXES,
    READ_SUFFIXES,
    Found,
    expand_glob,
    has_magic,
    is_picture_name,
    walk_folder,
)

__all__ = [
    "ARCHIVE_SUFFIXES",
    "MAX_BYTES",
    "PICTURE_SUFFIXES",
    "Container",
    "Source",
    "is_stream",
    "iter_pieces",
    "iter_sources",
]

#: Files named one by one that are looked into before any work is done: 100,000 archives would take minutes.
OPENED = 100


def iter_sources(
    specs: Sequence[str | Path] | str | Path,
    *,
    null_separated: bool = False,
    stdin: BinaryIO | None = None,
    column: str | None = None,
    on_skip: Callable[[str], None] | None = None,
) -> Iterator[Source]:
    """List the pictures that the inputs name.

    Parameters
    ----------
    specs
        The inputs; see the table above.
    null_separated
        Names on standard input end with NUL, as ``find -print0`` writes them.
    stdin
        Read in the place of standard input.
    column
        The column of tables that holds the paths; ``None`` means ``path``.
    on_skip
        Called with each file in a folder that does not end like a picture.

    Returns
    -------
    iterator of Source
        One per picture. Memory grows with the largest single folder, not with the number of pictures.

    Raises
    ------
    SourceError
        At once: an input that does not exist or names no picture, a table without the column. While
        iterating: a list or table that turns out to be broken further down.
    """
    skip = on_skip or (lambda _: None)
    lister = _Lister(null_separated, stdin, column, skip)
    inputs = _checked(specs, lister)
    return (source for spec in inputs for source in lister.sources(spec))


def iter_pieces(
    specs: Sequence[str | Path] | str | Path,
    *,
    null_separated: bool = False,
    stdin: BinaryIO | None = None,
    column: str | None = None,
    checked: bool = False,
) -> Iterator[Source | Container]:
    """List what the inputs name as `iter_sources` does, without reading the files that hold many pictures.

    Parameters
    ----------
    specs, null_separated, stdin, column
        See `iter_sources`.
    checked
        The same inputs were listed before, so that mistakes need not be looked for at once.

    Returns
    -------
    iterator of Source or Container
        In the order of `iter_sources`.

    Raises
    ------
    SourceError
        As in `iter_sources`; of inputs after the first `OPENED` while iterating.
    """
    lister = _Lister(null_separated, stdin, column, lambda _: None)
    inputs = _named(specs) if checked else _checked(specs, lister, most=OPENED)
    return (piece for spec in inputs for piece in lister.pieces(spec))


def _checked(specs: Sequence[str | Path] | str | Path, lister: _Lister, most: int | None = None) -> list[str]:
    """Return the inputs as texts, after the checks that need no work, of the first `most` of them."""
    inputs = _named(specs)
    if not inputs:
        raise SourceError(
            "no input given: name files, folders, globs, archives, @lists, tables or - (standard input)"
        )
    if inputs.count("-") > 1:
        raise SourceError("standard input (-) can be named once only")
    for number, spec in enumerate(inputs[:most]):
        lister.check(spec, opens=number < OPENED)
    return inputs


def _named(specs: Sequence[str | Path] | str | Path) -> list[str]:
    return [os.fspath(spec) for spec in ([specs] if isinstance(specs, (str, os.PathLike)) else specs)]


@dataclass(frozen=True)
class _Lister:
    null_separated: bool
    stdin: BinaryIO | None
    column: str | None
    on_skip: Callable[[str], None]

    def check(self, spec: str, *, opens: bool) -> None:
        """Raise `SourceError` for what is certainly a mistake, before any work is done; `opens`: look into files as well."""
        if is_stream(spec):
            return
        quiet = _Lister(self.null_separated, self.stdin, self.column, lambda _: None)
        next(quiet.sources(spec) if opens else quiet.pieces(spec))

    def sources(self, spec: str) -> Iterator[Source]:
        empty = True
        for piece in self.pieces(spec):
            for source in (piece,) if isinstance(piece, Source) else piece.sources(on_skip=self.on_skip):
                empty = False
                yield source
        if empty:
            raise SourceError(_nothing(spec))

    def pieces(self, spec: str) -> Iterator[Source | Container]:
        empty = True
        try:
            for found in self._found(spec):
                empty = False
                yield Source(*found) if isinstance(found, tuple) else found
        except StorageError:
            raise
        except OSError as error:
            raise SourceError(f"cannot list {spec!r}: {error.strerror or error}") from error
        if empty:
            raise SourceError(_nothing(spec))

    def _found(self, spec: str) -> Iterator[Found | Container]:
        if spec == "-":
            stream = self.stdin if self.stdin is not None else _standard_input()
            names = read_names(stream, name="standard input", null_separated=self.null_separated)
            return ((name, "") for name in names)
        if spec.startswith("@") and len(spec) > 1:
            return ((name, "") for name in read_list(spec[1:]))
        if os.path.isdir(spec):
            return walk_folder(spec, on_skip=self.on_skip)
        suffix = os.path.splitext(spec)[1].lower()
        if os.path.lexists(spec):
            return self._file(spec, suffix)
        if is_url(spec):
            return self._remote(spec, suffix)
        if has_braces(spec):
            return (found for name in expand_braces(spec) for found in self._found(name))
        if has_magic(spec):
            return self._glob(spec)
        if not suffix or suffix in TABLE_SUFFIXES or spec.endswith("/"):
            raise SourceError(f"no such file or folder: {spec!r}")
        return iter([(spec, "")])  # a missing picture is a row that says so

    def _remote(self, url: str, suffix: str) -> Iterator[Found | Container]:
        """Return the pictures that a URL names; :mod:`fiqx_trt.faces.storage`."""
        if has_braces(url):
            return (found for name in expand_braces(url) for found in self._found(name))
        if has_magic(url):
            return (found for name in expand_url(url) for found in self._object(name))
        kind = "file" if is_archive_name(url) else url_kind(url)
        if kind == "folder":
            return self._pictures(list_url(url))
        if kind == "missing" and (not suffix or suffix in TABLE_SUFFIXES or url.endswith("/")):
            raise SourceError(f"no such object or folder: {url!r}")
        return self._object(url) if kind == "file" else iter([(url, "")])

    def _object(self, url: str) -> Iterator[Found | Container]:
        return self._file(url, os.path.splitext(url)[1].lower())

    def _pictures(self, names: Iterator[str]) -> Iterator[Found]:
        for name in names:
            if is_picture_name(name):
                yield name, ""
            else:
                self.on_skip(name)

    def _file(self, spec: str, suffix: str) -> Iterator[Found | Container]:
        if suffix not in TABLE_SUFFIXES:
            return self._container(spec)
        pictures = picture_column(spec, self.column)
        if pictures is not None:
            return iter([Container(spec, pictures)])
        return ((name, "") for name in read_table(spec, column=self.column))

    def _container(self, path: str) -> Iterator[Found | Container]:
        """Return the pictures of a file that holds many, or the file itself."""
        if is_archive_name(path) or is_recordio(path):
            return iter([Container(path)])
        if is_bin(path):
            return ((name, "") for name in open_bin(path).names)
        return iter([(path, "")])

    def _glob(self, spec: str) -> Iterator[Found | Container]:
        for path, problem in expand_glob(spec, on_skip=self.on_skip):
            if problem:
                yield path, problem
            elif path.lower().endswith(".parquet"):
                yield from self._file(path, ".parquet")
            else:
                yield from self._container(path)


def is_stream(spec: str) -> bool:
    """Return whether an input can be read once only: standard input, or a list in a pipe."""
    return spec == "-" or _is_pipe(spec.removeprefix("@"))


def _is_pipe(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _standard_input() -> BinaryIO:
    # The raw file: a thread that waits inside a buffered reader would hold its lock at interpreter exit.
    return getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)


def _nothing(spec: str) -> str:
    if spec == "-":
        return "standard input names no picture"
    if os.path.isdir(spec):
        return f"no picture in the folder {spec!r} or below; {_containers_in(spec) or _taken()}"
    if is_archive_name(spec):
        return f"no picture in the archive {spec!r}; {_taken()}"
    if has_magic(spec) and not os.path.lexists(spec):
        return f"no picture matches {spec!r}"
    return f"{spec!r} names no picture"


def _containers_in(folder: str) -> str:
    """Say how to name the archives and tables of a folder that holds no picture; empty where it holds none."""
    suffixes = (*ARCHIVE_SUFFIXES, RECORD_SUFFIX, ".parquet")
    with os.scandir(folder) as entries:
        ends = {end for entry in entries for end in suffixes if entry.name.lower().endswith(end)}
    globs = " ".join(repr(os.path.join(folder, f"*{end}")) for end in sorted(ends))
    return f"it holds files with pictures in them: name {globs} as input" if globs else ""


def _taken() -> str:
    return f"files that end in {' '.join(sorted(READ_SUFFIXES))}, or like another photograph, are taken"
