"""Scores of masked faces, and the channel weights computed from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.explain.recipe import Recipe
from fiqx_trt.kernels import Array
from fiqx_trt.runtime.device_context import HOST, DeviceContext

__all__ = ["MaskScorer", "channel_weights", "effective_channels"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class MaskScorer:
    """Scores the embeddings of masked faces.

    Every row is computed by itself: in a matrix product the order of additions may depend on the number of rows.

    Parameters
    ----------
    target
        One of :data:`fiqx_trt.explain.recipe.TARGETS`.
    own
        ``(n, D)`` float32 raw embeddings of the unmasked faces.
    reference
        ``(n, D)`` embeddings for the target ``"reference"``, of any norm; otherwise unused.
    context
        Device context of the arrays.
    """

    target: str
    own: Array
    reference: Array | None = None
    context: DeviceContext = HOST

    def __call__(self, embeddings: Array, face: Array) -> Array:
        """Return the scores ``(K,)`` float64 of raw embeddings ``(K, D)`` of masked copies of the faces ``face`` ``(K,)``.

        A cosine is queued on :attr:`context` and its result is an array of it; the other targets are computed on the host. A
        zero or non-finite embedding has cosine 0; the other scores may be NaN where the embedding is not finite.
        """
        if self.target in ("self", "reference"):
            against = self.own if self.reference is None else self.reference
            return kernels.row_cosine(embeddings, against, face, stream=self.context.stream)
        e, face = self.context.fetch(embeddings, face)
        return self._host_scores(np.asarray(e, np.float64), face)

    def _host_scores(self, e: Doubles, face: NDArray[np.int64]) -> Doubles:
        if self.target == "norm":
            return _ratio(_norm(e), _norm(self._host_own)[face])
        top = np.argmax(self._host_own, axis=1)[face]
        if self.target == "argmax":
            with np.errstate(invalid="ignore"):  # a non-finite embedding gives NaN, which weighs nothing
                e = np.exp(e - e.max(axis=1, keepdims=True))
                e = e / e.sum(axis=1, keepdims=True)
        return np.asarray(e[np.arange(len(e)), top])

    @cached_property
    def _host_own(self) -> Doubles:
        return np.asarray(self.context.fetch(self.own)[0], np.float64)


def channel_weights(recipe: Recipe, scores: Doubles, contrast: NDArray[np.bool_], zero: float) -> Doubles:
    """Return the weights ``(C,)`` float64 of one face's channels; a channel without a usable score has weight 0.

    Parameters
    ----------
    recipe
        Defines how scores become weights.
    scores
        ``(C,)`` of the masked faces; ignored where no masked face was run.
    contrast
        ``(C,)`` whether a channel makes a mask.
    zero
        Score of the all-zero input, for the recipes that use it.
    """
    if recipe.weights == "uniform":
        return contrast.astype(np.float64)
    if recipe.constant == "zero":
        scores = np.where(contrast, scores, zero)
        contrast = np.ones_like(contrast)
    usable = contrast & np.isfinite(scores)
    if recipe.weights == "increase":
        scores = scores - zero
        usable &= np.isfinite(scores)
    weights = np.zeros(len(scores))
    if recipe.weights == "softmax" and usable.any():
        powers = np.exp(scores[usable] - scores[usable].max())
        weights[usable] = powers / powers.sum()
    elif recipe.weights != "softmax":
        weights[usable] = scores[usable]
    return weights


def effective_channels(weights: Doubles) -> Doubles:
    """Return the effective number of channels of weights ``(N, C)``, ``(Σw)²/Σw²``; 0 where all weights are 0.

    Examples
    --------
    >>> effective_channels(np.array([[1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]])).tolist()
    [3.0, 1.0]
    """
    return _ratio(np.square(weights.sum(axis=1)), np.square(weights).sum(axis=1))


def _norm(e: Doubles) -> Doubles:
    return np.asarray(np.sqrt(np.square(e).sum(axis=1)))


def _ratio(above: Doubles, below: Doubles) -> Doubles:
    """Divide; 0 where the divisor is 0 or either is not finite."""
    usable = np.isfinite(above) & np.isfinite(below) & (below > 0)
    return np.divide(above, below, out=np.zeros_like(above), where=usable)
