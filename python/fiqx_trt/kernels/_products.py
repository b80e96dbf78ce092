"""Kernels that reduce each row to one number: weighted power and cosine."""

from __future__ import annotations

from fiqx_trt import _core
from fiqx_trt.kernels._arrays import Array, stream_of

__all__ = ["row_cosine", "row_power"]


def row_power(
    x: Array, weights: Array | None = None, *, out: Array | None = None, stream: int | None = None
) -> Array:
    """Return the weighted sum of squares of each row, ``Σ_k w_k x_k²``.

    A float64 sum in 128 lanes (lane l adds the terms l, l + 128, …, then the lanes are added in halves), each
    term ``(x_k x_k) w_k``: a row's number does not depend on the other rows, and is the same on every device.

    Parameters
    ----------
    x
        ``(N, F)`` float32.
    weights
        ``(F,)`` float64; ones by default.

    Returns
    -------
    array
        ``(N,)`` float64. Not finite where the row is not.

    Examples
    --------
    >>> import numpy as np
    >>> row_power(np.array([[1, 2], [0, 3]], np.float32), np.array([1.0, 0.5]))
    array([3. , 4.5])
    """
    return _core.row_power(x, weights, out=out, stream=stream_of(x, stream))


def row_cosine(
    x: Array,
    references: Array,
    index: Array | None = None,
    *,
    out: Array | None = None,
    stream: int | None = None,
) -> Array:
    """Return the cosine between each row and its reference, ``x_k·r / (‖x_k‖ ‖r‖)`` with ``r = references[index[k]]``.

    The three sums are float64, in 128 lanes as those of :func:`row_power`.

    Parameters
    ----------
    x
        ``(K, D)`` float32, of any norm.
    references
        ``(n, D)`` float32 or float64, of any norm.
    index
        ``(K,)`` int64, the reference of each row; by default n is K and row k has reference k. On the CPU an index
        outside 0 … n - 1 raises InvalidInputError; on CUDA, where checking it would wait, its row gives NaN.

    Returns
    -------
    array
        ``(K,)`` float64 in [-1, 1] up to rounding; 0 where either row is zero or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[3, 0], [1, 1], [0, 0]], np.float32)
    >>> row_cosine(x, np.array([[0, 2], [1, 0]], np.float32), np.array([1, 0, 0]))
    array([1.        , 0.70710678, 0.        ])
    """
    return _core.row_cosine(x, references, index, out=out, stream=stream_of(x, stream))
