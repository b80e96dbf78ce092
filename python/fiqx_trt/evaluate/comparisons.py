"""Comparisons: which two images were compared, whether they show one person, and how similar they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError

__all__ = ["Comparisons", "align_quality", "pair_keys"]

#: How many offending paths or rows an error names.
SHOWN = 3


@dataclass(frozen=True)
class Comparisons:
    """P comparisons among I images.

    Parameters
    ----------
    paths
        I names of images, each once.
    first, second
        ``(P,)`` integer positions in ``paths`` of the two images; never the same.
    genuine
        ``(P,)`` bool: mated, both images show the same person.
    similarity
        ``(P,)`` float32 or float64 comparison scores, higher means more alike; ``None`` until they are known.
    identity
        ``(I,)`` integer code of the person on each image, or ``None`` when unknown.
    duplicates
        How many repeated rows were dropped when the comparisons were read.

    Raises
    ------
    InvalidInputError
        Lengths differ, a position lies outside ``paths``, an image is compared with itself, a similarity is
        not finite, or ``genuine`` contradicts ``identity``.

    Examples
    --------
    >>> pairs = Comparisons(("a", "b", "c"), np.array([0, 0]), np.array([1, 2]), np.array([True, False]))
    >>> len(pairs), pairs.genuine_count, pairs.impostor_count
    (2, 1, 1)
    """

    paths: tuple[str, ...]
    first: NDArray[np.integer]
    second: NDArray[np.integer]
    genuine: NDArray[np.bool_]
    similarity: NDArray[np.floating] | None = None
    identity: NDArray[np.integer] | None = None
    duplicates: int = 0

    def __post_init__(self) -> None:
        """Check everything once, so that no function on comparisons has to."""
        self._check_rows()
        self._check_similarity()
        self._check_identity()

    def __len__(self) -> int:
        """Return the number P of comparisons."""
        return len(self.first)

    @property
    def genuine_count(self) -> int:
        """Number of mated comparisons."""
        return int(np.count_nonzero(self.genuine))

    @property
    def impostor_count(self) -> int:
        """Number of non-mated comparisons."""
        return len(self) - self.genuine_count

    def scores(self) -> NDArray[np.floating]:
        """Return the similarities.

        Raises
        ------
        InvalidInputError
            They are not known yet.
        """
        if self.similarity is None:
            raise InvalidInputError(
                "the comparisons have no similarity; give a similarity column, or compute it from embeddings"
            )
        return self.similarity

    def with_similarity(self, similarity: NDArray[np.floating]) -> Comparisons:
        """Return the same comparisons with these similarities, ``(P,)``."""
        return dataclasses.replace(self, similarity=similarity)

    def with_identity(self, identity: NDArray[np.integer]) -> Comparisons:
        """Return the same comparisons with these identities of the images, ``(I,)``."""
        return dataclasses.replace(self, identity=identity)

    def subset(self, rows: NDArray[np.bool_]) -> Comparisons:
        """Return the comparisons where ``rows``, ``(P,)``, is true; the images stay as they are."""
        similarity = None if self.similarity is None else self.similarity[rows]
        return dataclasses.replace(
            self,
            first=self.first[rows],
            second=self.second[rows],
            genuine=self.genuine[rows],
            similarity=similarity,
        )

    def _check_rows(self) -> None:
        if (
            self.first.ndim != 1
            or self.first.shape != self.second.shape
            or self.first.shape != self.genuine.shape
        ):
            raise InvalidInputError(
                f"first, second and genuine have shapes {self.first.shape}, {self.second.shape} and "
                f"{self.genuine.shape}; give three one-dimensional arrays of one length"
            )
        if self.genuine.dtype != np.bool_:
            raise InvalidInputError(
                f"genuine is {self.genuine.dtype}; give booleans, true for mated comparisons"
            )
        if not len(self):
            raise InvalidInputError(
                "there are no comparisons; give at least one genuine and one impostor pair"
            )
        low = min(int(self.first.min()), int(self.second.min()))
        high = max(int(self.first.max()), int(self.second.max()))
        if low < 0 or high >= len(self.paths):
            raise InvalidInputError(
                f"a comparison names image {low if low < 0 else high}, but the positions go from 0 to "
                f"{len(self.paths) - 1}"
            )
        alone = np.flatnonzero(self.first == self.second)
        if len(alone):
            raise InvalidInputError(
                f"comparison {alone[0]} compares {self.paths[int(self.first[alone[0]])]!r} with itself; "
                "remove it"
            )

    def _check_similarity(self) -> None:
        if self.similarity is None:
            return
        if self.similarity.shape != self.first.shape or self.similarity.dtype.kind != "f":
            raise InvalidInputError(
                f"similarity is {self.similarity.dtype} of shape {self.similarity.shape}; give "
                "floating-point numbers "
                f"of shape {self.first.shape}"
            )
        bad = np.flatnonzero(~np.isfinite(self.similarity))
        if len(bad):
            raise InvalidInputError(
                f"{len(bad)} of {len(self)} similarities are not finite, the first in comparison {bad[0]} "
                f"({self.paths[int(self.first[bad[0]])]!r} with {self.paths[int(self.second[bad[0]])]!r}); "
                "remove these comparisons"
            )

    def _check_identity(self) -> None:
        if self.identity is None:
            return
        if self.identity.shape != (len(self.paths),):
            raise InvalidInputError(
                f"identity has shape {self.identity.shape}; give one code per image, shape "
                f"({len(self.paths)},)"
            )
        wrong = np.flatnonzero((self.identity[self.first] == self.identity[self.second]) != self.genuine)
        if len(wrong):
            row = int(wrong[0])
            raise InvalidInputError(
                f"{len(wrong)} labels contradict the identities: {self.paths[int(self.first[row])]!r} and "
                f"{self.paths[int(self.second[row])]!r} are labelled "
                f"{'genuine' if self.genuine[row] else 'impostor'}"
            )


def pair_keys(first: NDArray[np.integer], second: NDArray[np.integer], images: int) -> NDArray[np.int64]:
    """Return one integer per unordered pair."""
    low, high = np.minimum(first, second).astype(np.int64), np.maximum(first, second).astype(np.int64)
    return np.asarray(low * images + high)


def align_quality(paths: Sequence[str], scores: Mapping[str, float]) -> NDArray[np.float64]:
    """Return the quality of each image, in the order of ``paths``; NaN where ``scores`` has none.

    Parameters
    ----------
    paths
        I names of images.
    scores
        Path → quality, for instance a column of a score table.

    Returns
    -------
    ndarray
        ``(I,)`` float64.

    Raises
    ------
    InvalidInputError
        No path at all has a score, which means that the names differ and not that images are missing.

    Examples
    --------
    >>> align_quality(["a.jpg", "b.jpg"], {"b.jpg": 0.5})
    array([nan, 0.5])
    """
    quality = np.array([scores.get(path, np.nan) for path in paths], np.float64)
    if len(quality) and scores and not any(path in scores for path in paths):
        raise InvalidInputError(
            f"none of the {len(paths)} compared images has a score: the comparisons name {paths[0]!r}, "
            "the scores "
            f"{next(iter(scores))!r}; make the paths agree: paths join by their end, so at least the file names must be the same"
        )
    return quality
