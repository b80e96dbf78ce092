"""Proportions with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fiqx_trt.errors import InvalidInputError

__all__ = ["Proportion", "wilson"]

#: Two-sided 95 % of the normal distribution.
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Proportion:
    """A proportion k / n with its 95 % interval (Wilson 1927).

    Parameters
    ----------
    count, total
        k of n.
    share
        k / n; NaN for n = 0.
    low, high
        The interval, within [0, 1].
    """

    count: int
    total: int
    share: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | int | None]:
        """Return it for JSON: NaN becomes ``None``, numbers have four digits."""
        numbers = {name: getattr(self, name) for name in ("share", "low", "high")}
        return {
            "count": self.count,
            "total": self.total,
            **{name: None if math.isnan(value) else round(value, 4) for name, value in numbers.items()},
        }


def wilson(count: int, total: int, *, z: float = Z95) -> Proportion:
    """Return a share with Wilson's score interval.

    Unlike ``p ± z sqrt(p (1 - p) / n)`` it stays within [0, 1] and is not empty at 0 and 1.

    Parameters
    ----------
    count, total
        k of n, ``0 <= k <= n``.
    z
        Quantile of the normal distribution.

    Raises
    ------
    InvalidInputError
        The counts contradict each other.

    Examples
    --------
    >>> share = wilson(9, 10)
    >>> round(share.low, 3), round(share.high, 3)
    (0.596, 0.982)
    """
    if not 0 <= count <= total:
        raise InvalidInputError(f"{count} of {total} is no share; give 0 <= count <= total")
    if total == 0:
        return Proportion(0, 0, math.nan, math.nan, math.nan)
    p, weight = count / total, z * z / total
    middle = (p + weight / 2) / (1 + weight)
    half = z * math.sqrt((p * (1 - p) + weight / 4) / total) / (1 + weight)
    return Proportion(count, total, p, max(0.0, middle - half), min(1.0, middle + half))
