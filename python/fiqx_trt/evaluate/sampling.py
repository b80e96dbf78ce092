"""Choose images of each person by a seed, independent of the order of the input."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError

__all__ = ["folder_identities", "identity_codes", "per_identity"]


def folder_identities(paths: Sequence[str]) -> list[str]:
    """Return the name of the folder that holds each image, as the name of the person on it.

    Raises
    ------
    InvalidInputError
        A path has no folder.

    Examples
    --------
    >>> folder_identities(["faces/ada/1.jpg", "faces/bob/1.jpg"])
    ['ada', 'bob']
    """
    names = [PurePath(path.replace("\\", "/")).parent.name for path in paths]
    for path, name in zip(paths, names, strict=True):
        if not name:
            raise InvalidInputError(
                f"{path!r} lies in no folder, so it names no person; give a CSV with identities"
            )
    return names


def identity_codes(identities: Sequence[str]) -> NDArray[np.int32]:
    """Return one integer per image, equal where the names are equal, in alphabetical order of the names.

    Examples
    --------
    >>> identity_codes(["bob", "ada", "bob"])
    array([1, 0, 1], dtype=int32)
    """
    codes = {name: code for code, name in enumerate(sorted(set(identities)))}
    return np.array([codes[name] for name in identities], np.int32)


def per_identity(paths: Sequence[str], identities: Sequence[str], k: int, *, seed: int = 0) -> list[int]:
    """Choose up to ``k`` images of each person at random.

    An image's place in the draw is a hash of the seed, the person and the path. So the choice depends neither
    on the order of the input nor on the other images: adding a person changes nothing for the others, and the
    choice of k contains the choice of k - 1.

    Parameters
    ----------
    paths
        N names of images, each once.
    identities
        The person on each of them.
    k
        Images per person; a person with fewer keeps them all.
    seed
        Any integer.

    Returns
    -------
    list of int
        Positions of the chosen images, in input order.

    Raises
    ------
    InvalidInputError
        Lengths differ, a path is repeated, or ``k`` is below 1.

    Examples
    --------
    >>> per_identity(["a/1", "a/2", "b/1"], ["a", "a", "b"], 2)
    [0, 1, 2]
    """
    if len(paths) != len(identities):
        raise InvalidInputError(
            f"there are {len(paths)} paths and {len(identities)} identities; give one per image"
        )
    if k < 1:
        raise InvalidInputError(f"k is {k}; choose at least 1 image per person")
    if len(set(paths)) != len(paths):
        repeated = next(path for path, times in Counter(paths).items() if times > 1)
        raise InvalidInputError(f"{repeated!r} is listed twice; list each image once")
    members: dict[str, list[int]] = {}
    for position, name in enumerate(identities):
        members.setdefault(name, []).append(position)
    chosen: list[int] = []
    for name, positions in members.items():
        chosen.extend(sorted(positions, key=lambda i: _draw(seed, name, paths[i]))[:k])
    return sorted(chosen)


def _draw(seed: int, identity: str, path: str) -> bytes:
    text = f"{seed}\0{identity}\0{path}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=16).digest()
