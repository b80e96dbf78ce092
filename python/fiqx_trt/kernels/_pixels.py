"""Kernels over a stream of maps: pure functions over given state buffers."""

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
    """Add maps to a state of mean and sum of squared deviations, in place.

    Welford's update in float64, one map after the other: the state does not depend on how the maps were split
    into calls, bit for bit. The standard deviation (population, 1/N) is ``sqrt(m2 / count)``.

    Parameters
    ----------
    maps
        ``(B, H, W)`` float32.
    mean, m2
        ``(H, W)`` float64, written; zeros while ``count`` is 0.
    count
        Maps that the state holds already.
    stream
        See the common rules of :mod:`fiqx_trt.kernels`.

    Returns
    -------
    int
        ``count + B``.

    Raises
    ------
    InvalidInputError
        Wrong shape, dtype or count, or a state that cannot be written.
    DeviceMismatchError, CudaUnavailableError, CudaError
        See the common rules.

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
    """Add another state to one of :func:`pixel_moments`, in place.

    ``mean += d n_b / n`` and ``m2 = (m2 + m2_b) + d² n_a n_b / n`` with d the difference of the means. An empty
    state is never read: it is the identity, bit for bit.

    Parameters
    ----------
    mean, m2, count
        The state that is written: ``(H, W)`` float64, and its number of maps.
    other_mean, other_m2, other_count
        The state that is added.
    stream
        See the common rules of :mod:`fiqx_trt.kernels`.

    Returns
    -------
    int
        ``count + other_count``.

    Raises
    ------
    InvalidInputError
        Wrong shape, dtype or count, or a state that cannot be written.
    DeviceMismatchError, CudaUnavailableError, CudaError
        See the common rules.

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
    """Return the smallest and the largest value of a stack of maps.

    Parameters
    ----------
    maps
        ``(N, H, W)`` float32.
    out, stream
        See the common rules of :mod:`fiqx_trt.kernels`.

    Returns
    -------
    array
        ``(2,)`` float32. NaN, NaN if any value is NaN; inf, -inf of no value. -0 is smaller than +0.

    Raises
    ------
    InvalidInputError
        Wrong shape or dtype.
    DeviceMismatchError, CudaUnavailableError, CudaError
        See the common rules.

    Examples
    --------
    >>> import numpy as np
    >>> pixel_range(np.array([[[1]], [[-2]], [[9]]], np.float32))
    array([-2.,  9.], dtype=float32)
    """
    return _core.pixel_range(maps, out=out, stream=stream_of(maps, stream))


def pixel_histogram(maps: Array, counts: Array, *, stream: int | None = None) -> None:
    """Add maps to counts per pixel, in place.

    Bin b of B holds [b / B, (b + 1) / B), the last one 1 too; the product ``x * B`` is float32. Values beyond 0
    and 1 count in the end bins; NaN is not counted.

    Parameters
    ----------
    maps
        ``(N, H, W)`` float32 in [0, 1].
    counts
        ``(H, W, bins)`` uint32, written; zeros at first. Each count stays below 2**32.
    stream
        See the common rules of :mod:`fiqx_trt.kernels`.

    Raises
    ------
    InvalidInputError
        Wrong shape or dtype, or counts that cannot be written.
    DeviceMismatchError, CudaUnavailableError, CudaError
        See the common rules.

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
    """Add other counts of :func:`pixel_histogram`, of the same shape, in place.

    Parameters
    ----------
    counts
        ``(H, W, bins)`` uint32, written.
    other
        ``(H, W, bins)`` uint32.
    stream
        See the common rules of :mod:`fiqx_trt.kernels`.

    Raises
    ------
    InvalidInputError
        Wrong shape or dtype, or counts that cannot be written.
    DeviceMismatchError, CudaUnavailableError, CudaError
        See the common rules.
    """
    _core.pixel_histogram_merge(counts, other, stream=stream_of(counts, stream))


def pixel_histogram_quantile(
    counts: Array, q: float = 0.5, *, out: Array | None = None, stream: int | None = None
) -> Array:
    """Quantile of each pixel from counts of :func:`pixel_histogram`.

    A value is taken for the centre of its bin; between two ranks the quantile is linear, as NumPy's. The result
    is off by half a bin, ``0.5 / bins``, at most; q of 0.5 is the median, for even N the mean of the two middle
    values.

    Parameters
    ----------
    counts
        ``(H, W, bins)`` uint32.
    q
        0 … 1.
    out, stream
        See the common rules of :mod:`fiqx_trt.kernels`.

    Returns
    -------
    array
        ``(H, W)`` float64 in [0, 1]; NaN for a pixel without values.

    Raises
    ------
    InvalidInputError
        Wrong shape, dtype or q.
    DeviceMismatchError, CudaUnavailableError, CudaError
        See the common rules.

    Examples
    --------
    >>> import numpy as np
    >>> pixel_histogram_quantile(np.array([[[1, 2, 0, 0]]], np.uint32))
    array([[0.375]])
    """
    return _core.pixel_histogram_quantile(counts, q, out=out, stream=stream_of(counts, stream))


def pixel_median(maps: Array, *, out: Array | None = None, stream: int | None = None) -> Array:
    """Exact median of each pixel over a stack of maps.

    Selected by bits (on CUDA by digits of 8 bits) of keys that sort like the floats: the time depends on the
    number of maps, not on the values.

    Parameters
    ----------
    maps
        ``(N, H, W)`` float32, N of 1 or more.
    out, stream
        See the common rules of :mod:`fiqx_trt.kernels`.

    Returns
    -------
    array
        ``(H, W)`` float64: for even N the mean of the two middle values, which float64 holds exactly. NaN for a
        pixel that has a NaN.

    Raises
    ------
    InvalidInputError
        Wrong shape or dtype, or no map.
    DeviceMismatchError, CudaUnavailableError, CudaError
        See the common rules.

    Examples
    --------
    >>> import numpy as np
    >>> pixel_median(np.array([[[1]], [[2]], [[9]], [[4]]], np.float32))
    array([[3.]])
    """
    return _core.pixel_median(maps, out=out, stream=stream_of(maps, stream))
