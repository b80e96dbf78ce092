"""Synthetic faces for comparing two sessions of one network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["probe_faces"]


def probe_faces(size: tuple[int, int], *, count: int = 4, seed: int = 7) -> NDArray[np.uint8]:
    """Draw ``count`` simple faces, ``(count, H, W, 3)`` uint8 RGB: a lit oval with eyes, nose and mouth on a shaded background.

    They resemble nobody. They only have to produce activations in a recogniser's usual range.

    Examples
    --------
    >>> probe_faces((112, 112)).shape
    (4, 112, 112, 3)
    """
    rng = np.random.default_rng(seed)
    return np.stack([_draw(size, rng) for _ in range(count)])


def _draw(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    y, x = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]), indexing="ij")
    light = 1.0 + 0.35 * rng.uniform(-1, 1) * x + 0.25 * rng.uniform(-1, 1) * y
    picture = rng.uniform(40, 200, 3) * np.ones((*size, 3))
    skin = rng.uniform(90, 230) * np.array([1.0, 0.8, 0.68])
    picture = _blend(picture, skin, _blob(x, y, 0.0, 0.0, 0.75, 0.95, hard=8))
    for side in (-1, 1):
        picture = _blend(picture, np.full(3, 235.0), _blob(x, y, side * 0.32, -0.1, 0.16, 0.08, hard=4))
        picture = _blend(picture, rng.uniform(10, 60, 3), _blob(x, y, side * 0.32, -0.1, 0.07, 0.08, hard=4))
        picture = _blend(picture, rng.uniform(10, 80, 3), _blob(x, y, side * 0.32, -0.3, 0.22, 0.05, hard=3))
    picture = _blend(picture, 0.75 * skin, _blob(x, y, 0.06, 0.18, 0.08, 0.2, hard=1))
    picture = _blend(
        picture, np.array([150.0, 60.0, 60.0]), _blob(x, y, 0.0, 0.58, rng.uniform(0.2, 0.35), 0.08, hard=4)
    )
    picture = picture * light[..., None] + rng.normal(0, 4, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _blob(
    x: NDArray[np.float64], y: NDArray[np.float64], cx: float, cy: float, rx: float, ry: float, *, hard: float
) -> NDArray[np.float64]:
    radius = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(hard * (radius - 1.0), -50, 50))))


def _blend(
    picture: NDArray[np.float64], color: NDArray[np.float64], mask: NDArray[np.float64]
) -> NDArray[np.float64]:
    return picture + mask[..., None] * (color - picture)
