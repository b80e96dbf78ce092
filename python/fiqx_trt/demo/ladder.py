"""A ladder of degradations: one face, six ways to make it worse, in steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["DEGRADATIONS", "LEVELS", "degrade"]

Face = NDArray[np.uint8]

#: Strengths of the steps, from 0 (untouched) to 1.
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


def _low_resolution(face: Face, level: float) -> Face:
    height, width = face.shape[:2]
    small = max(4, round(height * (8 / height) ** level))
    reduced = cv2.resize(face, (small * width // height, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


DEGRADATIONS: Mapping[str, Callable[[Face, float], Face]] = {
    "blur": _blur,
    "noise": _noise,
    "occlusion": _occlusion,
    "darkness": _darkness,
    "rotation": _rotation,
    "low-resolution": _low_resolution,
}


def degrade(face: Face, kind: str, level: float) -> Face:
    """Return a worse copy of a face.

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
