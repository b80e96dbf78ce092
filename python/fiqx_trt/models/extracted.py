"""The result of one run of a network: its three taps."""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.kernels import Array
from fiqx_trt.runtime.device_context import HOST, DeviceContext

__all__ = ["Extracted", "flat"]


class TapArrays(NamedTuple):
    """The three taps as arrays of a device context; see :class:`Extracted`."""

    embedding: Array
    pre_dropout: Array
    features: Array


class Extracted:
    """The three taps of N faces. Each attribute is copied to the host when it is first read.

    Parameters
    ----------
    embedding
        ``(N, D)`` float32, before L2 normalisation.
    pre_dropout
        ``(N, F)`` float32, the first vector from which everything up to the embedding is affine.
    features
        ``(N, C, h, w)`` float32, the deepest spatial activations.
    context
        Their device context.

    Attributes
    ----------
    taps
        The same three as arrays of the context: NumPy arrays, or device arrays for the kernels.
    """

    def __init__(
        self, embedding: Array, pre_dropout: Array, features: Array, context: DeviceContext = HOST
    ) -> None:
        self.taps = TapArrays(embedding, pre_dropout, features)
        self.context = context

    @cached_property
    def embedding(self) -> NDArray[np.float32]:
        """``(N, D)`` float32 in host memory."""
        return self.context.fetch(self.taps.embedding)[0]

    @cached_property
    def pre_dropout(self) -> NDArray[np.float32]:
        """``(N, F)`` float32 in host memory."""
        return self.context.fetch(self.taps.pre_dropout)[0]

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """``(N, C, h, w)`` float32 in host memory."""
        return self.context.fetch(self.taps.features)[0]


def flat(array: Array) -> Array:
    """Return an array as rows of float32, one per face."""
    if isinstance(array, np.ndarray):
        array = np.asarray(array, np.float32)
    return kernels.reshape(array, (len(array), math.prod(array.shape[1:])))
