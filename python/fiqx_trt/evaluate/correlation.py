"""Rank correlations with bootstrap intervals, in O(N log N) and without SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.bootstrap import Estimate, check_bootstrap, draw_units, percentile_interval

__all__ = ["kendall", "rank_correlation", "spearman"]


def dense_ranks(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return 0, 1, 2 … by value; equal values have one rank."""
    return np.asarray(np.unique(values, return_inverse=True)[1], np.int64)


def spearman(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Return Spearman's ρ: the Pearson correlation of the average ranks.

    Parameters
    ----------
    x, y
        ``(N,)`` finite numbers.

    Returns
    -------
    float
        In [-1, 1]; NaN when one of them is constant.

    Examples
    --------
    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 8.0, 27.0]))
    1.0
    """
    return _spearman(dense_ranks(x), dense_ranks(y))


def kendall(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Return Kendall's τ-b, which takes ties into account.

    ``τ = (C - D) / sqrt((n₀ - n_x)(n₀ - n_y))`` with C concordant and D discordant pairs, n₀ pairs in all and
    n_x, n_y pairs tied in x and y (Kendall, 'The treatment of ties in ranking problems', Biometrika 1945;
    counted in N log N steps as by Knight, JASA 1966).

    Parameters
    ----------
    x, y
        ``(N,)`` finite numbers.

    Returns
    -------
    float
        In [-1, 1]; NaN when one of them is constant.

    Examples
    --------
    >>> kendall(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0]))
    -1.0
    """
    return _kendall(dense_ranks(x), dense_ranks(y))


KINDS: dict[str, Callable[[NDArray[np.int64], NDArray[np.int64]], float]] = {
    "spearman": lambda x, y: _spearman(x, y),
    "kendall": lambda x, y: _kendall(x, y),
}


def rank_correlation(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    *,
    kind: str = "spearman",
    replicates: int = 200,
    seed: int = 0,
    level: float = 0.95,
    identity: NDArray[np.integer] | None = None,
) -> Estimate:
    """Return a rank correlation with its percentile bootstrap interval.

    Parameters
    ----------
    x, y
        ``(N,)`` finite numbers, N ≥ 2.
    kind
        ``"spearman"`` or ``"kendall"``.
    replicates
        Bootstrap replicates; 0 for none, the bounds are NaN then.
    seed
        Seed of the bootstrap.
    level
        Share of the replicates between the bounds.
    identity
        ``(N,)`` code of the person on each image: people are resampled instead of images.

    Raises
    ------
    InvalidInputError
        Shapes differ, a number is not finite, or an option is out of range.
    """
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise InvalidInputError(
            f"x and y have shapes {x.shape} and {y.shape}; give two columns of at least 2 numbers"
        )
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        raise InvalidInputError("a number is not finite; compare images that both methods scored")
    if kind not in KINDS:
        raise InvalidInputError(f"kind is {kind!r}; choose one of {', '.join(KINDS)}")
    check_bootstrap(replicates, level, fewest=0)
    correlate, a, b = KINDS[kind], dense_ranks(x), dense_ranks(y)
    if not replicates:
        return Estimate(correlate(a, b))
    rng = np.random.default_rng(seed)
    clusters = None if identity is None else _clusters(identity)
    values = np.empty(replicates)
    for r in range(replicates):
        rows = _resample(rng, len(a), clusters)
        values[r] = correlate(a[rows], b[rows])
    low, high = percentile_interval(values, level)
    return Estimate(correlate(a, b), float(low), float(high))


def _clusters(identity: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    order = np.argsort(identity, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(identity[order])) + 1)


def _resample(
    rng: np.random.Generator, count: int, clusters: list[NDArray[np.int64]] | None
) -> NDArray[np.int64]:
    if clusters is None:
        return draw_units(rng, count)
    return np.concatenate([clusters[c] for c in draw_units(rng, len(clusters))])


def _spearman(x: NDArray[np.int64], y: NDArray[np.int64]) -> float:
    a, b = _centred_ranks(x), _centred_ranks(y)
    scale = float(np.sqrt(np.dot(a, a) * np.dot(b, b)))
    return float(np.clip(np.dot(a, b) / scale, -1.0, 1.0)) if scale > 0.0 else float("nan")


def _centred_ranks(dense: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return average ranks minus their mean, from dense ranks."""
    counts = np.bincount(dense)
    ends = np.cumsum(counts)
    average = ends - (counts - 1) / 2.0
    return np.asarray(average[dense] - (len(dense) + 1) / 2.0)


def _kendall(x: NDArray[np.int64], y: NDArray[np.int64]) -> float:
    width = int(y.max()) + 1
    pair = x * width + y
    order = np.argsort(pair, kind="stable")
    pairs = len(x) * (len(x) - 1) // 2
    tied_x, tied_y, tied_both = (
        _tied(np.bincount(x)),
        _tied(np.bincount(y)),
        _tied(np.unique(pair, return_counts=True)[1]),
    )
    discordant = _inversions(y[order])
    concordant = pairs - tied_x - tied_y + tied_both - discordant
    scale = float(np.sqrt(float(pairs - tied_x) * float(pairs - tied_y)))
    return float((concordant - discordant) / scale) if scale > 0.0 else float("nan")


def _tied(counts: NDArray[np.int64]) -> int:
    return int((counts * (counts - 1) // 2).sum())


def _inversions(values: NDArray[np.int64]) -> int:
    """Count positions i < j with values[i] > values[j], bit by bit from the highest.

    Two values differ first in one bit. Kept in stable order within the groups that agree in the bits above,
    the zeros behind a one are counted with running sums.
    """
    count, group = 0, np.zeros(len(values), np.int64)
    for bit in range(int(values.max()).bit_length() - 1, -1, -1):
        ones = (values >> bit) & 1
        before = np.cumsum(ones)
        # Ones of earlier groups do not belong to the comparison: take off what stood before the group began.
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        base = np.repeat((before - ones)[starts], np.diff(np.append(starts, len(values))))
        count += int((before - base)[ones == 0].sum())
        order = np.argsort(values >> bit, kind="stable")
        values, group = values[order], (values >> bit)[order]
    return count
