"""Kernels that make the maps of an image: activation maps and pixel-level quality."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqx_trt import _core
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.kernels._arrays import Array, stream_of

__all__ = [
    "CombinedMaps",
    "QualityMaps",
    "cam_combine",
    "cam_constant",
    "cam_masks",
    "local_contrast",
    "pixel_quality",
]


class CombinedMaps(NamedTuple):
    """Result of :func:`cam_combine`.

    Attributes
    ----------
    maps
        ``(N, H, W)`` float32 in [0, 1].
    grid
        ``(N, h, w)`` float32: the weighted sum at the layer's own resolution, before upsampling.
    limits
        ``(N, 2)`` float32: smallest and largest value of the upsampled grid. The map is
        ``(upsampled grid - low) / (high - low)``.
    """

    maps: Array
    grid: Array
    limits: Array

    @property
    def flat(self) -> NDArray[np.bool_]:
        """``(N,)`` bool: true where a map had one value everywhere and was set to 0."""
        limits = np.asarray(self.limits.to_host() if hasattr(self.limits, "to_host") else self.limits)
        return np.asarray(limits[:, 0] == limits[:, 1])


class QualityMaps(NamedTuple):
    """Result of :func:`pixel_quality`.

    Attributes
    ----------
    maps
        ``(N, H, W)`` float32 in [0, 1]: P.
    saliency
        ``(N, H, W)`` float32: Ŝ, after clipping.
    clipped
        ``(N,)`` bool: true where the gradient's norm was above ``clip``.
    """

    maps: Array
    saliency: Array
    clipped: Array


def cam_masks(
    activations: Array,
    face: Array,
    channels: Sequence[int] | NDArray[np.integer] | None = None,
    *,
    dtype: Literal["float32", "float16"] = "float32",
    align_corners: bool = False,
    minmax: Literal["after", "before"] = "after",
    subtract_min: bool = True,
    relu: bool = False,
    out: Array | None = None,
    stream: int | None = None,
) -> Array:
    """Multiply one face with the masks of many channels: ``H_k * face``, the input of the network.

    ``H_k = (u - min u) / (max u - min u)`` with u the channel, upsampled bilinearly to the face's size (rows,
    then columns, each as ``a + (b - a) t``). A channel that is constant or not finite gives zeros; find those
    with :func:`cam_constant` and leave them out.

    Parameters
    ----------
    activations
        ``(C, h, w)`` float32, the features of this face.
    face
        ``(3, H, W)`` float32, the normalised input of the network.
    channels
        The K channels to make masks of; all C by default.
    dtype
        dtype of the result.
    align_corners
        Upsample between the centres of the corner pixels instead of half-pixel centres.
    minmax
        Scale ``after`` upsampling, or ``before``.
    subtract_min
        If false, ``H_k = u / (max u - min u)``.
    relu
        Set negative activations to 0 first.
    out
        ``(K, 3, H, W)`` of ``dtype``; may be rows of a larger batch that the masked faces of several images share.

    References
    ----------
    Fu and Damer, "Explainability of the Implications of Supervised and Unsupervised Face Image Quality
    Estimations Through Activation Map Variation Analyses in Face Recognition Models", Section 3; Wang et al.,
    "Score-CAM", 2020.

    Examples
    --------
    >>> import numpy as np
    >>> activations = np.array([[[0, 2], [4, 8]], [[5, 5], [5, 5]]], np.float32)
    >>> cam_masks(activations, np.ones((3, 2, 2), np.float32))[:, 0]
    array([[[0.  , 0.25],
            [0.5 , 1.  ]],
    <BLANKLINE>
           [[0.  , 0.  ],
            [0.  , 0.  ]]], dtype=float32)
    """
    if minmax not in {"after", "before"}:
        raise InvalidInputError(f'cam_masks: minmax is "{minmax}", wanted one of "after", "before"')
    shape: tuple[int, ...] = getattr(activations, "shape", ())
    index = np.arange(shape[0] if shape else 0) if channels is None else np.asarray(channels)
    if index.dtype.kind not in "iu" and index.size:
        raise InvalidInputError(f"cam_masks: channels has dtype {index.dtype}, wanted whole numbers (K,)")
    return _core.cam_masks(
        activations,
        face,
        np.ascontiguousarray(index, dtype=np.int64),
        dtype=dtype,
        align_corners=align_corners,
        scale_first=minmax == "before",
        subtract_min=subtract_min,
        relu=relu,
        out=out,
        stream=stream_of(activations, stream),
    )


def cam_constant(
    activations: Array, *, relu: bool = False, out: Array | None = None, stream: int | None = None
) -> Array:
    """Return which channels give no mask because they are constant or not finite.

    Parameters
    ----------
    activations
        ``(N, C, h, w)`` float32.
    relu
        Whether :func:`cam_masks` will set negative activations to 0 first.

    Returns
    -------
    array
        ``(N, C)`` bool, true where there is no mask.

    Examples
    --------
    >>> import numpy as np
    >>> cam_constant(np.array([[[[0, 1]], [[3, 3]], [[-2, -1]]]], np.float32), relu=True)
    array([[False,  True,  True]])
    """
    return _core.cam_constant(activations, relu=relu, out=out, stream=stream_of(activations, stream))


def cam_combine(
    activations: Array,
    weights: Array,
    *,
    size: tuple[int, int],
    align_corners: bool = False,
    relu_activations: bool = False,
    relu: bool = True,
    upsample_first: bool = False,
    minmax_twice: bool = False,
    out: Array | None = None,
    stream: int | None = None,
) -> CombinedMaps:
    """Compute activation maps ``ReLU(Σ_k w_k A_k)``, upsampled bilinearly and min-max scaled to [0, 1] per image.

    The sum is float64, in the order of the channels. A map with one value everywhere becomes 0; a map that is not
    finite becomes NaN, with NaN limits.

    Parameters
    ----------
    activations
        ``(N, C, h, w)`` float32.
    weights
        ``(N, C)`` float32; a channel of weight 0 adds nothing, even where it is not finite.
    size
        Height H and width W of the maps.
    align_corners
        Upsample between the centres of the corner pixels instead of half-pixel centres.
    relu_activations
        Set negative activations to 0 before they are summed.
    relu
        Set negative values of the sum to 0.
    upsample_first
        Apply that ReLU to the upsampled sum, as programs do that sum upsampled activations.
    minmax_twice
        Scale the grid too, before upsampling.
    out
        ``(N, H, W)`` float32 for the maps.

    References
    ----------
    Fu and Damer (see :func:`cam_masks`), Section 3; Wang et al., "Score-CAM", 2020.

    Examples
    --------
    >>> import numpy as np
    >>> grid = np.array([[[[1, 2], [3, 5]]]], np.float32)
    >>> cam_combine(grid, np.ones((1, 1), np.float32), size=(2, 2)).maps
    array([[[0.  , 0.25],
            [0.5 , 1.  ]]], dtype=float32)
    """
    maps, grid, limits = _core.cam_combine(
        activations,
        weights,
        height=size[0],
        width=size[1],
        align_corners=align_corners,
        relu_activations=relu_activations,
        relu=relu,
        upsample_first=upsample_first,
        minmax_twice=minmax_twice,
        out=out,
        stream=stream_of(activations, stream),
    )
    return CombinedMaps(maps, grid, limits)


def local_contrast(faces: Array, *, out: Array | None = None, stream: int | None = None) -> Array:
    """Compute the standard deviation of the grey intensity in the 9 x 9 window around each pixel, cut at the border.

    Grey is the luma ``0.299 R + 0.587 G + 0.114 B`` (ITU-R BT.601), not rounded. The sums are integers, so a window
    of one colour gives exactly 0.

    Parameters
    ----------
    faces
        ``(N, H, W, 3)`` uint8, RGB.

    Returns
    -------
    array
        ``(N, H, W)`` float32 on the scale of intensities, 0 … 127.5.

    Examples
    --------
    >>> import numpy as np
    >>> face = np.zeros((1, 2, 2, 3), np.uint8)
    >>> face[:, 0] = 200
    >>> local_contrast(face)
    array([[[100., 100.],
            [100., 100.]]], dtype=float32)
    """
    return _core.local_contrast(faces, out=out, stream=stream_of(faces, stream))


def pixel_quality(
    gradient: Array,
    scale: Array,
    contrast: Array | None = None,
    *,
    gamma: float,
    clip: float | None = None,
    out: Array | None = None,
    stream: int | None = None,
) -> QualityMaps:
    """Compute the pixel-level quality of a gradient: ``P = 1 - 1 / (1 + 10^γ Ŝ²)``, ``Ŝ = (1/3) Σ_c |g_c|``.

    ``g = scale * gradient``, shortened to the norm ``clip`` where it is longer. The norm is a float64 sum
    in 256 lanes over the image's 3 H W values in memory order. Ŝ is then multiplied with ``contrast``. Maps are never
    rescaled per image. A gradient of 0 gives P = 0; a gradient that is not finite gives NaN.

    Parameters
    ----------
    gradient
        ``(N, 3, H, W)`` float32, with respect to pixels on the scale 0 … 255.
    scale
        ``(N,)`` float64: the factor of each image, such as ``Q̂ / ‖e‖₁``.
    contrast
        ``(N, H, W)`` float32, such as :func:`local_contrast` gives; None: 1 everywhere.
    gamma
        γ, within -30 … 30; 7.5 for ArcFace and 5.5 for FaceNet in the paper.
    clip
        Largest Euclidean norm of g, above 0; None: no limit.
    out
        ``(N, H, W)`` float32 for the maps.

    References
    ----------
    Terhörst et al., "Pixel-Level Face Image Quality Assessment for Explainable Face Recognition", Eq. 5 and 6.

    Examples
    --------
    >>> import numpy as np
    >>> gradient = np.array([1, -2, 0], np.float32).reshape(1, 3, 1, 1)
    >>> pixel_quality(gradient, np.ones(1), gamma=0.0).maps
    array([[[0.5]]], dtype=float32)
    """
    stream = stream_of(gradient, stream)
    return QualityMaps(
        *_core.pixel_quality(gradient, scale, contrast, gamma=gamma, clip=clip, out=out, stream=stream)
    )
