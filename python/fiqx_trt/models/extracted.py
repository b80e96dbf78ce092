"""What one run of a network gives: its three taps, where they lie."""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.kernels import Array
from fiqx_trt.runtime.place import HOST, Place

__all__ = ["Extracted", "flat"]


class Taps(NamedTuple):
    """The three taps where they lie; see :class:`Extracted`."""

    embedding: Array
    pre_dropout: Array
    features: Array


class Extracted:
    """The three taps of N faces, each brought to the host when it is first asked for.

    Parameters
    ----------
    embedding
        ``(N, D)`` float32, before L2 normalisation.
    pre_dropout
        ``(N, F)`` float32, the first vector from which everything up to the embedding is affine.
    features
        ``(N, C, h, w)`` float32, the deepest spatial activations.
    place
        Where they lie.

    Attributes
    ----------
    resident
        The three where they lie: NumPy arrays, or arrays of a device that kernels take.
    place
        Where that is.
    """

    def __init__(self, embedding: Array, pre_dropout: Array, features: Array, place: Place = HOST) -> None:
        self.resident = Taps(embedding, pre_dropout, features)
        self.place = place

    @cached_property
    def embedding(self) -> NDArray[np.float32]:
        """``(N, D)`` float32 in host memory, before L2 normalisation."""
        return self.place.fetch(self.resident.embedding)[0]

    @cached_property
    def pre_dropout(self) -> NDArray[np.float32]:
        """``(N, F)`` float32 in host memory, the first vector from which everything up to the embedding is affine."""
        return self.place.fetch(self.resident.pre_dropout)[0]

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """``(N, C, h, w)`` float32 in host memory, the deepest spatial activations."""
        return self.place.fetch(self.resident.features)[0]


def flat(array: Array) -> Array:
    """Return an array as rows of float32, one per face."""
    if isinstance(array, np.ndarray):
        array = np.asarray(array, np.float32)
    return kernels.reshape(array, (len(array), math.prod(array.shape[1:])))
