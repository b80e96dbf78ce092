"""Regions of an aligned face, and the mean of a map over each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces.align import Template, template_by_name

__all__ = [
    "REGIONS",
    "WHOLE",
    "inner_face",
    "region_masks",
    "region_means",
]

#: Names, in the order of reports.
REGIONS = ("forehead", "eyes", "nose", "mouth", "cheeks", "background")
#: The face as a whole, beside its regions: everything but the background.
WHOLE = "face"


def region_masks(template: str | Template, size: tuple[int, int]) -> Mapping[str, NDArray[np.bool_]]:
    """Return the regions of an aligned face as :data:`REGIONS` → ``(H, W)`` bool: every pixel is in exactly one.

    With d the distance between the eyes, the face is an ellipse of half axes 1.12 d and 1.5 d, 0.35 d below the eyes. In
    it, from above: the forehead to 0.35 d above the eyes, the eyes with brows and bridge to 0.25 d below them; below that
    the nose, 0.32 d to either side down to the middle between its tip and the mouth; under it the mouth with the chin,
    0.62 d to either side; the rest is the cheeks. Pixels outside the ellipse are background (hair, neck, headgear).

    Examples
    --------
    >>> masks = region_masks("dlib", (150, 150))
    >>> bool((sum(mask.astype(int) for mask in masks.values()) == 1).all())
    True
    """
    template = template_by_name(template) if isinstance(template, str) else template
    return _masks(template, size)


@lru_cache(maxsize=16)
def _masks(template: Template, size: tuple[int, int]) -> Mapping[str, NDArray[np.bool_]]:
    _, _, nose, left_mouth, right_mouth = template.scaled(size)
    lips = (nose[1] + (left_mouth[1] + right_mouth[1]) / 2) / 2
    y = np.arange(size[0], dtype=np.float64)[:, np.newaxis]
    down, aside = _face_coordinates(template, size)
    face = (aside / 1.12) ** 2 + ((down - 0.35) / 1.5) ** 2 <= 1.0
    below = down >= 0.25
    parts = {
        "forehead": face & (down < -0.35),
        "eyes": face & (down >= -0.35) & ~below,
        "nose": face & below & (y < lips) & (aside <= 0.32),
        "mouth": face & below & (y >= lips) & (aside <= 0.62),
    }
    parts["cheeks"] = face & below & ~parts["nose"] & ~parts["mouth"]
    parts["background"] = ~face
    for mask in parts.values():
        mask.setflags(write=False)
    return parts


def inner_face(template: str | Template, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the face without its border: an ellipse of half axes 0.85 d and 1.15 d, 0.35 d below the eyes; ``(H, W)`` bool.

    Pixels near the border have a lower quality in every face.
    """
    template = template_by_name(template) if isinstance(template, str) else template
    down, aside = _face_coordinates(template, size)
    return np.asarray((aside / 0.85) ** 2 + ((down - 0.35) / 1.15) ** 2 <= 1.0)


def _face_coordinates(
    template: Template, size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distance of every pixel below the eyes, and beside their middle, in distances between the eyes."""
    left_eye, right_eye = template.scaled(size)[:2]
    middle, distance = (left_eye + right_eye) / 2, float(np.hypot(*(right_eye - left_eye)))
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    return (y - middle[1]) / distance, np.abs(x - middle[0]) / distance


def region_means(
    maps: NDArray[np.floating], masks: Mapping[str, NDArray[np.bool_]]
) -> dict[str, NDArray[np.float64]]:
    """Return the mean of every map ``(N, H, W)`` over every region of :func:`region_masks` and over the :data:`WHOLE` face.

    The means are ``(N,)`` float64; NaN where the template has no pixel of a region in the picture.

    Raises
    ------
    InvalidInputError
        Maps and masks have different sizes.
    """
    size = next(iter(masks.values())).shape
    if maps.ndim != 3 or maps.shape[1:] != size:
        raise InvalidInputError(f"maps have shape {maps.shape}; the regions want (N, {size[0]}, {size[1]})")
    names = list(masks)
    labels = np.argmax([masks[name] for name in names], axis=0).ravel()
    counts = np.bincount(labels, minlength=len(names)).astype(np.float64)
    # Pixels are summed in stretches of one region, without being gathered; then the stretches of each region, in memory one
    # after the other: the order of summation, and so a map's mean, does not depend on how many maps there are.
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    stretches = np.add.reduceat(maps.reshape(-1, labels.size), starts, axis=1, dtype=np.float64)
    regions = [np.ascontiguousarray(stretches[:, labels[starts] == i]) for i in range(len(names))]
    sums = np.stack([one.sum(axis=1) for one in regions], axis=1)
    inside = [i for i, name in enumerate(names) if name != "background"]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = {name: sums[:, i] / counts[i] for i, name in enumerate(names)}
        return {**means, WHOLE: sums[:, inside].sum(axis=1) / counts[inside].sum()}
