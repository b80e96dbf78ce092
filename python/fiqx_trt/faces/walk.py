"""Folders and globs to files: one at a time, in a fixed order, and never in circles.

The entries of a directory are sorted by their bytes, so a run lists the same files in the same order on every
machine. Only the names of the directories that are open at the moment are in memory. Symbolic links are
followed; a directory that is its own ancestor, told by device and inode, is not entered again.
"""
# Names are texts here, of any bytes, spelled as the user does; Path would respell them.
# ruff: noqa: PTH112, PTH116, PTH118, PTH119, PTH122

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from fnmatch import translate
from typing import TypeAlias

__all__ = [
    "PICTURE_SUFFIXES",
    "READ_SUFFIXES",
    "Found",
    "expand_glob",
    "has_magic",
    "is_picture_name",
    "walk_folder",
]

_logger = logging.getLogger(__name__)

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
_OTHERS = (".png", ".apng", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm")
_HEIF = (".heic", ".heics", ".heif", ".hif", ".avif", ".avifs")
READ_SUFFIXES = frozenset((*_JPEG, ".mpo", *_OTHERS, *_HEIF))
"""How the files end that can be decoded, those of the extra ``heif`` included."""

_NEXT = (".jxl", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".jpm", ".jph", ".jxr", ".wdp", ".hdp")
_RAW = (
    ".3fr",
    ".arw",
    ".cr2",
    ".cr3",
    ".crw",
    ".dcr",
    ".dng",
    ".erf",
    ".iiq",
    ".kdc",
    ".mef",
    ".mos",
    ".mrw",
)
_RAW_TOO = (".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f")
PICTURE_SUFFIXES = READ_SUFFIXES | {*_NEXT, *_RAW, *_RAW_TOO, ".psd", ".psb"}
"""Files taken from folders, in lower or upper case; one that is named directly is taken whatever its name.

Also those of photographs that no decoder here reads: each is a row that says so. Drawings and icons are left out.
"""

Found: TypeAlias = "tuple[str, str]"
"""A path, and why it cannot be used (empty when it can)."""

Skip: TypeAlias = "Callable[[str], None]"
Entry: TypeAlias = "tuple[str, bool]"

_MAGIC = re.compile(r"[*?\[]")


def has_magic(text: str) -> bool:
    """Tell whether a text holds a glob's ``*``, ``?`` or ``[``."""
    return _MAGIC.search(text) is not None


def is_picture_name(path: str) -> bool:
    """Tell whether a name ends like a picture file.

    Examples
    --------
    >>> is_picture_name("A.JPG"), is_picture_name("notes.txt")
    (True, False)
    """
    return os.path.splitext(path)[1].lower() in PICTURE_SUFFIXES


def walk_folder(folder: str, *, on_skip: Skip) -> Iterator[Found]:
    """Yield every picture below a folder; names that begin with a dot are left out.

    Parameters
    ----------
    folder
        Where to begin.
    on_skip
        Called with each file that does not end like a picture.

    Yields
    ------
    path, problem
        A picture, or a subfolder that cannot be listed, with the reason.

    Raises
    ------
    OSError
        When ``folder`` itself cannot be listed.
    """
    for path, is_folder, problem in _descend(folder):
        if problem:
            yield path, problem
        elif is_folder:
            continue
        elif is_picture_name(path):
            yield path, ""
        else:
            on_skip(path)


def expand_glob(pattern: str, *, on_skip: Skip) -> Iterator[Found]:
    """Yield the files a pattern matches; ``**`` stands for any number of folders.

    A matched folder is walked like one named directly, except with ``**``, which reaches its files anyway.
    When the last part of the pattern has no dot (``faces/*``) only names that end like a picture count.

    Parameters
    ----------
    pattern
        The pattern; ``*``, ``?`` and ``[...]`` do not match a leading dot.
    on_skip
        Called with each file that is left out.
    """
    parts = [part for part in pattern.split("/") if part]
    deep = "**" in parts
    if parts[-1] == "**":
        parts.append("*")
    everything = "." in parts[-1]
    for path, problem in _match("/" if pattern.startswith("/") else "", parts):
        if problem:
            yield path, problem
        elif os.path.isdir(path):
            if not deep:
                yield from walk_folder(path, on_skip=on_skip)
        elif everything or is_picture_name(path):
            yield path, ""
        else:
            on_skip(path)


def _match(base: str, parts: list[str]) -> Iterator[Found]:
    if not parts:
        yield base, ""
        return
    head, rest = parts[0], parts[1:]
    if head == "**":
        yield from _match_deep(base, rest)
    elif not has_magic(head):
        path = os.path.join(base, head)
        if rest or os.path.lexists(path):
            yield from _match(path, rest)
    else:
        yield from _match_names(base, head, rest)


def _match_deep(base: str, rest: list[str]) -> Iterator[Found]:
    while rest and rest[0] == "**":
        rest = rest[1:]
    yield from _match(base, rest)
    try:
        for path, is_folder, problem in _descend(base):
            if problem:
                yield path, problem
            elif is_folder:
                yield from _match(path, rest)
    except (FileNotFoundError, NotADirectoryError):
        return


def _match_names(base: str, pattern: str, rest: list[str]) -> Iterator[Found]:
    matches = re.compile(translate(pattern)).match
    try:
        entries = _children(base, hidden=pattern.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield base, _cannot_list(error)
        return
    for path, is_folder in entries:
        if matches(os.path.basename(path)) and (is_folder or not rest):
            yield from _match(path, rest)


def _descend(folder: str) -> Iterator[tuple[str, bool, str]]:
    """Yield ``path, is_folder, problem`` of everything below, a folder before its content."""
    trail = [(_identity(folder), _children(folder))]
    while trail:
        entry = next(trail[-1][1], None)
        if entry is None:
            trail.pop()
            continue
        path, is_folder = entry
        if not is_folder:
            yield path, False, ""
            continue
        try:
            identity = _identity(path)
            if any(identity == ancestor for ancestor, _ in trail):
                _logger.debug("%s leads back to a folder it lies in: not entered again", path)
                continue
            trail.append((identity, _children(path)))
        except OSError as error:
            yield path, True, _cannot_list(error)
        else:
            yield path, True, ""


def _children(folder: str, *, hidden: bool = False) -> Iterator[Entry]:
    with os.scandir(folder or ".") as entries:
        found = sorted(
            (os.fsencode(entry.name), _is_folder(entry))
            for entry in entries
            if hidden or not entry.name.startswith(".")
        )
    return ((os.path.join(folder, os.fsdecode(name)), is_folder) for name, is_folder in found)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: reading it says so
        return False


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path or ".")
    return status.st_dev, status.st_ino


def _cannot_list(error: OSError) -> str:
    return f"the folder cannot be listed: {error.strerror or error}"
