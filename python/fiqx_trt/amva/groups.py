"""The best and the worst images by a quality method (Fu & Damer, section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.overlap import extremes

__all__ = ["Groups", "members", "quality_groups"]

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Groups:
    """The images of highest and of lowest quality by one method.

    Parameters
    ----------
    method
        Name of the method.
    high, low
        ``(n,)`` positions of the images in the list that was given: best first, worst first. They share none.
    fraction
        The fraction asked for.
    higher_is_better
        Direction of the method.
    considered
        Images with a score of every method; the others belong to no group.
    """

    method: str
    high: Indices
    low: Indices
    fraction: float
    higher_is_better: bool
    considered: int


def quality_groups(
    paths: Sequence[str],
    scores: Mapping[str, NDArray[np.floating]],
    *,
    higher_is_better: Mapping[str, bool],
    fraction: float = 0.1,
) -> dict[str, Groups]:
    """Return the groups H and L of every method.

    Several methods are compared on the images that all of them scored. Equal qualities are split by path.

    Parameters
    ----------
    paths
        N names of images.
    scores
        Method → ``(N,)`` qualities, NaN where there is none.
    higher_is_better
        Method → direction, for every method: a direction is told, never guessed.
    fraction
        Size of a group as a fraction of the images considered, in (0, 0.5]; rounded, at least one image.

    Raises
    ------
    InvalidInputError
        No method, a direction missing, lengths that differ, a fraction out of range, or fewer than two images.

    Examples
    --------
    >>> groups = quality_groups(["a", "b", "c", "d"], {"q": np.array([0.1, 0.9, np.nan, 0.4])}, higher_is_better={"q": True})
    >>> groups["q"].high.tolist(), groups["q"].low.tolist(), groups["q"].considered
    ([1], [0], 3)
    """
    if not scores:
        raise InvalidInputError("no scores were given; give the scores of at least one quality method")
    usable = np.ones(len(paths), bool)
    for method, values in scores.items():
        if np.shape(values) != (len(paths),):
            raise InvalidInputError(
                f"the scores of {method!r} have shape {np.shape(values)}; give one for each of the {len(paths)} images"
            )
        if method not in higher_is_better:
            raise InvalidInputError(
                f"the direction of {method!r} is unknown; say whether higher or lower is better"
            )
        usable &= np.isfinite(np.asarray(values, np.float64))
    kept = np.flatnonzero(usable)
    if len(kept) < 2:
        raise InvalidInputError(
            f"{len(kept)} of {len(paths)} images have a score of every method ({', '.join(scores)}); groups need at least 2"
        )
    names = [paths[int(i)] for i in kept]
    groups = {}
    for method, values in scores.items():
        high, low = extremes(
            np.asarray(values, np.float64)[kept],
            names,
            fraction=fraction,
            higher_is_better=higher_is_better[method],
        )
        groups[method] = Groups(method, kept[high], kept[low], fraction, higher_is_better[method], len(kept))
    return groups


def members(groups: Mapping[str, Groups]) -> Indices:
    """Return the positions of all images that belong to some group, ascending: the images whose maps are needed."""
    return np.unique(np.concatenate([part for one in groups.values() for part in (one.high, one.low)]))
