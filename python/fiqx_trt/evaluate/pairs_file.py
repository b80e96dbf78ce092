"""Reading a file of pairs."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError, SourceError
from fiqx_trt.evaluate._fast_pairs import RawPairs, read_plain
from fiqx_trt.evaluate.comparisons import Comparisons, pair_keys
from fiqx_trt.importers.base import number, read_lines
from fiqx_trt.importers.pair_list import LABELS

__all__ = ["read_pairs"]

#: Names a column may have in the header of a pairs file.
COLUMNS = {
    "a": ("a", "first", "path_a", "path1", "img1", "image1"),
    "b": ("b", "second", "path_b", "path2", "img2", "image2"),
    "label": ("label", "genuine", "mated", "same"),
    "similarity": ("similarity", "score"),
}


def read_pairs(
    path: Path, *, separator: str = "comma", progress: Callable[[int], None] | None = None
) -> Comparisons:
    """Read a pairs file: CSV (RFC 4180, UTF-8) with the columns ``a, b, label``, optionally ``similarity``.

    Parameters
    ----------
    path
        The file. A first row whose third field is no label is a header; its columns may then stand in any
        order and have further neighbours. Labels: 1, genuine, mated, same, true, or 0, impostor, nonmated,
        different, false.
    separator
        ``"comma"``, or ``"blank"`` for files of other programs with lines ``img1 img2 label [score]``, whose paths
        cannot hold blanks.
    progress
        Called with the number of rows read, now and then.

    Returns
    -------
    Comparisons
        Images in order of first appearance. A pair that is repeated, in either order and with the same label
        and similarity, is kept once, and ``duplicates`` counts the rest.

    Raises
    ------
    SourceError
        The file cannot be read, a row is malformed, an image is compared with itself, or a repeated pair has
        another label or similarity; the message names the line.
    InvalidInputError
        The separator is unknown.
    """
    path = Path(path)
    if separator == "blank":
        return _Table(path, _BlankRows(path)).read(progress)
    if separator != "comma":
        raise InvalidInputError(f"separator is {separator!r}; choose comma or blank")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = _Table(path, csv.reader(file, strict=True))
            columns, width, header = table.begin()
        raw = read_plain(path, columns, width, header=header, progress=progress)
        pairs = None if raw is None else _distinct(raw)
        if pairs is not None:
            return pairs
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = _Table(path, csv.reader(file, strict=True))
            return table.read(progress)
    except OSError as error:
        raise SourceError(f"cannot read the pairs file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8") from error


def _distinct(raw: RawPairs) -> Comparisons | None:
    """Return the comparisons of a file in which no pair is repeated; otherwise ``None``."""
    keys = pair_keys(raw.first, raw.second, len(raw.images))
    keys.sort()
    if np.any(keys[1:] == keys[:-1]):
        return None
    return Comparisons(raw.images, raw.first, raw.second, raw.genuine, raw.similarity)


class _BlankRows:
    """The fields of lines separated by blanks; counts lines as a CSV reader does."""

    def __init__(self, path: Path) -> None:
        self._lines, self.line_num = read_lines(path), 0

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        self.line_num, text = next(self._lines)
        return text.split()


class _Table:
    """The rows of a pairs file, as compact arrays."""

    def __init__(self, path: Path, rows: Iterable[list[str]]) -> None:
        self._path, self._rows = path, rows
        self._images: dict[str, int] = {}
        self._first, self._second, self._lines = array("i"), array("i"), array("q")
        self._genuine, self._similarity = array("b"), array("d")

    def begin(self) -> tuple[tuple[int, ...], int, bool]:
        """Return the positions of the columns, the number of fields, and whether a header comes first."""
        try:
            for fields in self._rows:
                if fields:
                    columns, header = self._columns(fields)
                    return columns, len(fields), header
        except csv.Error as error:
            raise self._error(f"malformed CSV: {error}") from error
        raise SourceError(f"{self._path} holds no pairs; give rows of a,b,label")

    def read(self, progress: Callable[[int], None] | None) -> Comparisons:
        """Read all rows."""
        columns: tuple[int, ...] | None = None
        try:
            for fields in self._rows:
                if not fields:
                    continue
                if columns is None:
                    columns, header = self._columns(fields)
                    if header:
                        continue
                self._add(fields, columns)
                if progress is not None and len(self._first) % 100_000 == 0:
                    progress(len(self._first))
        except csv.Error as error:
            raise self._error(f"malformed CSV: {error}") from error
        if not self._first:
            raise SourceError(f"{self._path} holds no pairs; give rows of a,b,label")
        return self.comparisons()

    def comparisons(self) -> Comparisons:
        """Return the comparisons without repetitions."""
        first = np.frombuffer(self._first, np.intc).astype(np.int32)
        second = np.frombuffer(self._second, np.intc).astype(np.int32)
        genuine = np.frombuffer(self._genuine, np.int8).astype(np.bool_)
        similarity = np.frombuffer(self._similarity, np.float64).copy() if self._similarity else None
        keep = self._unique(first, second, genuine, similarity)
        return Comparisons(
            paths=tuple(self._images),
            first=first[keep],
            second=second[keep],
            genuine=genuine[keep],
            similarity=None if similarity is None else similarity[keep],
            duplicates=len(first) - len(keep),
        )

    def _columns(self, fields: list[str]) -> tuple[tuple[int, ...], bool]:
        """Return the positions of a, b, label and maybe similarity, and whether this row is a header."""
        if len(fields) in (3, 4) and fields[2].strip().lower() in LABELS:
            return tuple(range(len(fields))), False
        names = [field.strip().lower() for field in fields]
        found = {}
        for column, known in COLUMNS.items():
            places = [i for i, name in enumerate(names) if name in known]
            if len(places) > 1:
                raise self._error(f"two columns are called {names[places[0]]!r} or mean the same")
            if places:
                found[column] = places[0]
        missing = [column for column in ("a", "b", "label") if column not in found]
        if missing:
            raise self._error(
                f"{','.join(fields)[:80]!r} is neither a row a,b,label[,similarity] nor a header with "
                "these names "
                f"(missing: {', '.join(missing)})"
            )
        return tuple(found.values()), True

    def _add(self, fields: list[str], columns: tuple[int, ...]) -> None:
        if len(fields) <= max(columns):
            raise self._error(f"{len(fields)} fields instead of {max(columns) + 1}")
        a, b = fields[columns[0]], fields[columns[1]]
        genuine = LABELS.get(fields[columns[2]].strip().lower())
        if genuine is None:
            raise self._error(f"the label is {fields[columns[2]]!r}; write 1 (genuine) or 0 (impostor)")
        if a == b:
            raise self._error(f"{a!r} is compared with itself")
        if not (a and b):
            raise self._error("a path is empty")
        if len(columns) > 3:
            value = number(fields[columns[3]])
            if value is None or value != value:
                raise self._error(f"the similarity is {fields[columns[3]]!r}; write a finite number")
            self._similarity.append(value)
        self._first.append(self._images.setdefault(a, len(self._images)))
        self._second.append(self._images.setdefault(b, len(self._images)))
        self._genuine.append(genuine)
        self._lines.append(self._line)

    @property
    def _line(self) -> int:
        return int(getattr(self._rows, "line_num", 0))

    def _error(self, what: str) -> SourceError:
        return SourceError(f"{self._path}, line {self._line}: {what}")

    def _unique(
        self,
        first: NDArray[np.int32],
        second: NDArray[np.int32],
        genuine: NDArray[np.bool_],
        similarity: NDArray[np.float64] | None,
    ) -> NDArray[np.int64]:
        """Return the rows to keep; raise when repetitions contradict each other."""
        key = pair_keys(first, second, len(self._images))
        order = np.argsort(key, kind="stable")
        again = np.flatnonzero(key[order][1:] == key[order][:-1])
        earlier, later = order[again], order[again + 1]
        conflict = genuine[earlier] != genuine[later]
        if similarity is not None:
            conflict |= similarity[earlier] != similarity[later]
        if np.any(conflict):
            one, two = (int(rows[np.argmax(conflict)]) for rows in (earlier, later))
            names = tuple(self._images)
            raise SourceError(
                f"{self._path}, line {self._lines[two]}: the pair {names[first[two]]!r}, "
                f"{names[second[two]]!r} stands "
                f"on line {self._lines[one]} already, with another label or similarity; keep one of them"
            )
        keep = np.ones(len(key), np.bool_)
        keep[later] = False
        return np.flatnonzero(keep)
