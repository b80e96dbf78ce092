"""Comparisons made from a set of images: all genuine pairs, and impostor pairs drawn at random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.comparisons import Comparisons, pair_keys

__all__ = ["generate_pairs", "genuine_pairs", "impostor_pairs"]


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
