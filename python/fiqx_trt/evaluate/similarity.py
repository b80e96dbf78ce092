"""Similarities of compared images from their embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.evaluate.comparisons import SHOWN, Comparisons

__all__ = ["cosine_similarity"]

#: Bytes of gathered embeddings that exist at one time.
GATHERED_BYTES = 16 << 20


def cosine_similarity(comparisons: Comparisons, embeddings: NDArray[np.floating]) -> Comparisons:
    """Return the comparisons with the cosine of the two embeddings as similarity.

    Parameters
    ----------
    comparisons
        P comparisons among I images.
    embeddings
        ``(I, D)``, one row per image in the order of ``comparisons.paths``, of any norm. Rows of images that
        are not compared are not read.

    Returns
    -------
    Comparisons
        With ``similarity`` float32 in [-1, 1]. Block by block, so memory grows with P and not with P·D.

    Raises
    ------
    InvalidInputError
        The shape is wrong, or an embedding that is compared is zero or not finite.

    Examples
    --------
    >>> pairs = Comparisons(("a", "b", "c"), np.array([0, 0]), np.array([1, 2]), np.array([True, False]))
    >>> cosine_similarity(pairs, np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0]])).scores()
    array([1., 0.], dtype=float32)
    """
    embeddings = np.asarray(embeddings)
    if embeddings.ndim != 2 or len(embeddings) != len(comparisons.paths) or embeddings.dtype.kind != "f":
        raise InvalidInputError(
            f"embeddings is {embeddings.dtype} of shape {embeddings.shape}; give floating-point numbers "
            "of shape "
            f"({len(comparisons.paths)}, D)"
        )
    unit = _unit_rows(comparisons, embeddings)
    similarity = np.empty(len(comparisons), np.float32)
    block = max(1, GATHERED_BYTES // (2 * unit.itemsize * max(1, unit.shape[1])))
    for start in range(0, len(comparisons), block):
        rows = slice(start, start + block)
        similarity[rows] = np.einsum(
            "pd,pd->p", unit[comparisons.first[rows]], unit[comparisons.second[rows]]
        )
    return comparisons.with_similarity(np.clip(similarity, -1.0, 1.0, out=similarity))


def _unit_rows(comparisons: Comparisons, embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    # Squares are summed in float64: a float32 embedding of large norm must not overflow.
    norms = np.sqrt(np.einsum("id,id->i", embeddings, embeddings, dtype=np.float64))
    compared = np.zeros(len(embeddings), np.bool_)
    compared[comparisons.first] = True
    compared[comparisons.second] = True
    bad = np.flatnonzero(compared & ~(np.isfinite(norms) & (norms > 0.0)))
    if len(bad):
        shown = ", ".join(repr(comparisons.paths[i]) for i in bad[:SHOWN])
        raise InvalidInputError(
            f"{len(bad)} compared images have an embedding that is zero or not finite ({shown}"
            f"{', …' if len(bad) > SHOWN else ''}); remove their comparisons"
        )
    safe = np.where(compared, norms, 1.0)
    unit: NDArray[np.float32] = (embeddings / safe[:, None]).astype(np.float32)
    return unit
