"""Reading a file of pairs, whatever its grammar."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fiqx_trt.errors import InvalidInputError, SourceError
from fiqx_trt.evaluate._fast_pairs import RawPairs, read_plain
from fiqx_trt.evaluate.comparisons import Comparisons, pair_keys
from fiqx_trt.evaluate.pair_columns import Columns, unused_numbers
from fiqx_trt.evaluate.pair_lists import ListRows, recognise
from fiqx_trt.evaluate.pair_table import PairTable
from fiqx_trt.files import open_text

__all__ = ["SEPARATORS", "PairsFile", "read_pairs", "read_pairs_file"]

#: What separates the fields of a pairs file; ``auto`` looks at how it begins.
SEPARATORS = ("auto", "comma", "blank")


@dataclass(frozen=True)
class PairsFile:
    """The content of a pairs file.

    Parameters
    ----------
    comparisons
        The pairs; distances are turned around, so that a higher similarity always means more alike.
    grammar
        How the file is written, a key of :data:`fiqx_trt.evaluate.pair_lists.GRAMMARS`.
    number
        The column the similarities come from; ``""`` where there are none.
    higher
        Whether that column holds similarities and not distances.
    unused
        Columns of numbers that mean nothing here.
    """

    comparisons: Comparisons
    grammar: str
    number: str = ""
    higher: bool = True
    unused: tuple[str, ...] = ()

    @property
    def stems(self) -> bool:
        """Whether the file names pictures without saying how their names end."""
        return self.grammar == "lfw"


def read_pairs(
    path: Path, *, separator: str = "auto", progress: Callable[[int], None] | None = None
) -> Comparisons:
    """Read a pairs file; see :func:`read_pairs_file`, which also says what it found."""
    return read_pairs_file(path, separator=separator, progress=progress).comparisons


def read_pairs_file(
    path: Path,
    *,
    separator: str = "auto",
    similarity: tuple[str, bool] | None = None,
    progress: Callable[[int], None] | None = None,
) -> PairsFile:
    """Read a pairs file: CSV (RFC 4180, UTF-8), lines separated by blanks, or the list of a verification set.

    Parameters
    ----------
    path
        The file. CSV has the columns ``a, b, label`` and optionally ``similarity`` or ``distance``. A first row whose
        third field is no label is a header; its columns may then stand in any order and have further neighbours.
        Labels: 1, genuine, mated, same, true, or 0, impostor, nonmated, different, false. The other grammars are those
        of :func:`fiqx_trt.evaluate.pair_lists.recognise`.
    separator
        ``"auto"``: told from the file; ``"comma"``: CSV; ``"blank"``: lines ``img1 img2 label [score]``, whose paths
        cannot hold blanks.
    similarity
        Name of the column of comparison scores and whether higher means more alike, where its name does not say.
    progress
        Called with the number of rows read, now and then.

    Returns
    -------
    PairsFile
        Images in order of first appearance. A pair that is repeated, in either order and with the same label
        and similarity, is kept once, and ``comparisons.duplicates`` counts the rest.

    Raises
    ------
    SourceError
        The file cannot be read, a row is malformed, an image is compared with itself, or a repeated pair has
        another label or similarity; the message names the line.
    InvalidInputError
        The separator is unknown.
    """
    path = Path(path)
    if separator not in SEPARATORS:
        raise InvalidInputError(
            f"separator is {separator!r}; choose {', '.join(SEPARATORS[:-1])} or {SEPARATORS[-1]}"
        )
    if path.exists() and not path.is_file():
        raise SourceError(
            f"{path} is not a regular file; a pairs file is read more than once, so save it first"
        )
    try:
        grammar = recognise(path) if separator == "auto" else separator
        if grammar == "comma":
            return _read_csv(path, similarity, progress)
        columns, first_row = PairTable(path, ListRows(path, grammar)).begin(similarity)
        pairs = _read_fast(path, columns, progress, _blank(path)) if grammar == "blank" else None
        if pairs is None:
            pairs = PairTable(path, ListRows(path, grammar)).read(columns, progress)
        return PairsFile(pairs, grammar, columns.number, columns.higher, unused_numbers(columns, first_row))
    except OSError as error:
        raise SourceError(f"cannot read the pairs file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8. A verification set of InsightFace is called .bin"
        ) from error


def _read_csv(
    path: Path, similarity: tuple[str, bool] | None, progress: Callable[[int], None] | None
) -> PairsFile:
    with open_text(path, newline="") as file:
        lines = _Lines(file)
        table = PairTable(path, csv.reader(lines, strict=True, skipinitialspace=True))
        columns, first_row = table.begin(similarity)
    spaced = _blank_after_commas(lines.last)
    pairs = None if spaced else _read_fast(path, columns, progress)
    if pairs is None:
        with open_text(path, newline="") as file:
            table = PairTable(path, csv.reader(file, strict=True, skipinitialspace=spaced))
            pairs = table.read(columns, progress)
    return PairsFile(pairs, "comma", columns.number, columns.higher, unused_numbers(columns, first_row))


class _Lines:
    """The lines of a file; remembers the last one."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self.last = lines, ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.last = next(self._lines)
        return self.last


def _blank_after_commas(line: str) -> bool:
    """Return whether a blank follows every comma of a row; such a blank belongs to no name."""
    return "," in line and line.count(", ") == line.count(",")


def _blank(path: Path) -> str:
    """Return what separates the fields of a file of lines, as far as its first bytes tell."""
    with path.open("rb") as file:
        return "\t" if b"\t" in file.read(1024) else " "


def _read_fast(
    path: Path, columns: Columns, progress: Callable[[int], None] | None, delimiter: str = ","
) -> Comparisons | None:
    raw = read_plain(
        path, columns.places, columns.width, header=columns.header, progress=progress, delimiter=delimiter
    )
    return None if raw is None else _distinct(raw, higher=columns.higher)


def _distinct(raw: RawPairs, *, higher: bool) -> Comparisons | None:
    """Return the comparisons of a file in which no pair is repeated; otherwise ``None``."""
    keys = pair_keys(raw.first, raw.second, len(raw.images))
    keys.sort()
    if np.any(keys[1:] == keys[:-1]):
        return None
    similarity = raw.similarity if higher or raw.similarity is None else -raw.similarity
    return Comparisons(raw.images, raw.first, raw.second, raw.genuine, similarity)
