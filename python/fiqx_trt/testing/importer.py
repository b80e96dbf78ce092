"""What every reader of foreign score files keeps: :func:`check_importer`."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from fiqx_trt.errors import SourceError
from fiqx_trt.files import write_unsynced
from fiqx_trt.importers import FORMATS, ImportedScores
from fiqx_trt.testing.claims import claim, wants_error

__all__ = ["check_importer"]

Reader = Callable[[Path], ImportedScores]


def check_importer(reader: str | Reader, example: Path) -> None:
    """Check that a reader gives whole rows of a good file, and one line of what is wrong with any other.

    Parameters
    ----------
    reader
        Its registered format, or what it registers.
    example
        A file that it reads; damaged copies of it are made in a folder of their own.

    Raises
    ------
    AssertionError
        What does not hold, in one line.
    """
    read: Reader = FORMATS.load(reader) if isinstance(reader, str) else reader
    subject = f"importer {reader if isinstance(reader, str) else getattr(read, '__name__', read)}"
    scores = read(example)
    _check_scores(subject, scores)
    claim(repr(read(example)) == repr(scores), subject, "gives other scores in a second call")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        missing = folder / "missing"
        wants_error(subject, "a file that does not exist", lambda: read(missing), SourceError)
        wants_error(subject, "a folder", lambda: read(folder), SourceError)
        empty = folder / "empty"
        empty.touch()
        wants_error(subject, "an empty file", lambda: read(empty), SourceError)
        for index, data in enumerate(_damaged(example.read_bytes())):
            path = folder / f"{index}{example.suffix}"
            write_unsynced(path, data)
            _read_or_refuse(subject, read, path, data)


def _check_scores(subject: str, scores: ImportedScores) -> None:
    """Check that every row has every column, and only numbers."""
    claim(isinstance(scores, ImportedScores), subject, f"returns {type(scores).__name__}, no ImportedScores")
    claim(scores.rows, subject, "gives no rows; raise SourceError where there are none")
    claim(scores.columns, subject, "names no column in higher_is_better")
    directions = set(scores.higher_is_better.values())
    claim(
        directions <= {True, False, None}, subject, f"a direction is none of True, False, None: {directions}"
    )
    for path, values in scores.rows.items():
        claim(isinstance(path, str) and path, subject, f"a path is {path!r}")
        mismatch = f"the row of {path!r} has the columns {list(values)}, not {list(scores.columns)}"
        claim(list(values) == list(scores.columns), subject, mismatch)
        numbers = all(isinstance(value, float) and not np.isinf(value) for value in values.values())
        claim(
            numbers, subject, f"the row of {path!r} holds something else than finite floats and NaN: {values}"
        )


def _damaged(data: bytes) -> Iterator[bytes]:
    """Yield a file cut off, with other bytes in it, with its lines twice, and bytes that are no such file."""
    for share in (0.1, 0.5, 0.9, 0.99):
        yield data[: int(len(data) * share)]
    middle = len(data) // 2
    for other in (b"\0", b"\xff\xfe", b"inf", b"1e999", b"\n\n", b"9" * 400):
        yield data[:middle] + other + data[middle:]
    yield data + data
    yield bytes(range(256)) * 3
    yield b"\x80"
    yield np.random.default_rng(0).bytes(500)


def _read_or_refuse(subject: str, read: Reader, path: Path, data: bytes) -> None:
    """Check that a file is read into whole rows or refused by one line."""
    try:
        scores = None
        with contextlib.suppress(SourceError):
            scores = read(path)
    except Exception as error:
        shown = f"{data[:40]!r}" + ("…" if len(data) > 40 else "")
        raise AssertionError(
            f"{subject}: a damaged file raises {type(error).__name__}, not SourceError: {error} (it begins with {shown})"
        ) from error
    if scores is not None:
        _check_scores(subject, scores)
