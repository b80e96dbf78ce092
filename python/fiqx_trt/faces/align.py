"""Faces moved to where a recogniser expects them: a similarity transform from five landmarks.

Landmarks are always in the order eye on the picture's left, eye on its right, nose, mouth corner left, mouth
corner right, as ``(x, y)`` in pixels with the centre of the first pixel at ``(0, 0)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.opencv import cv2

__all__ = ["TEMPLATES", "Template", "align", "exchanged", "similarity", "template_by_name"]

_FAR = 1e12
_EXCHANGED = -0.25  # of a frontal face 0.85, and -0.85 when exchanged; of a profile about 0, whichever way


@dataclass(frozen=True)
class Template:
    """Where the five landmarks of an aligned face lie.

    Parameters
    ----------
    name
        The name a model's spec uses.
    size
        ``(height, width)`` in pixels that ``points`` belong to.
    points
        Five ``(x, y)``.
    """

    name: str
    size: tuple[int, int]
    points: tuple[tuple[float, float], ...]

    def scaled(self, size: tuple[int, int]) -> NDArray[np.float64]:
        """Move the points to faces of another ``(height, width)``: ``(5, 2)`` float64.

        Faces are never squeezed: a face of another shape is the middle of one of the template's shape. The points for 112×96
        are those for 112×112, 8 px further left, as the SphereFace family was trained.
        """
        height, width = self.size
        factor = max(size[0] / height, size[1] / width)
        cut_off = np.array([width * factor - size[1], height * factor - size[0]]) / 2
        return np.asarray(self.points, np.float64) * factor - cut_off

    def middle(self, crop: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
        """Cut a crop ``(h, w, 3)`` of the template's shape to the shape of faces of ``(height, width)``; others as they are."""
        height, width = crop.shape[:2]
        if height * self.size[1] != width * self.size[0]:
            return crop
        factor = max(size[0] / height, size[1] / width)
        rows, columns = round(size[0] / factor), round(size[1] / factor)
        top, left = (height - rows) // 2, (width - columns) // 2
        return crop[top : top + rows, left : left + columns]


def _dlib_point(x: float, y: float) -> tuple[float, float]:
    """Place a point of dlib's mean face in its 150 px chip, padding 0.25: ``(0.25 + p) / 1.5 * 150``."""
    return ((0.25 + x) * 100.0, (0.25 + y) * 100.0)


TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {
        template.name: template
        for template in (
            # The five points of InsightFace's ArcFace crops.
            Template(
                "arcface",
                (112, 112),
                (
                    (38.2946, 51.6963),
                    (73.5318, 51.5014),
                    (56.0252, 71.7366),
                    (41.5493, 92.3655),
                    (70.7299, 92.2041),
                ),
            ),
            # dlib's mean face, eyes at the pupils and nose at its tip, which is what detectors mark; dlib's
            # own eye centres lie 0.02 lower. On 48 faces dlib's embeddings of MTCNN-aligned chips lie 0.135
            # from those of chips that its 68-point predictor aligned; 0.147 with its eye centres, 0.175 with
            # its base of the nose. The chips of its two predictors lie 0.127 apart.
            Template(
                "dlib",
                (150, 150),
                (
                    _dlib_point(0.225492, 0.195),
                    _dlib_point(0.754761, 0.195),
                    _dlib_point(0.490127, 0.53),
                    _dlib_point(0.254149, 0.780233),
                    _dlib_point(0.726104, 0.780233),
                ),
            ),
            # FaceNet takes MTCNN's box and a margin of 32 of 160 px, stretched to a square. This is where
            # MTCNN puts the landmarks of frontal faces in that frame: 16 + 128 times their median place in
            # the box, made symmetric. The face is framed alike, but upright and not stretched.
            Template(
                "facenet",
                (160, 160),
                ((53.1, 65.9), (112.1, 65.9), (82.6, 93.4), (57.2, 113.9), (108.0, 113.9)),
            ),
        )
    }
)
"""Templates by name."""


def template_by_name(name: str) -> Template:
    """Look a template up.

    Raises
    ------
    InvalidInputError
        When there is none.
    """
    try:
        return TEMPLATES[name]
    except KeyError:
        known = ", ".join(sorted(TEMPLATES))
        raise InvalidInputError(f"no alignment template named {name!r}; known are {known}") from None


