"""Means over faces with bootstrap intervals, the same resamples for every column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.bootstrap import Estimate, check_bootstrap, draw_counts, percentile_interval

__all__ = ["mean_estimates"]


def mean_estimates(
    values: NDArray[np.float64],
    unit: NDArray[np.integer],
    *,
    replicates: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> list[Estimate]:
    """Return the mean of every column over the faces, with its interval.

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
    >>> mean_estimates(np.array([[1.0], [3.0]]), np.array([0, 1]))[0].value
    2.0
    """
    if values.ndim != 2 or unit.shape != (len(values),):
        raise InvalidInputError(
            f"values has shape {values.shape} and unit {unit.shape}; give (N, K) values and N codes"
        )
    check_bootstrap(replicates, level, fewest=2)
    codes = np.unique(unit, return_inverse=True)[1]
    people = int(codes.max()) + 1 if len(codes) else 0
    known = np.isfinite(values)
    sums, counts = np.zeros((2, people, values.shape[1]))
    np.add.at(sums, codes, np.where(known, values, 0.0))
    np.add.at(counts, codes, known)
    mean = _ratio(sums.sum(axis=0), counts.sum(axis=0))
    if people < 2:
        return [Estimate(float(value)) for value in mean]
    drawn = draw_counts(np.random.default_rng(seed), people, replicates)
    low, high = percentile_interval(_ratio(drawn @ sums, drawn @ counts), level)
    return [Estimate(*map(float, row)) for row in zip(mean, low, high, strict=True)]


def _ratio(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))
