"""Step curves over the discard fraction, and the areas under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError

__all__ = ["BestDiscard", "DiscardCurve", "PartialArea", "partial_areas"]


@dataclass(frozen=True)
class DiscardCurve:
    """An error-versus-discard curve of S steps.

    Parameters
    ----------
    discard
        ``(S,)`` fraction that has left, in [0, 1), strictly increasing, the first one 0.
    fnmr, fmr
        ``(S,)`` rates of the comparisons that are left; ``fmr`` is NaN where no impostor comparison is left.
    threshold
        ``(S,)`` decision threshold; constant unless it was recomputed.
    quality
        ``(S,)`` the worst quality that is left (NaN: images without a quality, kept as the worst).
    genuine, impostor
        ``(S,)`` numbers of comparisons left.
    fraction
        What ``discard`` counts: ``"comparisons"`` or ``"genuine"``.
    recomputed
        Whether the threshold belongs to the comparisons left at each step and not to all.
    dropped
        How many comparisons had no quality and were left out altogether.
    """

    discard: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    fmr: NDArray[np.float64]
    threshold: NDArray[np.float64]
    quality: NDArray[np.float64]
    genuine: NDArray[np.int64]
    impostor: NDArray[np.int64]
    fraction: str
    recomputed: bool
    dropped: int = 0

    def at(self, fractions: NDArray[np.float64] | Sequence[float] | float) -> NDArray[np.float64]:
        """Return the FNMR at discard fractions in [0, 1], by step interpolation."""
        return step_values(self.discard, self.fnmr, fractions)

    def area(self, limit: float) -> float:
        """Return the area under the FNMR from discard 0 to ``limit``."""
        return step_area(self.discard, self.fnmr, limit)


@dataclass(frozen=True)
class BestDiscard:
    """The lowest FNMR any order of leaving can reach at the threshold of the full set.

    Parameters
    ----------
    discard, fnmr
        ``(S,)``: after n of N comparisons, the n first of the E false non-matches have left, ``(E - n) / (G -
        n)``.
    """

    discard: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    fraction: str

    def at(self, fractions: NDArray[np.float64] | Sequence[float] | float) -> NDArray[np.float64]:
        """Return the FNMR at discard fractions in [0, 1], by step interpolation."""
        return step_values(self.discard, self.fnmr, fractions)

    def area(self, limit: float) -> float:
        """Return the area under the FNMR from discard 0 to ``limit``."""
        return step_area(self.discard, self.fnmr, limit)


@dataclass(frozen=True)
class PartialArea:
    """The area under a curve from discard 0 to a limit.

    Parameters
    ----------
    limit
        Largest discard fraction.
    raw
        ∫ FNMR dx, in [0, limit].
    normalised
        ``raw / limit``: the mean FNMR over the interval.
    relative
        ``normalised`` over the FNMR without discard: 1 for a quality no better than chance, 0 at best; NaN
        when there is no error to begin with.
    above_best
        ``raw`` minus the area of the best order; NaN when no best order was given.
    """

    limit: float
    raw: float
    normalised: float
    relative: float
    above_best: float


def step_values(
    x: NDArray[np.float64], y: NDArray[np.float64], at: NDArray[np.float64] | Sequence[float] | float
) -> NDArray[np.float64]:
    """Return y of the last step that is not beyond each position."""
    at = np.asarray(at, np.float64)
    if not np.all((at >= 0.0) & (at <= 1.0)):
        raise InvalidInputError("a discard fraction lies outside 0 to 1")
    return np.asarray(y[np.searchsorted(x, at, side="right") - 1])


def step_area(x: NDArray[np.float64], y: NDArray[np.float64], limit: float) -> float:
    """Return the integral of a step function from 0 to a limit."""
    if not 0.0 < limit <= 1.0:
        raise InvalidInputError(f"the discard limit is {limit}; give a fraction above 0 and at most 1")
    edges = np.minimum(np.append(x, 1.0), limit)
    return float(np.dot(np.diff(edges), y))


def partial_areas(
    curve: DiscardCurve, *, limits: Sequence[float] = (0.2, 0.3), best: BestDiscard | None = None
) -> tuple[PartialArea, ...]:
    """Return the partial areas under a curve, one per limit.

    Raises
    ------
    InvalidInputError
        A limit is not in (0, 1], or the best order counts another fraction than the curve.
    """
    if best is not None and best.fraction != curve.fraction:
        raise InvalidInputError(
            f"the curve counts {curve.fraction}, the best order {best.fraction}; compute both with one "
            "fraction"
        )
    areas = []
    for limit in limits:
        raw = curve.area(limit)
        mean = raw / limit
        start = float(curve.fnmr[0])
        areas.append(
            PartialArea(
                limit=limit,
                raw=raw,
                normalised=mean,
                relative=mean / start if start > 0.0 else float("nan"),
                above_best=raw - best.area(limit) if best is not None else float("nan"),
            )
        )
    return tuple(areas)
