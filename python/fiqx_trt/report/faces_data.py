"""Read what the page of a run shows of every row of its table, column by column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.rows import Column
from fiqx_trt.rows.column_batches import column_batches
from fiqx_trt.text import unescape_text

__all__ = ["MOST", "Faces", "Texts", "column_numbers", "iter_rows", "read_faces"]

#: Rows of a page. Of a larger table it shows the worst: ten thousand times the page that a person looks through.
MOST = 200_000

Numbers = NDArray[np.float64]


@dataclass
class Texts:
    """A column of texts, few of which differ: each different one once, and which one a row has.

    Parameters
    ----------
    words
        The different texts; the first is empty, for rows that have none.
    codes
        Index into `words` of every row.
    """

    words: dict[str, int] = field(default_factory=lambda: {"": 0})
    codes: list[int] = field(default_factory=list)

    def extend(self, texts: Sequence[str | None]) -> None:
        """Take the texts of the next rows."""
        words = self.words
        self.codes += [words.setdefault(text or "", len(words)) for text in texts]

    def __getitem__(self, row: int) -> str:
        return list(self.words)[self.codes[row]]


@dataclass
class Faces:
    """The rows of a table that a page shows, N of them, in the order of the table.

    Parameters
    ----------
    total
        Rows of the table.
    rank
        Column that orders the faces.
    higher_is_better
        Its direction.
    rows
        Position of each row in the table, from 0, ``(N,)``.
    inputs
        Position of each row's input in the run, from 0, ``(N,)``.
    paths
        The inputs' names.
    numbers
        Column → ``(N,)``, NaN where a row has no number.
    texts
        Column → its texts.
    """

    total: int
    rank: str
    higher_is_better: bool
    rows: NDArray[np.int64]
    inputs: NDArray[np.int64]
    paths: list[str]
    numbers: dict[str, Numbers]
    texts: dict[str, Texts]

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Whether a row is ``ok``, ``(N,)``."""
        status = self.texts["status"]
        return np.asarray(np.equal(status.codes, status.words.get("ok", -1)), bool)

    def worst_first(self) -> NDArray[np.int64]:
        """Return the order of the rows, the worst face first; rows without a number come last, in their order."""
        values = self.numbers[self.rank]
        keys = values if self.higher_is_better else -values
        return np.argsort(np.where(np.isnan(keys), np.inf, keys), kind="stable")

    def faces_of_inputs(self) -> NDArray[np.int64]:
        """Return which face of its input each row is, ``(N,)``."""
        return np.nan_to_num(self.numbers["face"]).astype(np.int64)


def read_faces(
    table: Path,
    columns: Sequence[Column],
    *,
    rank: str,
    higher_is_better: bool = True,
    names: Sequence[str] | None = None,
    most: int = MOST,
) -> Faces:
    """Read the rows of a table for a page; memory grows with the rows that it shows.

    Parameters
    ----------
    table
        A finished table.
    columns
        All of its columns.
    rank, higher_is_better
        The column that orders the faces, and its direction.
    names
        The columns to read beside those that every table has; ``None``: all.
    most
        Rows that are read; of a larger table the worst ones.

    Raises
    ------
    SourceError
        The table cannot be read.
    """
    chosen = None
    total = 0
    if (total := _count(table, columns)) > most:
        chosen = _worst(table, columns, rank, higher_is_better, most)
    wanted = [
        c for c in columns if names is None or c.name in (*names, "path", "face", "faces", "status", "error")
    ]
    reader = _Reader([c for c in wanted if c.name != "path"])
    for batch in column_batches(table, columns, [c.name for c in wanted]):
        reader.push(batch, chosen)
    return reader.faces(total, rank, higher_is_better)


def _count(table: Path, columns: Sequence[Column]) -> int:
    return sum(batch.num_rows for batch in column_batches(table, columns, ["face"]))


