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

__all__ = ["Flip", "flip"]


class Flip:
    """Cosine of the embeddings of a face and of its mirror image; one more run of the network per face."""

    name: ClassVar[str] = "flip"
    higher_is_better: ClassVar[bool] = True
    needs_model: ClassVar[bool] = True

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the name of the column with the cosine."""
        return ("flip",)

    @property
    def parameters(self) -> Mapping[str, object]:
        """No setting changes a number."""
        return {}

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


def flip(model: Model, faces: NDArray[np.uint8]) -> Quality:
    """Return the cosine between the embeddings of each face and of its mirror image.

    A recogniser sees the same person in a mirrored picture, so a low cosine says that the embedding is not stable.

    Parameters
    ----------
    model
        A recognition model (:func:`fiqx_trt.load_model`).
    faces
        ``(N, H, W, 3)`` uint8 RGB, of the model's input size.

    Returns
    -------
    Quality
        ``.raw`` is ``(N,)`` float64 in [-1, 1], higher is better; ``.scaled`` is ``None``.

    Raises
    ------
    InvalidInputError
        The faces are not as described.
    """
    return Flip().score(model, faces, model.extract(faces))
