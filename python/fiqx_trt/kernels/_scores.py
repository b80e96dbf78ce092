"""Kernels between a face and its score: network input, dropout copies and their spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import _core
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels._arrays import Array, stream_of

__all__ = ["dropout_expand", "dropout_masks", "face_input", "pair_spread"]


def face_input(
    faces: Array,
    *,
    mean: float | Sequence[float],
    std: float | Sequence[float],
    color: Literal["rgb", "bgr", "gray"] = "rgb",
    dtype: Literal["float32", "float16"] = "float32",
    out: Array | None = None,
    stream: int | None = None,
) -> Array:
    """Convert faces to the input of a network: ``(x - mean) / std``, channels first, in the model's colour order.

    Parameters
    ----------
    faces
        ``(N, H, W, 3)`` uint8, RGB.
    mean, std
        One number, or one for each channel *of the result*, on the scale 0 … 255; finite, and ``std`` above 0.
    color
        Order of the result's channels. ``gray`` writes the luma ``(0.299 R + 0.587 G) + 0.114 B`` (ITU-R
        BT.601, not rounded) to all three.
    dtype
        ``float32``, or ``float16``: the float32 value rounded to nearest, ties to even.

    Returns
    -------
    array
        ``(N, 3, H, W)`` of ``dtype``.

    Examples
    --------
    >>> import numpy as np
    >>> face = np.full((1, 2, 2, 3), 255, np.uint8)
    >>> face_input(face, mean=127.5, std=127.5)[0, :, 0, 0]
    array([1., 1., 1.], dtype=float32)
    """
    return _core.face_input(
        faces,
        mean=_three("mean", mean),
        std=_three("std", std),
        color=color,
        dtype=dtype,
        out=out,
        stream=stream_of(faces, stream),
    )


def dropout_expand(
    h: Array,
    *,
    passes: int = 100,
    dropout: float = 0.5,
    seed: int = 0,
    out: Array | None = None,
    stream: int | None = None,
) -> Array:
    """Make stochastic copies of pre-dropout vectors, with masks shared by all images.

    Row ``n * passes + p`` of the result is ``h[n]`` where pass p keeps the unit, times ``1 / (1 - dropout)``,
    and +0 elsewhere (also where ``h`` is not finite). The random word of unit f in pass p is word ``f % 4`` of
    Philox 4x32-10 with counter ``(f // 4, 0, p, 0)`` and key ``seed`` (low half first); a unit is kept where
    its word is at least ``dropout * 2**32``. A copy therefore depends on the vector, the seed and the pass
    alone: not on the batch, the order, the thread or the device.

    Parameters
    ----------
    h
        ``(N, F)`` float32.
    passes
        Copies of each row, 1 or more.
    dropout
        Probability in [0, 1) that a unit is dropped.
    seed
        0 … 2**64 - 1.

    Returns
    -------
    array
        ``(N * passes, F)`` float32.

    References
    ----------
    The passes: Terhörst et al., "Pixel-Level Face Image Quality Assessment for Explainable Face Recognition",
    Eq. 1. Philox: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> import numpy as np
    >>> dropout_expand(np.ones((1, 8), np.float32), passes=2)
    array([[0., 2., 2., 2., 2., 0., 2., 0.],
           [2., 2., 0., 2., 2., 2., 0., 0.]], dtype=float32)
    """
    _check_seed("dropout_expand", seed)
    stream = stream_of(h, stream)
    return _core.dropout_expand(h, passes=passes, dropout=dropout, seed=seed, out=out, stream=stream)


def dropout_masks(
    features: int, *, passes: int = 100, dropout: float = 0.5, seed: int = 0
) -> NDArray[np.bool_]:
    """Return the masks of :func:`dropout_expand` for F features as ``(passes, F)`` bool on the CPU; true: the unit is kept.

    Examples
    --------
    >>> dropout_masks(8, passes=1)
    array([[False,  True,  True,  True,  True, False,  True, False]])
    """
    _check_seed("dropout_masks", seed)
    return _core.dropout_masks(features, passes=passes, dropout=dropout, seed=seed)


def pair_spread(embeddings: Array, *, out: Array | None = None, stream: int | None = None) -> Array:
    """Return the mean Euclidean distance between the L2-normalised embeddings of an image, over all pairs.

    ``d̄ = 2 / (m (m - 1)) Σ_{i<j} ‖x_i / ‖x_i‖ - x_j / ‖x_j‖‖``

    Norms are float64 and unit rows are rounded once to float32. Squared differences are float32 sums in 16
    lanes (lane l adds the components l, l + 16, …, then the lanes are added in halves): equal rows have
    distance 0 exactly, and close ones keep their accuracy, which the Gram form ``2 - 2 a·b`` loses. Distances
    are added in float64, first over i for each j, then over j.

    Parameters
    ----------
    embeddings
        ``(N, m, D)`` float32 of any norm, m of 2 or more.

    Returns
    -------
    array
        ``(N,)`` float64 in [0, 2]. NaN for an image with a row that is zero or not finite.

    References
    ----------
    Terhörst et al., "Pixel-Level Face Image Quality Assessment for Explainable Face Recognition", Eq. 1 and 2,
    in the form of the authors' program: the mean over pairs.

    Examples
    --------
    >>> import numpy as np
    >>> pair_spread(np.array([[[3, 0], [0, 5]], [[1, 1], [1, 1]]], np.float32))
    array([1.41421354, 0.        ])
    """
    return _core.pair_spread(embeddings, out=out, stream=stream_of(embeddings, stream))


def _three(name: str, value: float | Sequence[float]) -> list[float]:
    values = np.atleast_1d(np.asarray(value, dtype=np.float64))
    if values.shape not in {(1,), (3,)}:
        raise InvalidInputError(
            f"face_input: {name} has shape {values.shape}, wanted one number or one for each of three channels"
        )
    return [float(v) for v in np.broadcast_to(values, (3,))]


def _check_seed(kernel: str, seed: int) -> None:
    if not 0 <= seed < 1 << 64:
        raise InvalidInputError(f"{kernel}: seed is {seed}, wanted 0 … 2**64 - 1")
