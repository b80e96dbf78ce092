"""Agreement of several quality methods: shared best and worst images, and rank correlations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.bootstrap import Estimate
from fiqx_trt.evaluate.correlation import rank_correlation

__all__ = ["COEFFICIENTS", "Agreement", "agreement", "extremes", "gaussian_copula_overlap", "shared_ratio"]

#: The rank correlations of an agreement.
COEFFICIENTS = ("spearman", "kendall")


@dataclass(frozen=True)
class Agreement:
    """Agreement of M methods on the N images that all of them scored.

    Parameters
    ----------
    methods
        Names of the M methods, the order of all rows and columns.
    top, bottom
        ``(M, M)`` overlap ratio of the best and of the worst images: the share that two groups have in
        common.
    spearman, kendall
        ``(M, M)`` rank correlations, methods turned so that higher is better.
    images, group
        N, and the number of images in a group.
    left_out
        How many images lack a score of at least one method.
    """

    methods: tuple[str, ...]
    top: NDArray[np.float64]
    bottom: NDArray[np.float64]
    spearman: tuple[tuple[Estimate, ...], ...]
    kendall: tuple[tuple[Estimate, ...], ...]
    images: int
    group: int
    left_out: int

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield one row for every two methods, each once: names, shared best and worst, and the coefficients with bounds."""
        for i, first in enumerate(self.methods):
            for j in range(i + 1, len(self.methods)):
                cells = [getattr(self, kind)[i][j] for kind in COEFFICIENTS]
                numbers = [number for cell in cells for number in (cell.value, cell.low, cell.high)]
                shared = (float(self.top[i, j]), float(self.bottom[i, j]))
                yield (first, self.methods[j], *shared, *numbers)


