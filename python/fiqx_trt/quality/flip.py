"""Flip: quality as the agreement of a face with its mirror image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.quality.base import Quality

if TYPE_CHECKING:
    from fiqx_trt.models.model import Extracted, Model

__all__ = ["Flip", "row_cosines"]


class Flip:
    """Cosine of the embeddings of a face and of its mirror image, in [-1, 1]; one more run of the network per face.

    A recogniser sees the same person in a mirrored picture, so a low cosine says that the embedding is not stable.
    """

    name: ClassVar[str] = "flip"
    higher_is_better: ClassVar[bool] = True
    needs_model: ClassVar[bool] = True
    columns: ClassVar[tuple[str, ...]] = ("flip",)
    parameters: ClassVar[Mapping[str, object]] = {}

    def notes(self, model: Model) -> tuple[str, ...]:
        """Return nothing: the method needs no calibration."""
        return ()

    def score(self, model: Model | None, faces: NDArray[np.uint8], extracted: Extracted | None) -> Quality:
        """Score faces whose taps are extracted."""
        if model is None or extracted is None:
            raise InvalidInputError("flip needs a recognition model; give one")
        mirrored = model.extract(np.ascontiguousarray(faces[:, :, ::-1]))
        return Quality(row_cosines(extracted.embedding, mirrored.embedding))


def row_cosines(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the cosine of each row of `a` with the same row of `b`.

    Parameters
    ----------
    a, b
        ``(N, D)``.

    Returns
    -------
    ndarray
        ``(N,)`` float64 in [-1, 1]; NaN where a row is zero or not finite.

    Examples
    --------
    >>> row_cosines(np.array([[1.0, 0.0]]), np.array([[2.0, 0.0]])).tolist()
    [1.0]
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.asarray(np.clip(cosine, -1.0, 1.0))
