"""Deletion and insertion curves: whether the order of a map's pixels matters to the recogniser more than chance.

Petsiuk et al., "RISE", BMVC 2018, with the cosine to the untouched face, or its quality, in the place of a class score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.quality.serfiq import SerFiq

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model

__all__ = ["Curve", "area_under", "cell_means", "cell_order", "deletion_curves", "removal_curve"]

Face = NDArray[np.uint8]
Kind = Literal["deletion", "insertion"]


@dataclass(frozen=True)
class Curve:
    """What is left of a face as its cells are removed, or come back.

    Parameters
    ----------
    share
        ``(S,)`` share of the face's cells that is removed (or shown), from 0 to 1.
    similarity
        ``(S,)`` cosine between this picture's embedding and the untouched face's.
    quality
        ``(S,)`` Q̂; NaN where the model is not calibrated.
    """

    share: NDArray[np.float64]
    similarity: NDArray[np.float64]
    quality: NDArray[np.float64]


def area_under(share: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Return the area under a curve over [0, 1], by trapezia.

    Examples
    --------
    >>> area_under(np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    0.5
    """
    return float((np.diff(share) * (values[1:] + values[:-1]) / 2).sum())


def cell_means(quality_map: NDArray[np.floating], cells: int) -> NDArray[np.float64]:
    """Return the mean of a map ``(H, W)`` over a grid of cells, ``(cells, cells)`` float64."""
    height, width = quality_map.shape
    rows, columns = (np.arange(n) * cells // n for n in (height, width))
    total = np.zeros((cells, cells))
    np.add.at(total, (rows[:, np.newaxis], columns[np.newaxis]), quality_map)
    return total / np.outer(np.bincount(rows, minlength=cells), np.bincount(columns, minlength=cells))


def cell_order(quality_map: NDArray[np.floating], cells: int) -> NDArray[np.intp]:
    """Return the cells of a map, the highest mean first; equal ones in reading order."""
    return np.argsort(-cell_means(quality_map, cells).ravel(), kind="stable")


def removal_curve(
    model: Model, face: Face, order: NDArray[np.intp], *, kind: Kind = "deletion", cells: int, steps: int = 20
) -> Curve:
    """Remove a face's cells in an order (or bring them back) and measure what the recogniser makes of it.

    A removed cell has the face's mean colour.

    Parameters
    ----------
    model
        A recognition model.
    face
        ``(H, W, 3)`` uint8 RGB, of the model's input size.
    order
        Positions of all ``cells × cells`` cells in reading order.
    kind
        ``"deletion"`` from the face, or ``"insertion"`` into the mean colour.
    cells
        Cells per side.
    steps
        Pictures between none and all.

    Raises
    ------
    InvalidInputError
        The kind does not exist, or the numbers do not fit.
    """
    if kind not in ("deletion", "insertion"):
        raise InvalidInputError(f"kind is {kind!r}; choose deletion or insertion")
    height, width = face.shape[:2]
    if not 1 <= cells <= min(height, width) or steps < 1 or sorted(order.tolist()) != list(range(cells**2)):
        raise InvalidInputError(
            f"cells is {cells} and steps {steps} for a face of {height} × {width} px and an order of {len(order)}; "
            "the order names each of cells × cells cells once"
        )
    rank = np.empty(cells**2, np.int64)
    rank[order] = np.arange(cells**2)
    rows, columns = (np.arange(n) * cells // n for n in (height, width))
    ranks = rank.reshape(cells, cells)[rows[:, np.newaxis], columns[np.newaxis]]
    grey = np.rint(face.mean(axis=(0, 1))).astype(np.uint8)
    counts = np.rint(np.linspace(0, cells**2, steps + 1)).astype(int)
    touched = ranks[np.newaxis] < counts[:, np.newaxis, np.newaxis]
    hidden = touched if kind == "deletion" else ~touched
    pictures = np.where(hidden[..., np.newaxis], grey, face)
    return _measure(model, face, pictures, counts / cells**2)


def _measure(model: Model, face: Face, pictures: Face, share: NDArray[np.float64]) -> Curve:
    faces = np.concatenate([face[np.newaxis], pictures])
    extracted = model.extract(faces)
    e = extracted.embedding.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        e /= np.sqrt(np.square(e).sum(axis=1, keepdims=True))
    scaled = SerFiq().score(model, faces, extracted).scaled
    quality = np.full(len(pictures), np.nan) if scaled is None else scaled[1:]
    return Curve(share, np.asarray((e[1:] * e[0]).sum(axis=1)), quality)


def deletion_curves(
    model: Model,
    face: Face,
    quality_map: NDArray[np.floating],
    *,
    cells: int = 15,
    steps: int = 20,
    randoms: int = 5,
    seed: int = 0,
) -> dict[str, dict[str, Curve]]:
    """Return the curves of a map and of random orders of the same cells.

    Cells, not pixels, are removed: single pixels at random are a noise that ruins a network's answer by itself, so that any
    map of connected areas would seem worse than chance.

    Parameters
    ----------
    model
        A recognition model.
    face
        ``(H, W, 3)`` uint8 RGB.
    quality_map
        ``(H, W)`` P.
    cells
        Cells per side.
    steps
        Pictures between none and all.
    randoms
        Random orders, averaged.
    seed
        Seed of the random orders.

    Returns
    -------
    dict
        ``"deletion"`` and ``"insertion"`` → ``"map"`` (the highest P first) and ``"random"`` → curve. A map tells something where
        its deletion curve lies below the random one and its insertion curve above.

    Raises
    ------
    InvalidInputError
        The numbers do not fit.
    """
    if randoms < 1:
        raise InvalidInputError(f"randoms is {randoms}; the baseline needs at least one random order")
    rng = np.random.default_rng(seed)
    chance = [rng.permutation(cells**2) for _ in range(randoms)]
    result: dict[str, dict[str, Curve]] = {}
    kinds: tuple[Kind, ...] = ("deletion", "insertion")
    for kind in kinds:
        drawn = [removal_curve(model, face, order, kind=kind, cells=cells, steps=steps) for order in chance]
        result[kind] = {
            "map": removal_curve(
                model, face, cell_order(quality_map, cells), kind=kind, cells=cells, steps=steps
            ),
            "random": Curve(
                drawn[0].share,
                np.mean([curve.similarity for curve in drawn], axis=0),
                np.mean([curve.quality for curve in drawn], axis=0),
            ),
        }
    return result
