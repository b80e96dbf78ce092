"""Kernels over a stream of maps: pure functions that update the state buffers they are given."""

from __future__ import annotations

from fiqx_trt import _core
from fiqx_trt.kernels._arrays import Array, stream_of

__all__ = [
    "pixel_histogram",
    "pixel_histogram_merge",
    "pixel_histogram_quantile",
    "pixel_median",
    "pixel_moments",
    "pixel_moments_merge",
    "pixel_range",
]


def pixel_moments(maps: Array, mean: Array, m2: Array, *, count: int, stream: int | None = None) -> int:
    """Add maps to a state of mean and sum of squared deviations, in place; return ``count + B``.

    Welford's update in float64, one map after the other: the bits of the state do not depend on how the maps were split
    into calls. The standard deviation (population, 1/N) is ``sqrt(m2 / count)``.

    Parameters
    ----------
    maps
        ``(B, H, W)`` float32.
    mean, m2
        ``(H, W)`` float64, written; zeros while ``count`` is 0.
    count
        Number of maps in the state.

    References
    ----------
    Welford, "Note on a method for calculating corrected sums of squares and products", 1962.

    Examples
    --------
    >>> import numpy as np
    >>> mean, m2 = np.zeros((1, 1)), np.zeros((1, 1))
    >>> pixel_moments(np.array([[[1]], [[3]]], np.float32), mean, m2, count=0), mean[0, 0], m2[0, 0]
    (2, np.float64(2.0), np.float64(2.0))
    """
    return _core.pixel_moments(maps, mean, m2, count=count, stream=stream_of(maps, stream))


def pixel_moments_merge(
    mean: Array,
    m2: Array,
    count: int,
    other_mean: Array,
    other_m2: Array,
    other_count: int,
    *,
    stream: int | None = None,
) -> int:
    """Add another state to a state of :func:`pixel_moments`, in place; return the sum of the counts.

    ``mean += d n_b / n`` and ``m2 = (m2 + m2_b) + d² n_a n_b / n`` with d the difference of the means. An empty
    state is not read: it is the identity, bit for bit.

    References
    ----------
    Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.

    Examples
    --------
    >>> import numpy as np
    >>> mean, m2 = np.array([[1.0]]), np.array([[0.0]])
    >>> pixel_moments_merge(mean, m2, 1, np.array([[3.0]]), np.array([[0.0]]), 1), mean[0, 0], m2[0, 0]
    (2, np.float64(2.0), np.float64(2.0))
    """
    stream = stream_of(mean, stream)
    return _core.pixel_moments_merge(mean, m2, count, other_mean, other_m2, other_count, stream=stream)


def pixel_range(maps: Array, *, out: Array | None = None, stream: int | None = None) -> Array:
    """Return the smallest and the largest value of ``(N, H, W)`` float32 maps, as ``(2,)`` float32.

    The result is NaN, NaN if any value is NaN, and inf, -inf without maps. -0 is smaller than +0.

    Examples
    --------
    >>> import numpy as np
    >>> pixel_range(np.array([[[1]], [[-2]], [[9]]], np.float32))
    array([-2.,  9.], dtype=float32)
    """
    return _core.pixel_range(maps, out=out, stream=stream_of(maps, stream))


def pixel_histogram(maps: Array, counts: Array, *, stream: int | None = None) -> None:
    """Add maps to counts per pixel, in place.

    Bin b of B holds [b / B, (b + 1) / B), and the last one 1 too; the product ``x * B`` is float32. Values outside [0, 1]
    are counted in the end bins; NaN is not counted.

    Parameters
    ----------
    maps
        ``(N, H, W)`` float32 in [0, 1].
    counts
        ``(H, W, bins)`` uint32, written; zeros at first. Each count stays below 2**32.

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.zeros((1, 1, 4), np.uint32)
    >>> pixel_histogram(np.array([[[0.1]], [[0.3]], [[1.0]]], np.float32), counts)
    >>> counts
    array([[[1, 1, 0, 1]]], dtype=uint32)
    """
    _core.pixel_histogram(maps, counts, stream=stream_of(maps, stream))


def pixel_histogram_merge(counts: Array, other: Array, *, stream: int | None = None) -> None:
    """Add other counts of :func:`pixel_histogram`, of the same shape, to ``counts``, in place."""
    _core.pixel_histogram_merge(counts, other, stream=stream_of(counts, stream))


def pixel_histogram_quantile(
    counts: Array, q: float = 0.5, *, out: Array | None = None, stream: int | None = None
) -> Array:
    """Return the quantile of each pixel from counts of :func:`pixel_histogram`.

    A value is taken as the centre of its bin; between two ranks the quantile is linear, as NumPy's. The error is at most
    half a bin, ``0.5 / bins``. For ``q = 0.5`` and even N the result is the mean of the two middle values.

    Parameters
    ----------
    counts
        ``(H, W, bins)`` uint32.
    q
        0 … 1.

    Returns
    -------
    array
        ``(H, W)`` float64 in [0, 1]; NaN for a pixel without values.

    Examples
    --------
    >>> import numpy as np
    >>> pixel_histogram_quantile(np.array([[[1, 2, 0, 0]]], np.uint32))
    array([[0.375]])
    """
    return _core.pixel_histogram_quantile(counts, q, out=out, stream=stream_of(counts, stream))


def pixel_median(maps: Array, *, out: Array | None = None, stream: int | None = None) -> Array:
    """Return the exact median of each pixel over a stack of maps.

    It is selected by bits (on CUDA by digits of 8 bits) of keys that sort like the floats: the time depends on the
    number of maps, not on the values.

    Parameters
    ----------
    maps
        ``(N, H, W)`` float32, N of 1 or more.

    Returns
    -------
    array
        ``(H, W)`` float64: for even N the mean of the two middle values, which float64 holds exactly. NaN for a
        pixel that has a NaN.

    Examples
    --------
    >>> import numpy as np
    >>> pixel_median(np.array([[[1]], [[2]], [[9]], [[4]]], np.float32))
    array([[3.]])
    """
    return _core.pixel_median(maps, out=out, stream=stream_of(maps, stream))