def _worst(table: Path, columns: Sequence[Column], rank: str, higher: bool, most: int) -> NDArray[np.bool_]:
    """Return which rows of a table are among the worst; a row without a number is none of them."""
    values = np.concatenate(
        [column_numbers(batch.column(rank)) for batch in column_batches(table, columns, [rank])]
    )
    keys = np.where(np.isnan(values), np.inf, values if higher else -values)
    chosen = np.zeros(len(keys), bool)
    chosen[np.argsort(keys, kind="stable")[:most]] = True
    return chosen


def column_numbers(column: Any) -> Numbers:
    """Return a column of numbers of a batch, NaN where there is none, ``(N,)``."""
    from fiqx_trt.rows.arrow_arrays import numbers

    return numbers(column)


class _Reader:
    """Collects batches of columns."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._numbers: dict[str, list[Numbers]] = {c.name: [] for c in columns if c.kind != "str"}
        self._texts = {c.name: Texts() for c in columns if c.kind == "str"}
        self._paths: list[str] = []
        self._rows: list[NDArray[np.int64]] = []
        self._inputs: list[NDArray[np.int64]] = []
        self._seen = 0
        self._input = -1
        self._before: tuple[str, float] = ("", np.nan)

    def push(self, batch: Any, chosen: NDArray[np.bool_] | None) -> None:
        paths = batch.column("path").to_pylist()
        rows = np.arange(self._seen, self._seen + len(paths))
        inputs = self._input_of(paths, column_numbers(batch.column("face")))
        self._seen += len(paths)
        if chosen is not None:
            kept = np.flatnonzero(chosen[rows])
            batch, paths = batch.take(kept.tolist()), [paths[i] for i in kept.tolist()]
            rows, inputs = rows[kept], inputs[kept]
        self._rows.append(rows)
        self._inputs.append(inputs)
        self._paths += [unescape_text(path) for path in paths]
        for name, parts in self._numbers.items():
            parts.append(column_numbers(batch.column(name)))
        for name, texts in self._texts.items():
            texts.extend(batch.column(name).to_pylist())

    def _input_of(self, paths: Sequence[str], faces: Numbers) -> NDArray[np.int64]:
        """Return the position of each row's input: a row belongs to the one before if its face has a larger number."""
        if not paths:
            return np.zeros(0, np.int64)
        path, face = self._before
        names = np.array([path, *paths], object)
        numbers = np.concatenate([[face], faces])
        starts = (names[1:] != names[:-1]) | ~(numbers[1:] > numbers[:-1])
        inputs = self._input + np.cumsum(starts)
        self._input, self._before = int(inputs[-1]), (paths[-1], float(faces[-1]))
        return inputs

    def faces(self, total: int, rank: str, higher: bool) -> Faces:
        texts = {name: _unescaped(one) for name, one in self._texts.items()}
        empty: list[Any] = [np.zeros(0)]
        numbers = {name: np.concatenate(parts or empty) for name, parts in self._numbers.items()}
        rows, inputs = (
            np.concatenate(parts or [np.zeros(0, np.int64)]) for parts in (self._rows, self._inputs)
        )
        return Faces(total, rank, higher, rows, inputs, self._paths, numbers, texts)


def _unescaped(texts: Texts) -> Texts:
    """Return texts as they were before they were written; two may not become one."""
    words: Mapping[str, int] = {unescape_text(word): code for word, code in texts.words.items()}
    return Texts(dict(words), texts.codes) if len(words) == len(texts.words) else texts


def iter_rows(faces: Faces, order: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield rows of a page as dictionaries, for the static part of a page."""
    words = {name: list(texts.words) for name, texts in faces.texts.items()}
    for i in order:
        row: dict[str, Any] = {name: _value(values[i]) for name, values in faces.numbers.items()}
        row |= {name: words[name][texts.codes[i]] or None for name, texts in faces.texts.items()}
        yield {**row, "path": faces.paths[i]}


def _value(value: np.floating) -> float | None:
    return None if np.isnan(value) else float(value)
