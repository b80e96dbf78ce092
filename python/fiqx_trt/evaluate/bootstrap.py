"""The bootstrap behind every interval: the draws, the percentile interval, and an estimate with its bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError

__all__ = ["Estimate", "check_bootstrap", "draw_counts", "draw_units", "percentile_interval"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its percentile bootstrap interval.

    Parameters
    ----------
    value
        The number; NaN where it is not defined.
    low, high
        Bounds of the interval; NaN where there is none.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")


def check_bootstrap(replicates: int, level: float, *, fewest: int) -> None:
    """Check the number of replicates and the share of them between the bounds.

    Raises
    ------
    InvalidInputError
        There are fewer replicates than `fewest`, or the level is no share between 0 and 1.
    """
    if replicates < fewest:
        raise InvalidInputError(
            f"replicates (--replicates) is {replicates}; choose at least {fewest}, usually 200 or more"
        )
    if not 0.0 < level < 1.0:
        raise InvalidInputError(f"level (--level) is {level:g}; give a share between 0 and 1, such as 0.95")


def draw_units(rng: np.random.Generator, units: int) -> NDArray[np.int64]:
    """Return the units of one replicate, ``(units,)``, drawn with replacement."""
    return rng.integers(0, units, units)


def draw_counts(rng: np.random.Generator, units: int, replicates: int) -> NDArray[np.int64]:
    """Return how often each unit is drawn in each replicate, ``(replicates, units)``."""
    return rng.multinomial(units, np.full(units, 1.0 / units), size=replicates)


def percentile_interval(values: Doubles, level: float) -> tuple[Doubles, Doubles]:
    """Return the bounds of the middle share of replicates.

    Parameters
    ----------
    values
        ``(R, ...)`` values of R replicates.
    level
        Share of the replicates between the bounds.

    Returns
    -------
    low, high : ndarray
        ``(...)``; NaN where more than half of the replicates are undefined.

    Examples
    --------
    >>> low, high = percentile_interval(np.arange(101.0), 0.9)
    >>> round(float(low), 6), round(float(high), 6)
    (5.0, 95.0)
    """
    tail = (1.0 - level) / 2.0
    columns = values.reshape(len(values), -1)
    bounds = np.full((2, columns.shape[1]), np.nan)
    enough = 2 * np.count_nonzero(~np.isnan(columns), axis=0) >= len(columns)
    if np.any(enough):
        bounds[:, enough] = np.nanquantile(columns[:, enough], [tail, 1.0 - tail], axis=0)
    low, high = bounds.reshape(2, *values.shape[1:])
    return low, high
