"""The rows of a pairs file as compact arrays: every row checked, repetitions dropped, contradictions refused."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import ContradictionError, InvalidInputError, SourceError
from fiqx_trt.evaluate.comparisons import Comparisons, pair_keys
from fiqx_trt.evaluate.pair_columns import Columns, find_columns
from fiqx_trt.importers.base import number
from fiqx_trt.importers.pair_list import LABELS

__all__ = ["PairTable"]


class PairTable:
    """The rows of a pairs file, as compact arrays."""

    def __init__(self, path: Path, rows: Iterable[list[str]]) -> None:
        self._path, self._rows = path, rows
        self._images: dict[str, int] = {}
        self._first, self._second, self._lines = array("i"), array("i"), array("q")
        self._genuine, self._similarity = array("b"), array("d")

    def begin(self, number_column: tuple[str, bool] | None = None) -> tuple[Columns, list[str]]:
        """Return what the columns are, and the first row of data (empty where there is none)."""
        columns: Columns | None = None
        try:
            for fields in self._rows:
                if not fields:
                    continue
                if columns is None:
                    columns = self._columns(fields, number_column)
                    if columns.header:
                        continue
                return columns, fields
        except csv.Error as error:
            raise self._error(f"malformed CSV: {error}") from error
        if columns is None:
            raise self._empty()
        return columns, []

    def read(self, columns: Columns, progress: Callable[[int], None] | None = None) -> Comparisons:
        """Read all rows; a header is passed over."""
        header = columns.header
        try:
            for fields in self._rows:
                if not fields:
                    continue
                if header:
                    header = False
                    continue
                self._add(fields, columns.places)
                if progress is not None and len(self._first) % 100_000 == 0:
                    progress(len(self._first))
        except csv.Error as error:
            raise self._error(f"malformed CSV: {error}") from error
        if not self._first:
            raise self._empty()
        return self.comparisons(higher=columns.higher)

    def comparisons(self, *, higher: bool = True) -> Comparisons:
        """Return the comparisons without repetitions; distances are turned around."""
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
            similarity=None if similarity is None else similarity[keep] if higher else -similarity[keep],
            duplicates=len(first) - len(keep),
        )

    def _columns(self, fields: list[str], number_column: tuple[str, bool] | None) -> Columns:
        try:
            return find_columns(fields, number_column)
        except InvalidInputError as error:
            raise self._error(str(error)) from error

    def _empty(self) -> SourceError:
        return SourceError(f"{self._path} holds no pairs; give rows of a,b,label")

    def _add(self, fields: list[str], places: tuple[int, ...]) -> None:
        if len(fields) <= max(places):
            raise self._error(f"{len(fields)} fields instead of {max(places) + 1}")
        a, b = fields[places[0]], fields[places[1]]
        genuine = LABELS.get(fields[places[2]].strip().lower())
        if genuine is None:
            raise self._error(f"the label is {fields[places[2]]!r}; write 1 (genuine) or 0 (impostor)")
        if a == b:
            raise self._error(f"{a!r} is compared with itself")
        if not (a and b):
            raise self._error("a path is empty")
        if len(places) > 3:
            value = number(fields[places[3]])
            if value is None or value != value:
                raise self._error(f"the similarity is {fields[places[3]]!r}; write a finite number")
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
            raise ContradictionError(
                f"{self._path}, line {self._lines[two]}: the pair {names[first[two]]!r}, "
                f"{names[second[two]]!r} stands "
                f"on line {self._lines[one]} already, with another label or similarity; keep one of them"
            )
        keep = np.ones(len(key), np.bool_)
        keep[later] = False
        return np.flatnonzero(keep)
