"""The channels of a layer as masks: which of them have contrast, and what the map sums of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.explain.recipe import Recipe
from fiqx_trt.statistics.upsampling import upsample

__all__ = ["Channels"]

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]


class Channels:
    """The activations of a few faces, ready to mask them.

    Parameters
    ----------
    recipe
        What A_k is, and how it becomes a mask.
    activations
        ``(n, C, h, w)`` float32 as the network gives them.
    size
        Height H and width W of the faces.

    Attributes
    ----------
    values
        ``(n, C, h, w)`` float32: the activations, with zeros for a channel that is not finite.
    contrast
        ``(n, C)`` bool: whether a channel makes a mask. One that is constant or not finite does not.
    """

    def __init__(self, recipe: Recipe, activations: Floats, size: tuple[int, int]) -> None:
        self.recipe = recipe
        self.size = size
        self.relu = recipe.activations == "relu"
        finite = np.asarray(np.isfinite(activations).all(axis=(2, 3)))
        if not finite.all():
            activations = np.where(finite[:, :, np.newaxis, np.newaxis], activations, np.float32(0))
        self.values: Floats = np.ascontiguousarray(activations, dtype=np.float32)
        self.contrast: NDArray[np.bool_] = ~np.asarray(kernels.cam_constant(self.values, relu=self.relu))

    def mask(self, inputs: Floats, face: Indices, channel: Indices, out: Floats) -> None:
        """Write masked copies of faces, ``out[k] = inputs[face[k]] ∘ H_{channel[k]}``, straight into a runtime's input.

        Parameters
        ----------
        inputs
            ``(n, 3, H, W)`` normalised faces.
        face, channel
            ``(K,)`` positions of the face, ascending, and of its channel.
        out
            ``(K, 3, H, W)``.
        """
        starts = np.flatnonzero(np.diff(face, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(face)], strict=True):
            kernels.cam_masks(
                self.values[face[start]],
                inputs[face[start]],
                channel[start:stop],
                align_corners=self.recipe.align_corners,
                minmax="before" if self.recipe.activations == "minmax" else "after",
                subtract_min=self.recipe.mask != "range",
                relu=self.relu,
                out=out[start:stop],
            )

    def summed(self) -> Floats:
        """Return what the map sums: B_k, ``(n, C, h, w)`` float32."""
        values = np.maximum(self.values, np.float32(0)) if self.relu else self.values
        if self.recipe.activations == "minmax":
            low = values.min(axis=(2, 3), keepdims=True)
            return np.asarray((values - low) / self._divisor(np.ptp(values, axis=(2, 3))), np.float32)
        if self.recipe.summed == "masks":
            spans = [np.ptp(upsample(one, self.size), axis=(1, 2)) for one in values]  # one face at a time
            return np.asarray(
                values / self._divisor(np.array(spans).reshape(self.contrast.shape)), np.float32
            )
        return values

    def _divisor(self, span: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.where(self.contrast, span, 1.0)[:, :, np.newaxis, np.newaxis]
