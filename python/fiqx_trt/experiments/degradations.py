"""Known degradations of an aligned face, each with a strength from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.opencv import cv2

__all__ = ["DEGRADATIONS", "LEVELS", "degrade"]

Face = NDArray[np.uint8]

#: Strengths at which faces are degraded; 0 is the untouched face.
LEVELS = (0.25, 0.5, 0.75, 1.0)


def _blur(face: Face, level: float) -> Face:
    return np.asarray(cv2.GaussianBlur(face, (0, 0), 0.04 * level * face.shape[0]), dtype=np.uint8)


def _noise(face: Face, level: float) -> Face:
    noise = np.random.default_rng(0).normal(0.0, 90.0 * level, face.shape)
    return np.asarray(np.clip(np.rint(face + noise), 0, 255), dtype=np.uint8)


def _occlusion(face: Face, level: float) -> Face:
    height = face.shape[0]
    covered = face.copy()
    covered[height - round(0.6 * level * height) :] = 0
    return covered


def _darkness(face: Face, level: float) -> Face:
    return np.asarray(np.rint(face * (1.0 - 0.97 * level)), dtype=np.uint8)


def _rotation(face: Face, level: float) -> Face:
    height, width = face.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 90.0 * level, 1.0)
    return np.asarray(
        cv2.warpAffine(face, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8
    )


def _jpeg(face: Face, level: float) -> Face:
    quality = round(80.0 * (2.0 / 80.0) ** level)
    encoded = cv2.imencode(".jpg", face[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.ascontiguousarray(decoded[:, :, ::-1])


def _low_resolution(face: Face, level: float) -> Face:
    height, width = face.shape[:2]
    small = max(4, round(height * (8 / height) ** level))
    reduced = cv2.resize(face, (small * width // height, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


#: Name → function of an ``(H, W, 3)`` uint8 face and a strength in (0, 1].
DEGRADATIONS: Mapping[str, Callable[[Face, float], Face]] = {
    "blur": _blur,
    "noise": _noise,
    "occlusion": _occlusion,
    "darkness": _darkness,
    "rotation": _rotation,
    "low-resolution": _low_resolution,
    "jpeg": _jpeg,
}


def degrade(face: Face, kind: str, level: float) -> Face:
    """Return a degraded copy of a face.

    At strength 1, for a face of H×W pixels: ``blur`` is a Gaussian of σ = 0.04 H; ``noise`` is Gaussian of standard deviation
    90 with a fixed seed; ``occlusion`` blackens the lower 60 %; ``darkness`` keeps 3 % of the intensity; ``rotation`` turns by
    90°; ``low-resolution`` reduces to 8 rows; ``jpeg`` compresses with quality 2. A smaller strength does less of the same.

    Parameters
    ----------
    face
        ``(H, W, 3)`` uint8.
    kind
        A key of :data:`DEGRADATIONS`.
    level
        Strength in [0, 1]; 0 returns the face unchanged.

    Examples
    --------
    >>> face = np.full((150, 150, 3), 200, np.uint8)
    >>> int(degrade(face, "darkness", 1.0).max())
    6
    """
    return face.copy() if level == 0 else DEGRADATIONS[kind](face, level)
