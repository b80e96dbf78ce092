"""Where comparisons come from: a file of pairs, or one folder per person."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError, SourceError
from fiqx_trt.evaluate.comparisons import Comparisons
from fiqx_trt.importers.base import number
from fiqx_trt.importers.pair_list import LABELS

__all__ = ["generate_pairs", "genuine_pairs", "impostor_pairs", "read_pairs"]

#: Names a column may have in the header of a pairs file.
COLUMNS = {
    "a": ("a", "first", "path_a", "path1", "img1", "image1"),
    "b": ("b", "second", "path_b", "path2", "img2", "image2"),
    "label": ("label", "genuine", "mated", "same"),
    "similarity": ("similarity", "score"),
}


def read_pairs(path: Path, *, progress: Callable[[int], None] | None = None) -> Comparisons:
    """Read a pairs file: CSV (RFC 4180, UTF-8) with the columns ``a, b, label``, optionally ``similarity``.

    Parameters
    ----------
    path
        The file. A first row whose third field is no label is a header; its columns may then stand in any
        order and have further neighbours. Labels: 1, genuine, mated, same, true, or 0, impostor, nonmated,
        different, false.
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
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            table = _Table(path, csv.reader(file, strict=True))
            table.read(progress)
    except OSError as error:
        raise SourceError(f"cannot read the pairs file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8") from error
    return table.comparisons()


class _Table:
    """The rows of a pairs file, as compact arrays."""

    def __init__(self, path: Path, rows: Iterator[list[str]]) -> None:
        self._path, self._rows = path, rows
        self._images: dict[str, int] = {}
        self._first, self._second, self._lines = array("i"), array("i"), array("q")
        self._genuine, self._similarity = array("b"), array("d")

    def read(self, progress: Callable[[int], None] | None) -> None:
        """Read all rows."""
        try:
            columns: tuple[int, ...] | None = None
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


def pair_keys(first: NDArray[np.integer], second: NDArray[np.integer], images: int) -> NDArray[np.int64]:
    """Return one integer per unordered pair."""
    low, high = np.minimum(first, second).astype(np.int64), np.maximum(first, second).astype(np.int64)
    return np.asarray(low * images + high)


def genuine_pairs(identity: NDArray[np.integer]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return all pairs of images of one person, ``(first, second)`` with ``first < second``, sorted.

    Examples
    --------
    >>> genuine_pairs(np.array([0, 1, 0, 0]))
    (array([0, 0, 2], dtype=int32), array([2, 3, 3], dtype=int32))
    """
    order = np.argsort(identity, kind="stable").astype(np.int32)
    groups = np.split(order, np.flatnonzero(np.diff(identity[order])) + 1)
    parts = [(group[i], group[j]) for group in groups for i, j in [np.triu_indices(len(group), 1)]]
    first = np.concatenate([part[0] for part in parts]) if parts else order[:0]
    second = np.concatenate([part[1] for part in parts]) if parts else order[:0]
    rank = np.lexsort((second, first))
    return first[rank], second[rank]


def impostor_pairs(
    identity: NDArray[np.integer], count: int, *, seed: int = 0
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Draw pairs of images of different people, uniformly and without repetition.

    Parameters
    ----------
    identity
        ``(I,)`` code of the person on each image.
    count
        How many pairs.
    seed
        Seed of the draw.

    Returns
    -------
    tuple of ndarray
        ``(first, second)``, each ``(count,)`` int32, ``first < second``, sorted.

    Raises
    ------
    InvalidInputError
        There are not as many such pairs.
    """
    images = len(identity)
    sizes = np.bincount(np.unique(identity, return_inverse=True)[1]).astype(np.int64)
    possible = (images * (images - 1) - int((sizes * (sizes - 1)).sum())) // 2
    if not 0 <= count <= possible:
        raise InvalidInputError(
            f"{count} impostor pairs are wanted, but {images} images of {len(sizes)} people make {possible}; "
            f"ask for 0 to {possible}"
        )
    rng = np.random.default_rng(seed)
    if 2 * count > possible:
        # Nearly all are wanted: drawing until the last one is found would take too long.
        a, b = np.triu_indices(images, 1)
        keys = pair_keys(a, b, images)[identity[a] != identity[b]]
        chosen = rng.choice(keys, count, replace=False, shuffle=False)
    else:
        chosen = _draw_distinct(rng, identity, count)
    chosen.sort()
    return (chosen // images).astype(np.int32), (chosen % images).astype(np.int32)


def _draw_distinct(rng: np.random.Generator, identity: NDArray[np.integer], count: int) -> NDArray[np.int64]:
    """Draw keys of distinct impostor pairs; at most half of all that exist, so that a few rounds suffice."""
    images = len(identity)
    chosen = np.zeros(0, np.int64)
    while len(chosen) < count:
        drawn = rng.integers(0, images, (2, 2 * (count - len(chosen)) + 64))
        a, b = drawn[:, identity[drawn[0]] != identity[drawn[1]]]
        # The first occurrences, in the order drawn: cutting a sorted list would favour small keys.
        keys = np.concatenate([chosen, pair_keys(a, b, images)])
        chosen = keys[np.sort(np.unique(keys, return_index=True)[1])][:count]
    return chosen


def generate_pairs(
    paths: Sequence[str], identities: Sequence[str], *, impostors: int | None = None, seed: int = 0
) -> Comparisons:
    """Return all genuine pairs and seeded impostor pairs of a set of images.

    The result does not depend on the order of the input: images are sorted by path first.

    Parameters
    ----------
    paths
        Names of images, each once.
    identities
        The person on each (:func:`fiqx_trt.evaluate.sampling.folder_identities` takes them from folders).
    impostors
        Number of impostor pairs; default ten per genuine pair, or all when there are fewer.
    seed
        Seed of the draw.

    Raises
    ------
    InvalidInputError
        A path is repeated, nobody has two images, all images show one person, or there are too few impostor
        pairs.
    """
    if len(paths) != len(identities) or len(set(paths)) != len(paths):
        raise InvalidInputError(
            f"{len(paths)} paths, {len(set(paths))} of them distinct, and {len(identities)} identities "
            "were given; "
            "give every image once and one identity for each"
        )
    names = sorted(zip(paths, identities, strict=True))
    identity = np.unique([person for _, person in names], return_inverse=True)[1].astype(np.int32)
    first, second = genuine_pairs(identity)
    if not len(first):
        raise InvalidInputError(
            f"none of the {len(paths)} images shares a person with another; add more images of each"
        )
    if int(identity.max()) == 0:
        raise InvalidInputError(f"all {len(paths)} images show {identities[0]!r}; add another person")
    if impostors is None:
        impostors = min(10 * len(first), len(names) * (len(names) - 1) // 2 - len(first))
    other_first, other_second = impostor_pairs(identity, impostors, seed=seed)
    return Comparisons(
        paths=tuple(path for path, _ in names),
        first=np.concatenate([first, other_first]),
        second=np.concatenate([second, other_second]),
        genuine=np.arange(len(first) + len(other_first)) < len(first),
        identity=identity,
    )
