"""The law of rows: a row's result has the same bits at any position in a batch, and alone.

A GPU session that breaks it runs smaller batches. ``FIQX_ROW_TOLERANCE`` accepts differences up to a share of an output's
largest value instead.
"""

from __future__ import annotations

import os

import numpy as np

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.runtime.base import Array, Chunk, Session

__all__ = ["TOLERANCE", "agree", "is_batch_invariant", "row_tolerance", "with_tolerance"]

TOLERANCE = "FIQX_ROW_TOLERANCE"
#: A larger share is no difference of rounding.
LARGEST = 0.01


def row_tolerance() -> float:
    """Return the accepted difference of a row's results on a GPU, as a share of the output's largest value; 0 for none.

    Raises
    ------
    InvalidInputError
        The environment's value is no number from 0 to 0.01.
    """
    text = os.environ.get(TOLERANCE) or "0"
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= LARGEST:
        raise InvalidInputError(
            f"{TOLERANCE} is {text!r} in the environment; give a share of the largest value, from 0 to {LARGEST}"
        )
    return value


def with_tolerance(text: str) -> str:
    """Return a note about rows that agree, with the accepted difference where there is one."""
    tolerance = row_tolerance()
    return f"{text} to {tolerance:g} of the largest value ({TOLERANCE})" if tolerance else text


def agree(a: Array, b: Array, tolerance: float = 0.0) -> bool:
    """Return whether results have the same bits, or differ by no more than a share of the largest value.

    Examples
    --------
    >>> one, other = np.array([1.0, 4.0]), np.array([1.0, 4.0001])
    >>> agree(one, one), agree(one, other), agree(one, other, tolerance=1e-4)
    (True, False, True)
    """
    if a.shape == b.shape and np.array_equal(a, b, equal_nan=True):
        return True
    if not tolerance or a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    largest = float(np.abs(b.astype(np.float64)).max())
    return float(np.abs(a.astype(np.float64) - b).max()) <= tolerance * largest


def is_batch_invariant(
    session: Session, rows: Chunk, expected: Chunk | None = None, *, tolerance: float = 0.0
) -> bool:
    """Return whether a row's output is bit-identical at any position in the batch, and equal to the expected results if given.

    ``rows`` are feeds of two rows or more. They are run as they are, rotated by one row, and the first row alone.
    ``tolerance`` is that of :func:`agree`.
    """
    here = session.run(rows)
    there = session.run({name: np.roll(array, 1, axis=0) for name, array in rows.items()})
    alone = session.run({name: array[:1] for name, array in rows.items()})
    for name, value in here.items():
        pairs = [(np.roll(value, 1, axis=0), there[name]), (value[:1], alone[name])]
        if expected is not None:
            pairs.append((value, expected[name]))
        if not all(agree(a, b, tolerance) for a, b in pairs):
            return False
    return True
