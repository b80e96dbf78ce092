"""The parity gate: compare the results of two sessions of one graph on the same faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fiqx_trt.errors import InvalidInputError, ParityError
from fiqx_trt.runtime.base import Array, Feeds, Session

__all__ = ["MIN_COSINE", "Parity", "compare", "require"]

# The least cosine to an fp32 reference that a session of each precision must reach;
# bf16 keeps 8 bits of each factor.
MIN_COSINE = {"fp32": 0.99999, "fp16": 0.9995, "bf16": 0.999}


@dataclass(frozen=True)
class Parity:
    """The agreement of two sessions.

    Attributes
    ----------
    cosine_min
        The smallest cosine between the two results of one row, over rows and outputs; 1 for no rows.
    max_abs
        The largest absolute difference of any element.
    finite
        Whether every element of both is finite. Where it is False the other two are NaN.
    """

    cosine_min: float
    max_abs: float
    finite: bool

    def __str__(self) -> str:
        """Return the two numbers as a text."""
        if not self.finite:
            return "NaN or infinite values"
        return f"cosine {self.cosine_min:.6f}, largest difference {self.max_abs:.3g}"


def compare(a: Session, b: Session, feeds: Feeds, *, output: str | None = None) -> Parity:
    """Run two sessions on the same feeds and measure their agreement.

    ``output`` is the one output to compare; None: all floating-point outputs. InvalidInputError where the sessions do not
    share it.
    """
    left, right = a.run(feeds), b.run(feeds)
    names = [n for n in left if n in right] if output is None else [output]
    missing = [n for n in names if n not in left or n not in right]
    if missing or not names:
        raise InvalidInputError(
            f"no output {missing or ''} to compare: one session has {list(left)}, the other {list(right)}"
        )
    cosine, largest = 1.0, 0.0
    for name in names:
        x, y = float_rows(left[name]), float_rows(right[name])
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return Parity(float("nan"), float("nan"), False)
        cosine = min(cosine, least_cosine(x, y))
        largest = max(largest, float(np.abs(x - y).max(initial=0.0)))
    return Parity(cosine, largest, True)


def require(a: Session, b: Session, feeds: Feeds, *, min_cosine: float, output: str | None = None) -> Parity:
    """Compare two sessions; raise ParityError where a row's cosine is below `min_cosine` or a result is not finite."""
    result = compare(a, b, feeds, output=output)
    if not result.finite or result.cosine_min < min_cosine:
        raise ParityError(
            f"{a.backend} ({a.precision}) and {b.backend} ({b.precision}) disagree: {result}, wanted a "
            f"cosine of at least {min_cosine}; use precision='fp32' or another backend"
        )
    return result


def float_rows(values: Array) -> Array:
    """Return results as ``(N, F)`` float64."""
    return values.reshape(len(values), int(np.prod(values.shape[1:]))).astype(np.float64)


def least_cosine(x: Array, y: Array) -> float:
    """Return the smallest cosine between rows of ``(N, F)`` float64; 1 for equal rows and for no rows."""
    if not x.size:
        return 1.0
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    equal = (x == y).all(axis=1)  # two zero vectors agree, though they have no angle
    cosines = np.where(equal, 1.0, (x * y).sum(axis=1) / np.where(norms > 0, norms, 1.0))
    return float(np.clip(cosines.min(), -1.0, 1.0))
