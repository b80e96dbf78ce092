"""Areas of a face that are disturbed on purpose, to see whether a map points at them."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.opencv import cv2

__all__ = ["DISTURBANCES", "disturb", "disturbance_rng"]

#: What an area shows: black, noise of every colour, a piece of another picture, or itself blurred.
DISTURBANCES = ("black", "noise", "patch", "blurred")
#: Standard deviation of the blur, as a share of the face's width.
BLUR = 0.05

Face = NDArray[np.uint8]


def disturbance_rng(face: Face, *key: object, seed: int = 0) -> np.random.Generator:
    """Return a generator that depends on a face's pixels, a key and the seed alone."""
    digest = hashlib.blake2b(f"{seed}\0{key}\0".encode() + face.tobytes(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def disturb(face: Face, area: NDArray[np.bool_], kind: str, *, other: Face, rng: np.random.Generator) -> Face:
    """Return a copy of a face with an area disturbed.

    Parameters
    ----------
    face, other
        ``(H, W, 3)`` uint8 RGB: the face, and the picture that ``"patch"`` takes a piece of, from another place.
    area
        ``(H, W)`` bool.
    kind
        One of :data:`DISTURBANCES`.
    rng
        Draws the noise and the place of the piece.

    Raises
    ------
    InvalidInputError
        The kind is unknown.
    """
    height, width = face.shape[:2]
    if kind == "black":
        source = np.zeros_like(face)
    elif kind == "noise":
        source = rng.integers(0, 256, face.shape, np.uint8)
    elif kind == "patch":
        source = np.roll(other, (rng.integers(height // 4, height), rng.integers(width // 4, width)), (0, 1))
    elif kind == "blurred":
        source = cv2.GaussianBlur(face, (0, 0), BLUR * width)
    else:
        raise InvalidInputError(f"no disturbance is called {kind!r}; there are {', '.join(DISTURBANCES)}")
    return np.where(area[..., np.newaxis], source, face)
