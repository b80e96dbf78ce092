"""Deletion and insertion curves of maps, a centre prior, the mean map of other faces, and random orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.experiments.cell_removal import FILLS, area_under, cell_order, filling, removal_counts, removed

__all__ = [
    "CENTRE",
    "CHANCE",
    "Deletion",
    "DeletionOptions",
    "Probe",
    "Probed",
    "delete_and_insert",
    "mean_name",
]

Doubles = NDArray[np.float64]
Faces = NDArray[np.uint8]
#: Names of the baselines that every map is compared with, beside the mean map of other faces.
CENTRE, CHANCE = "centre prior", "chance"


def mean_name(name: str) -> str:
    """Return the name of the baseline made of other faces' maps of a kind."""
    return f"mean {name}"


@dataclass(frozen=True)
class Probed:
    """Embeddings and qualities of n pictures.

    Parameters
    ----------
    embedding
        ``(n, D)`` of any length.
    quality
        ``(n,)`` Q̂; NaN where there is none.
    """

    embedding: Doubles
    quality: Doubles


#: A function that embeds pictures ``(n, H, W, 3)`` uint8 and measures their quality.
Probe = Callable[[Faces], Probed]


@dataclass(frozen=True)
class DeletionOptions:
    """Settings of the removal of cells and of the bootstrap.

    Parameters
    ----------
    cells
        Cells per side of a face.
    steps
        Steps between nothing and everything.
    randoms
        Random orders per face, averaged.
    fills
        What removed cells show (:data:`fiqx_trt.experiments.cell_removal.FILLS`); ``None``: all of them, without
        ``"other"`` where there is no other face.
    seed
        Seed of the random orders and of the bootstrap.
    replicates, level
        Bootstrap replicates, and the share of them between the bounds of a band.
    """

    cells: int = 8
    steps: int = 16
    randoms: int = 5
    fills: tuple[str, ...] | None = None
    seed: int = 0
    replicates: int = 1000
    level: float = 0.95

    def __post_init__(self) -> None:
        """Check the numbers once."""
        if self.randoms < 1:
            raise InvalidInputError(
                f"randoms (--randoms) is {self.randoms}; chance needs at least one random order"
            )
        if self.fills is not None and (not self.fills or len(set(self.fills)) < len(self.fills)):
            raise InvalidInputError(f"fills (--fill) is {self.fills}; name at least one, and each once")


@dataclass(frozen=True)
class Deletion:
    """Curves of N faces, M orders and F fills.

    Parameters
    ----------
    maps
        The kinds of maps that are judged.
    orders
        M names: the maps, the baselines made of other faces' maps, the centre prior, chance.
    fills
        F names.
    share
        ``(2, S)`` share of the cells removed (deletion) and shown (insertion).
    curves
        ``"similarity"``: cosine to the untouched face; ``"quality"``: Q̂; where people are known also ``"genuine"``: mean cosine
        to the untouched other pictures of the same person. Each ``(N, M, F, 2, S)``, deletion first; NaN where there is none.
    unit
        ``(N,)`` code of the person on each face, or of the face: what a bootstrap draws.
    people
        Number of people; 0 where they are not known.
    """

    maps: tuple[str, ...]
    orders: tuple[str, ...]
    fills: tuple[str, ...]
    share: Doubles
    curves: Mapping[str, Doubles]
    unit: NDArray[np.int64]
    people: int = 0
    options: DeletionOptions = field(default_factory=DeletionOptions)

    def areas(self, measure: str = "similarity") -> Doubles:
        """Return the areas under the curves, ``(N, M, F, 2)``: of deletion, where low is good, and of insertion."""
        curves = self.curves[measure]
        return np.stack([area_under(self.share[k], curves[..., k, :]) for k in range(2)], axis=-1)

    def gains(self, measure: str = "similarity") -> Doubles:
        """Return insertion minus deletion, the mean over the fills, ``(N, M)``: high is good, 0 is chance."""
        areas = self.areas(measure)
        return np.asarray((areas[..., 1] - areas[..., 0]).mean(axis=-1))