def similarity(source: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """Rotation, uniform scale and shift that bring ``source`` closest to ``target``, in closed form.

    Minimises ``Σ ‖s R x_i + t - y_i‖²`` over rotations without reflection (Umeyama 1991).
    In the plane, with points as complex numbers around their means, that is the regression coefficient
    ``z = s exp(iφ) = Σ conj(x_i) y_i / Σ |x_i|²``; a reflection cannot occur.

    Parameters
    ----------
    source, target
        ``(n, 2)`` with ``n >= 2``, finite, below 1e12.

    Returns
    -------
    ndarray
        ``(2, 3)`` float64 ``[sR | t]``, for ``cv2.warpAffine``.

    Raises
    ------
    InvalidInputError
        Wrong shapes, points that are not finite, points of ``source`` that coincide, or a configuration
        without a best rotation.

    Examples
    --------
    >>> similarity([[0, 0], [2, 0]], [[1, 1], [1, 5]]).round(6).tolist()
    [[0.0, -2.0, 1.0], [2.0, 0.0, 1.0]]
    """
    x, y = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if x.ndim != 2 or x.shape != y.shape or x.shape[1] != 2 or len(x) < 2:
        raise InvalidInputError(
            f"similarity wants two arrays of the same n >= 2 points (n, 2), not {x.shape} and {y.shape}"
        )
    if not ((np.abs(x) < _FAR).all() and (np.abs(y) < _FAR).all()):
        raise InvalidInputError(
            f"similarity wants finite points within {_FAR:g}; one is NaN, infinite or beyond"
        )
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    xc, yc = x - x_mean, y - y_mean
    spread = float((xc * xc).sum())
    if spread <= (1e-9 * (1.0 + float(np.abs(x).max()))) ** 2:  # nothing left but rounding
        raise InvalidInputError("the points coincide: no scale and rotation can be told from them")
    a = float((xc * yc).sum()) / spread
    b = float((xc[:, 0] * yc[:, 1] - xc[:, 1] * yc[:, 0]).sum()) / spread
    if (a * a + b * b) * spread <= 1e-18 * float((yc * yc).sum()) or a * a + b * b == 0.0:
        raise InvalidInputError("the points have no best rotation: every angle fits them equally badly")
    linear = np.array([[a, -b], [b, a]])
    return np.hstack([linear, (y_mean - linear @ x_mean)[:, None]])


def exchanged(landmarks: ArrayLike) -> NDArray[np.bool_]:
    """Tell of which faces left and right are certainly exchanged.

    That is where the second eye lies clearly left of the first for somebody who looks from the eyes to the mouth: their
    distance across that direction, in units of the distance between eyes and mouth, is below -0.25. Turned faces keep
    their sign; of a profile, where the eyes nearly coincide, it says nothing.

    Parameters
    ----------
    landmarks
        ``(..., 5, 2)``.

    Returns
    -------
    ndarray
        ``(...,)`` bool; false where a landmark is not finite.

    Examples
    --------
    >>> points = TEMPLATES["arcface"].scaled((112, 112))
    >>> bool(exchanged(points)), bool(exchanged(points[[1, 0, 2, 4, 3]]))
    (False, True)
    """
    points = np.asarray(landmarks, np.float64)
    eyes = points[..., 1, :] - points[..., 0, :]
    down = points[..., 3:, :].mean(axis=-2) - points[..., :2, :].mean(axis=-2)
    across = eyes[..., 0] * down[..., 1] - eyes[..., 1] * down[..., 0]
    return np.asarray(across < _EXCHANGED * (down * down).sum(axis=-1))


def align(
    image: NDArray[np.uint8],
    landmarks: ArrayLike,
    template: Template | str,
    size: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """Cut one face out of a picture so that its landmarks lie on the template.

    Bilinear interpolation; black where the face reaches over the picture's edge. A face at least twice as
    large as wanted is first averaged over ``k x k`` blocks of pixels, ``k = floor(face size / wanted size)``:
    bilinear interpolation alone would read a few of its pixels and turn the others into noise.

    Parameters
    ----------
    image
        ``(H, W, 3)`` uint8.
    landmarks
        ``(5, 2)``, finite.
    template
        A template or its name.
    size
        ``(height, width)`` of the result; the template's points scale with it. Default: the template's own.

    Returns
    -------
    ndarray
        ``(height, width, 3)`` uint8, C-contiguous.

    Raises
    ------
    InvalidInputError
        Wrong shapes, degenerate landmarks (see :func:`similarity`), or a face outside the picture.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InvalidInputError(f"align wants an image (H, W, 3) uint8, not {image.shape} {image.dtype}")
    if isinstance(template, str):
        template = template_by_name(template)
    height, width = template.size if size is None else size
    matrix = similarity(landmarks, template.scaled((height, width)))
    factor = max(1, int(1.0 / float(np.hypot(matrix[0, 0], matrix[1, 0])) + 1e-9))
    x0, y0, x1, y1 = _visible(matrix, (height, width), image.shape[:2], margin=2 * factor + 1)
    patch = _shrink(image[y0:y1, x0:x1], factor)
    # Pixel i of the shrunk patch is the mean of pixels x0 + k i ... x0 + k i + k - 1.
    offset = np.array([x0, y0], np.float64) + (factor - 1) / 2
    linear = matrix[:, :2]
    local = np.hstack([linear * factor, (linear @ offset + matrix[:, 2])[:, None]])
    face = cv2.warpAffine(
        patch, local, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return np.ascontiguousarray(face)


def _visible(
    matrix: NDArray[np.float64], size: tuple[int, int], picture: tuple[int, ...], *, margin: int
) -> tuple[int, int, int, int]:
    """Bound the part ``x0, y0, x1, y1`` of the picture that the aligned face shows, with a margin."""
    height, width = size
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], np.float64)
    seen = np.linalg.solve(matrix[:, :2], (corners - matrix[:, 2]).T).T
    limits = np.array([picture[1], picture[0]], np.float64)
    low = np.clip(np.floor(seen.min(axis=0)) - margin, 0, limits)
    high = np.clip(np.ceil(seen.max(axis=0)) + margin + 1, 0, limits)
    if (seen.max(axis=0) < 0).any() or (seen.min(axis=0) > limits - 1).any():
        raise InvalidInputError(
            f"the landmarks put the face outside the picture of {picture[1]} x {picture[0]} px"
        )
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _shrink(patch: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Average ``factor x factor`` blocks; a last incomplete block is filled up with black."""
    if factor == 1:
        return patch
    height, width = patch.shape[:2]
    right, bottom = -width % factor, -height % factor
    if right or bottom:
        patch = cv2.copyMakeBorder(patch, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    size = (patch.shape[1] // factor, patch.shape[0] // factor)
    return cv2.resize(patch, size, interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]
