"""Means over faces with bootstrap bands, the same resamples for every column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError

__all__ = ["Band", "mean_bands"]


@dataclass(frozen=True)
class Band:
    """A mean and its percentile bootstrap interval; NaN where it does not exist.

    Parameters
    ----------
    value
        The mean over the faces.
    low, high
        Bounds; NaN with fewer than two people (or faces), or where more than half of the replicates have no value.
    """

    value: float
    low: float
    high: float


def mean_bands(
    values: NDArray[np.float64],
    unit: NDArray[np.integer],
    *,
    replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> list[Band]:
    """Return the mean of every column over the faces, with a band.

    Parameters
    ----------
    values
        ``(N, K)``; NaN where a face has no value.
    unit
        ``(N,)`` code of the person on each face, or of the face: what is drawn with replacement.
    replicates
        Bootstrap replicates, at least 2; all columns see the same.
    seed
        Seed of the draws.
    level
        Share of the replicates between the bounds.

    Raises
    ------
    InvalidInputError
        The shapes do not fit, or an option is out of range.

    Examples
    --------
    >>> mean_bands(np.array([[1.0], [3.0]]), np.array([0, 1]))[0].value
    2.0
    """
    if values.ndim != 2 or unit.shape != (len(values),):
        raise InvalidInputError(
            f"values has shape {values.shape} and unit {unit.shape}; give (N, K) values and N codes"
        )
    if replicates < 2 or not 0.0 < level < 1.0:
        raise InvalidInputError(
            f"replicates is {replicates} and level {level}; give at least 2, and a share below 1"
        )
    codes = np.unique(unit, return_inverse=True)[1]
    people = int(codes.max()) + 1 if len(codes) else 0
    known = np.isfinite(values)
    sums, counts = np.zeros((2, people, values.shape[1]))
    np.add.at(sums, codes, np.where(known, values, 0.0))
    np.add.at(counts, codes, known)
    mean = _ratio(sums.sum(axis=0), counts.sum(axis=0))
    if people < 2:
        return [Band(float(value), float("nan"), float("nan")) for value in mean]
    drawn = np.random.default_rng(seed).multinomial(people, np.full(people, 1.0 / people), size=replicates)
    found = _ratio(drawn @ sums, drawn @ counts)
    return [Band(float(m), *_bounds(column, level)) for m, column in zip(mean, found.T, strict=True)]


def _ratio(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))


def _bounds(replicates: NDArray[np.float64], level: float) -> tuple[float, float]:
    kept = replicates[np.isfinite(replicates)]
    if 2 * len(kept) < len(replicates):
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)