def delete_and_insert(
    probe: Probe,
    faces: Faces,
    maps: Mapping[str, Doubles],
    prior: Doubles,
    *,
    people: Sequence[str] | None = None,
    options: DeletionOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Deletion:
    """Remove and show the cells of faces in the order of maps and of their baselines.

    The insertion of an order is the deletion of the reversed order, seen from its end. Chance therefore has the same area in
    both directions, and its runs serve both.

    Parameters
    ----------
    probe
        The recogniser.
    faces
        ``(N, H, W, 3)`` uint8 RGB, aligned.
    maps
        Kind of map → ``(N, cells, cells)`` its means over the cells of each face
        (:func:`fiqx_trt.experiments.cell_removal.cell_means`).
    prior
        ``(cells, cells)`` the centre prior's means.
    people
        The person on each face. The mean map, the other face of a fill and the bootstrap then leave the person out, and the
        similarity to other pictures of the same person is measured too.
    options
        How cells are removed.
    progress
        Called with the number of faces done and of all.

    Raises
    ------
    InvalidInputError
        The numbers do not fit, or a fill needs a face that is not there.
    """
    options = options or DeletionOptions()
    count, counts = len(faces), removal_counts(options.cells, options.steps)
    _check(count, maps, prior, people, options)
    unit = np.arange(count) if people is None else np.unique(list(people), return_inverse=True)[1]
    ranked = _with_baselines(maps, prior, unit)
    fills = options.fills or tuple(f for f in FILLS if f != "other" or len(set(unit.tolist())) > 1)
    untouched = probe(faces)
    references = _references(_unit(untouched.embedding), unit, people is not None)
    shape = (count, len(ranked) + 1, len(fills), 2, len(counts))
    curves = {name: np.full(shape, np.nan) for name in ("quality", *references)}
    for i, face in enumerate(faces):
        orders = _orders([values[i] for values in ranked.values()], options, i)
        other = _face_of_another(i, unit)
        ends = Probed(untouched.embedding[i], untouched.quality[i])
        for f, fill in enumerate(fills):
            filled = filling(face, fill, None if other is None else faces[other])
            probed = _deleted(probe, face, filled, orders, counts, options.cells, ends)
            curves["quality"][i, :, f] = _both_ways(probed.quality, len(ranked))
            for name, reference in references.items():
                cosines = _unit(probed.embedding) @ reference[i]
                curves[name][i, :, f] = _both_ways(cosines, len(ranked))
        if progress is not None:
            progress(i + 1, count)
    share = counts / options.cells**2
    return Deletion(
        maps=tuple(maps),
        orders=(*ranked, CHANCE),
        fills=fills,
        share=np.stack([share, 1.0 - share[::-1]]),
        curves=curves,
        unit=np.asarray(unit, np.int64),
        people=0 if people is None else len(set(people)),
        options=options,
    )


def _orders(ranked: Sequence[Doubles], options: DeletionOptions, i: int) -> list[NDArray[np.integer]]:
    """Return the orders of maps, their reverses, and the random orders of face i."""
    rng = np.random.default_rng((options.seed, i))
    orders = [cell_order(means) for means in ranked]
    random = [rng.permutation(options.cells**2) for _ in range(options.randoms)]
    return [*orders, *(order[::-1] for order in orders), *random]


def _check(
    count: int,
    maps: Mapping[str, Doubles],
    prior: Doubles,
    people: Sequence[str] | None,
    options: DeletionOptions,
) -> None:
    grid = (options.cells, options.cells)
    shapes = {name: values.shape for name, values in maps.items()}
    if not count or not maps or set(shapes.values()) != {(count, *grid)} or prior.shape != grid:
        raise InvalidInputError(
            f"maps have the shapes {shapes}, the prior {prior.shape}; give for {count} faces at least one kind of map of shape "
            f"({count}, {options.cells}, {options.cells}), and a prior of shape {grid}"
        )
    if people is not None and len(people) != count:
        raise InvalidInputError(f"{len(people)} people were given for {count} faces; give one for each face")


def _with_baselines(
    maps: Mapping[str, Doubles], prior: Doubles, unit: NDArray[np.integer]
) -> dict[str, Doubles]:
    """Return the maps, the mean of other people's maps where there are others, and the prior, by name."""
    first = next(iter(maps.values()))
    same = (unit[:, np.newaxis] == unit[np.newaxis]).astype(np.float64)
    others = len(unit) - same.sum(axis=1)
    means = {}
    if others.all():
        for name, values in maps.items():
            total = values.sum(axis=0) - np.tensordot(same, values, axes=1)
            means[mean_name(name)] = total / others[:, np.newaxis, np.newaxis]
    return {**maps, **means, CENTRE: np.broadcast_to(prior, first.shape)}


def _references(units: Doubles, unit: NDArray[np.integer], known: bool) -> dict[str, Doubles]:
    """Return what pictures are compared with: measure → ``(N, D)``; a row of NaN where a person has no other picture."""
    if not known:
        return {"similarity": units}
    same = (unit[:, np.newaxis] == unit[np.newaxis]).astype(np.float64) - np.eye(len(unit))
    others = same.sum(axis=1, keepdims=True)
    return {"similarity": units, "genuine": same @ units / np.where(others > 0, others, np.nan)}


def _face_of_another(i: int, unit: NDArray[np.integer]) -> int | None:
    """Return the next face of another person, after the last one the first again."""
    others = np.flatnonzero(unit != unit[i])
    return None if not len(others) else int(others[np.searchsorted(others, i) % len(others)])


def _deleted(
    probe: Probe,
    face: Faces,
    filled: Faces,
    orders: Sequence[NDArray[np.integer]],
    counts: NDArray[np.int64],
    cells: int,
    untouched: Probed,
) -> Probed:
    """Return embeddings and qualities at each count of each order, ``(orders, S, ...)``.

    The two ends are the same for all orders and are computed once.
    """
    between = counts[1:-1]
    pictures = [removed(face, filled, order, between, cells) for order in orders]
    probed = probe(np.concatenate([*pictures, filled[np.newaxis]]))
    inner = (len(orders), len(between))

    def whole(values: Doubles, first: Doubles) -> Doubles:
        rest = values.shape[1:]
        ends = (np.broadcast_to(end, (len(orders), 1, *rest)) for end in (first, values[-1]))
        start, stop = ends
        return np.concatenate([start, values[:-1].reshape(*inner, *rest), stop], axis=1)

    return Probed(whole(probed.embedding, untouched.embedding), whole(probed.quality, untouched.quality))


def _both_ways(values: Doubles, named: int) -> Doubles:
    """Return deletion and insertion curves ``(M, 2, S)`` from those of the named orders, of their reverses and of chance."""
    forth, back, chance = values[:named], values[named : 2 * named, ::-1], values[2 * named :]
    own = np.stack([forth, back], axis=1)
    random = np.stack([chance.mean(axis=0), chance.mean(axis=0)[::-1]])
    return np.concatenate([own, random[np.newaxis]])


def _unit(vectors: Doubles) -> Doubles:
    length = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(vectors / length)
