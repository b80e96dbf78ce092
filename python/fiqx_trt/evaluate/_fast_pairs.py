"""Reading a large, well-formed file of pairs with Arrow: the same result as row by row, ten times sooner.

This reader knows only plain files. Whatever it does not know, it declines, and the careful reader reads the
file again and says what is wrong and on which line.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.files import open_regular
from fiqx_trt.importers.pair_list import LABELS

__all__ = ["RawPairs", "read_plain"]

#: Bytes parsed at one time.
BLOCK_BYTES = 32 << 20


@dataclass(frozen=True)
class RawPairs:
    """The rows of a pairs file as arrays; images in order of first appearance."""

    images: tuple[str, ...]
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    genuine: NDArray[np.bool_]
    similarity: NDArray[np.float64] | None


class _Declined(Exception):  # noqa: N818 - not an error: another reader takes over
    """The file is not plain."""


def read_plain(
    path: Path,
    columns: Sequence[int],
    width: int,
    *,
    header: bool,
    progress: Callable[[int], None] | None,
    delimiter: str = ",",
) -> RawPairs | None:
    """Read a file without quotes whose rows all have ``width`` fields; ``None`` when there is anything else.

    Parameters
    ----------
    path
        The file.
    columns
        Positions of the two paths, the label and maybe the similarity.
    width
        Number of fields in a row.
    header
        Whether the first row holds names.
    progress
        Called with the number of rows read, now and then.
    delimiter
        What separates the fields, exactly one of it between two.
    """
    import pyarrow as pa
    from pyarrow import csv

    if _has_quotes(path):
        return None
    names = [f"f{i}" for i in range(width)]
    used = [names[i] for i in columns]
    text = pa.dictionary(pa.int32(), pa.string())
    types = dict(zip(used, [text, text, text, pa.float64()], strict=False))
    rows = _Rows(progress)
    try:
        with csv.open_csv(
            path,
            read_options=csv.ReadOptions(
                column_names=names, skip_rows_after_names=int(header), block_size=BLOCK_BYTES
            ),
            parse_options=csv.ParseOptions(quote_char=False, delimiter=delimiter),
            convert_options=csv.ConvertOptions(column_types=types, include_columns=used, null_values=[]),
        ) as batches:
            for batch in batches:
                rows.add(batch)
        return rows.result()
    except (pa.ArrowException, UnicodeDecodeError, _Declined):
        return None


def _has_quotes(path: Path) -> bool:
    with open_regular(path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(b'"') >= 0


class _Rows:
    """Gathers batches; every batch has its own codes for the paths, which become codes of the whole file."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self._progress, self._count = progress, 0
        self._images: dict[str, int] = {}
        self._parts: list[tuple[NDArray[Any], ...]] = []

    def add(self, batch: Any) -> None:
        from fiqx_trt.rows.arrow_arrays import numbers, stored

        first, second, label, *similarity = batch.columns
        codes = [self._codes(first), self._codes(second)]
        words = [LABELS.get(word.strip().lower()) for word in label.dictionary.to_pylist()]
        if None in words or np.any(codes[0] == codes[1]):
            raise _Declined
        genuine = np.array(words, np.bool_)[stored(label.indices)]
        scores = [numbers(column) for column in similarity]
        if not all(np.all(np.isfinite(column)) for column in scores):
            raise _Declined
        self._parts.append((*codes, genuine, *scores))
        self._count += len(genuine)
        if self._progress is not None:
            self._progress(self._count)

    def _codes(self, column: Any) -> NDArray[np.int32]:
        from fiqx_trt.rows.arrow_arrays import stored

        images = self._images
        words = column.dictionary.to_pylist()
        if "" in words:
            raise _Declined
        known = [images.setdefault(word, len(images)) for word in words]
        codes: NDArray[np.int32] = np.array(known, np.int32)[stored(column.indices)]
        return codes

    def result(self) -> RawPairs:
        if not self._count:
            raise _Declined
        columns = [np.concatenate(column) for column in zip(*self._parts, strict=True)]
        self._parts.clear()
        first, second, genuine = columns[:3]
        rank, order = _first_appearance(first, second, len(self._images))
        images = tuple(self._images)
        return RawPairs(
            images=tuple(images[i] for i in order.tolist()),
            first=rank[first],
            second=rank[second],
            genuine=genuine,
            similarity=columns[3] if len(columns) > 3 else None,
        )


def _first_appearance(
    first: NDArray[np.int32], second: NDArray[np.int32], images: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the rank of each code by first appearance, row by row, and the codes in that order."""
    seen = np.full((2, images), 2 * len(first), np.int64)
    for side, codes in enumerate((first, second)):
        # The last assignment to a place stands, so the rows are written from the end.
        seen[side][codes[::-1]] = 2 * np.arange(len(codes) - 1, -1, -1) + side
    order = np.argsort(seen.min(axis=0))
    rank = np.empty(images, np.int32)
    rank[order] = np.arange(images, dtype=np.int32)
    return rank, order