def extremes(
    quality: NDArray[np.floating],
    paths: Sequence[str],
    *,
    fraction: float = 0.1,
    higher_is_better: bool = True,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of the best and of the worst images.

    Images are put in one order, by quality and then by path, and cut at both ends. So the two groups never
    share an image, equal qualities are split by path, and the order of the input does not matter.

    Parameters
    ----------
    quality
        ``(N,)`` finite.
    paths
        N names, the tie-breaker.
    fraction
        Size of a group as a fraction of N, in (0, 0.5]; ``round(fraction · N)``, half up, and at least 1.
    higher_is_better
        Direction of the quality.

    Returns
    -------
    tuple of ndarray
        ``(top, bottom)`` positions, best first and worst first.

    Raises
    ------
    InvalidInputError
        The fraction is out of range, there are fewer than two images, or a quality is not finite.

    Examples
    --------
    >>> extremes(np.array([0.3, 0.1, 0.3, 0.9]), ["a", "b", "c", "d"], fraction=0.5)
    (array([3, 2]), array([1, 0]))
    """
    if not 0.0 < fraction <= 0.5:
        raise InvalidInputError(f"fraction is {fraction}; give more than 0 and at most 0.5, such as 0.1")
    if len(quality) != len(paths) or len(paths) < 2:
        raise InvalidInputError(
            f"{len(quality)} qualities of {len(paths)} images; give one each, of at least 2 images"
        )
    if not np.all(np.isfinite(quality)):
        raise InvalidInputError("a quality is not finite; leave out images without a quality")
    size = min(max(1, int(np.floor(fraction * len(paths) + 0.5))), len(paths) // 2)
    rising = quality if higher_is_better else -quality
    order = np.lexsort((_path_ranks(paths), rising))
    return order[::-1][:size], order[:size]


def _path_ranks(paths: Sequence[str]) -> NDArray[np.int64]:
    ranks = np.empty(len(paths), np.int64)
    ranks[sorted(range(len(paths)), key=paths.__getitem__)] = np.arange(len(paths))
    return ranks


def agreement(
    scores: Mapping[str, NDArray[np.floating]],
    paths: Sequence[str],
    *,
    higher_is_better: Mapping[str, bool | None],
    fraction: float = 0.1,
    replicates: int = 200,
    seed: int = 0,
    level: float = 0.95,
    identity: NDArray[np.integer] | None = None,
) -> Agreement:
    """Compare any number of quality methods on the images that all of them scored (Fu and Damer, Fig. 2).

    Parameters
    ----------
    scores
        Method → ``(N,)`` qualities in the order of ``paths``; NaN where there is none.
    paths
        N names of images, each once.
    higher_is_better
        Method → direction; a direction that is ``None`` or absent is an error.
    fraction
        Size of the groups of best and worst images, see :func:`extremes`.
    replicates, seed, level
        Bootstrap of the rank correlations; 0 replicates for no intervals.
    identity
        ``(N,)`` code of the person on each image: people are resampled instead of images.

    Raises
    ------
    InvalidInputError
        Fewer than two methods, a direction is unknown, lengths differ, or fewer than two images are scored by
        all.
    """
    methods = tuple(scores)
    if len(methods) < 2:
        raise InvalidInputError(f"{len(methods)} method was given; an overlap needs at least 2")
    if len(set(paths)) != len(paths):
        raise InvalidInputError("an image is listed twice; list each image once")
    columns = np.stack([_column(name, scores[name], paths, higher_is_better.get(name)) for name in methods])
    kept = np.flatnonzero(np.all(np.isfinite(columns), axis=0)).tolist()
    if len(kept) < 2:
        raise InvalidInputError(
            f"{len(kept)} of {len(paths)} images have a score of every method; at least 2 are needed"
        )
    columns, names = columns[:, kept], [paths[i] for i in kept]
    groups = [extremes(column, names, fraction=fraction) for column in columns]
    people = None if identity is None else identity[kept]

    def correlations(kind: str) -> tuple[tuple[Estimate, ...], ...]:
        table = [[Estimate(1.0, 1.0, 1.0)] * len(methods) for _ in methods]
        for i in range(len(methods)):
            for j in range(i):
                table[i][j] = table[j][i] = rank_correlation(
                    columns[i],
                    columns[j],
                    kind=kind,
                    replicates=replicates,
                    seed=seed,
                    level=level,
                    identity=people,
                )
        return tuple(map(tuple, table))

    return Agreement(
        methods=methods,
        top=shared_ratio([group[0] for group in groups]),
        bottom=shared_ratio([group[1] for group in groups]),
        spearman=correlations("spearman"),
        kendall=correlations("kendall"),
        images=len(kept),
        group=len(groups[0][0]),
        left_out=len(paths) - len(kept),
    )


def _column(
    name: str, values: NDArray[np.floating], paths: Sequence[str], higher_is_better: bool | None
) -> NDArray[np.float64]:
    if higher_is_better is None:
        raise InvalidInputError(
            f"the direction of {name!r} is unknown; say whether higher or lower is better"
        )
    if np.shape(values) != (len(paths),):
        raise InvalidInputError(
            f"{name!r} has shape {np.shape(values)}; give one score per image, ({len(paths)},)"
        )
    column = np.asarray(values, np.float64)
    return column if higher_is_better else -column


def shared_ratio(groups: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return the share two groups of equal size have in common, for all pairs of groups."""
    sets = [set(group.tolist()) for group in groups]
    return np.array([[len(a & b) / len(a) for b in sets] for a in sets])


def gaussian_copula_overlap(rho: float, fraction: float) -> float:
    """Return the overlap ratio two methods have when their scores are jointly normal with correlation ρ.

    ``P(X > z, Y > z) / fraction`` with ``z`` the upper ``fraction`` quantile; the joint tail by Plackett's
    identity ``fraction² + 1/2π ∫₀^ρ exp(-z² / (1 + r)) / sqrt(1 - r²) dr`` (Plackett, Biometrika 1954). A
    scale to read overlaps by: unrelated methods share ``fraction``.

    Parameters
    ----------
    rho
        Correlation in (-1, 1).
    fraction
        Size of the groups, in (0, 0.5].

    Examples
    --------
    >>> round(gaussian_copula_overlap(0.5, 0.1), 3), round(gaussian_copula_overlap(0.0, 0.1), 3)
    (0.324, 0.1)
    """
    from statistics import NormalDist

    if not (-1.0 < rho < 1.0 and 0.0 < fraction <= 0.5):
        raise InvalidInputError(
            f"rho is {rho} and fraction {fraction}; give -1 < rho < 1 and 0 < fraction ≤ 0.5"
        )
    z = NormalDist().inv_cdf(1.0 - fraction)
    # With r = sin t the integrand is smooth up to |ρ| = 1, and Gauss-Legendre converges fast.
    nodes, weights = np.polynomial.legendre.leggauss(64)
    end = np.arcsin(rho)
    angles = 0.5 * end * (nodes + 1.0)
    tail = fraction**2 + 0.5 * end * np.dot(weights, np.exp(-(z**2) / (1.0 + np.sin(angles)))) / (2.0 * np.pi)
    return float(tail / fraction)
