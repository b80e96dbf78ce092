"""The channels of a layer as masks, and their weighted sum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import kernels
from fiqx_trt.explain.recipe import Recipe
from fiqx_trt.kernels import Array
from fiqx_trt.runtime.device_context import HOST, DeviceContext
from fiqx_trt.statistics.upsampling import upsample

__all__ = ["Channels"]

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]


class Channels:
    """The activations of a few faces as masks of those faces.

    Parameters
    ----------
    recipe
        Defines A_k and how it becomes a mask.
    activations
        ``(n, C, h, w)`` float32, output of the network.
    size
        Height H and width W of the faces.
    context
        Device context of the activations.

    Attributes
    ----------
    contrast
        ``(n, C)`` bool in host memory: whether a channel makes a mask. A channel that is constant or not finite does not.
    """

    def __init__(
        self, recipe: Recipe, activations: Array, size: tuple[int, int], context: DeviceContext = HOST
    ) -> None:
        self.recipe = recipe
        self.size = size
        self.context = context
        self.relu = recipe.activations == "relu"
        self._values = activations
        constant = kernels.cam_constant(activations, relu=self.relu, stream=context.stream)
        self.contrast: NDArray[np.bool_] = ~context.fetch(constant)[0]

    def mask(self, inputs: Array, face: Indices, channel: Indices, out: Array) -> None:
        """Write masked copies of faces, ``out[k] = inputs[face[k]] ∘ H_{channel[k]}``, into the input of a session.

        ``face`` ``(K,)``, ascending, and ``channel`` ``(K,)`` are indices in host memory; ``out`` is ``(K, 3, H, W)``.
        """
        starts = np.flatnonzero(np.diff(face, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(face)], strict=True):
            kernels.cam_masks(
                _row(self._values, int(face[start])),
                _row(inputs, int(face[start])),
                channel[start:stop],
                align_corners=self.recipe.align_corners,
                minmax="before" if self.recipe.mask == "grid" else "after",
                subtract_min=self.recipe.mask != "range",
                relu=self.relu,
                out=kernels.rows(out, int(start), int(stop)),
                stream=self.context.stream,
            )

    def combine(
        self, weights: NDArray[np.floating], *, size: tuple[int, int] | None = None
    ) -> kernels.CombinedMaps:
        """Sum the channels with weights ``(n, C)`` and finish the sums by the recipe, in :attr:`context`."""
        recipe, plain = self.recipe, self._plain
        return kernels.cam_combine(
            self._values if plain else self.context.upload(self._summed()),
            self.context.upload(np.asarray(weights, np.float32)),
            size=size or self.size,
            relu_activations=plain and self.relu,
            upsample_first=recipe.relu == "pixels",
            minmax_twice=recipe.scale == "both",
            stream=self.context.stream,
        )

    def uniform_grids(self) -> Floats:
        """Return the sums with equal weights, ``(n, h, w)`` float32, with negative values set to 0."""
        weights = self.context.upload(self.contrast.astype(np.float32))
        grid = tuple(self._values.shape[2:])
        combined = kernels.cam_combine(self._values, weights, size=grid, stream=self.context.stream)
        return self.context.fetch(combined.grid)[0]

    @property
    def _plain(self) -> bool:
        """Whether the map is the sum of the unchanged activations."""
        return self.recipe.summed != "masks" and self.recipe.constant != "zero"

    def _summed(self) -> Floats:
        """Return the summands B_k, ``(n, C, h, w)`` on the host, where they are not the unchanged activations."""
        (values,) = self.context.fetch(self._values)
        finite = np.isfinite(values).all(axis=(2, 3), keepdims=True)
        values = np.where(finite, values, np.float32(0))
        if self.relu:
            values = np.maximum(values, np.float32(0))
        if self.recipe.summed == "masks":
            spans = [np.ptp(upsample(one, self.size), axis=(1, 2)) for one in values]  # one face at a time
            divisor = np.where(self.contrast, np.array(spans).reshape(self.contrast.shape), 1.0)
            return np.asarray(values / divisor[:, :, np.newaxis, np.newaxis], np.float32)
        return values


def _row(array: Array, index: int) -> Array:
    return kernels.reshape(kernels.rows(array, index, index + 1), array.shape[1:])
