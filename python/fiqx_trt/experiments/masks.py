"""Random masks: whether a covered area loses pixel quality, and the face quality (Terhörst et al., 4.1 and 5.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.experiments.weightings import CalibratedWeightings, WeightingMaps

if TYPE_CHECKING:
    from fiqx_trt.models.model import Model

__all__ = ["COLORS", "SIZES", "MaskedFace", "Square", "cover", "mask_sides", "place_square", "random_masks"]

Faces = NDArray[np.uint8]

#: Sides of the squares, in pixels of a 112-pixel face (T 4.1).
SIZES = (10, 20, 30, 40, 50)
#: Height of the face that the sizes are meant for.
SCALE = 112
#: Share of each side of the face within which a square lies.
INNER = 0.9
#: Twelve colours (T 8.4.1 names none): black, white, grey, the six corners of the colour cube, and three near skin and hair.
COLORS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "black": (0, 0, 0),
        "grey": (128, 128, 128),
        "white": (255, 255, 255),
        "red": (255, 0, 0),
        "yellow": (255, 255, 0),
        "green": (0, 255, 0),
        "cyan": (0, 255, 255),
        "blue": (0, 0, 255),
        "magenta": (255, 0, 255),
        "skin": (224, 172, 145),
        "tan": (198, 134, 66),
        "brown": (101, 67, 33),
    }
)


@dataclass(frozen=True)
class Square:
    """A square of pixels.

    Parameters
    ----------
    top, left, side
        In pixels of the face.
    """

    top: int
    left: int
    side: int

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.top + self.side), slice(self.left, self.left + self.side)


@dataclass(frozen=True)
class MaskedFace:
    """The losses of one face through one mask.

    Parameters
    ----------
    face
        Position of the face.
    size
        Side of the mask in pixels of a 112-pixel face.
    square
        Where it lies.
    color
        Its colour.
    quality, quality_masked
        Q̂ before and after.
    inside, outside
        Weighting → mean loss of pixel quality, ``p_org - p_mask``, over the mask and over the rest of the face.
    """

    face: int
    size: int
    square: Square
    color: str
    quality: float
    quality_masked: float
    inside: Mapping[str, float]
    outside: Mapping[str, float]

    @property
    def quality_loss(self) -> float:
        """Δ_Q̂ = Q̂_org - Q̂_mask (T Eq. 8)."""
        return self.quality - self.quality_masked

    def row(self) -> dict[str, Any]:
        """Return the numbers as the cells of a table."""
        losses = {
            f"loss_{name}_{place}": values[name]
            for name in self.inside
            for place, values in (("inside", self.inside), ("outside", self.outside))
        }
        return {
            "size": self.size,
            "side_px": self.square.side,
            "top": self.square.top,
            "left": self.square.left,
            "color": self.color,
            "quality": self.quality,
            "quality_masked": self.quality_masked,
            "quality_loss": self.quality_loss,
            **losses,
        }


def mask_sides(height: int, sizes: Sequence[int] = SIZES) -> dict[int, int]:
    """Return size → side in pixels of a face of this height.

    Examples
    --------
    >>> mask_sides(150)
    {10: 13, 20: 27, 30: 40, 40: 54, 50: 67}
    """
    return {size: max(1, round(size * height / SCALE)) for size in sizes}


def place_square(size: tuple[int, int], side: int, *, key: str, seed: int = 0) -> Square:
    """Place a square at random within the inner 90 % of a face.

    The place is drawn from a hash of the seed and the key, so it does not depend on the other faces or on their order.

    Parameters
    ----------
    size
        Height and width of the face.
    side
        Side of the square in pixels.
    key
        What the square is for: a name of the face, say.
    seed
        Any integer.

    Raises
    ------
    InvalidInputError
        The square does not fit.
    """
    digest = hashlib.blake2b(f"{seed}\0{side}\0{key}".encode("utf-8", "surrogateescape"), digest_size=16)
    rng = np.random.default_rng(int.from_bytes(digest.digest(), "little"))
    corner = []
    for extent in size:
        first = int(np.ceil(extent * (1 - INNER) / 2))
        last = extent - first - side
        if last < first:
            raise InvalidInputError(
                f"a mask of {side} px does not fit into the inner {INNER:.0%} of a face of {size[0]} × {size[1]} px; "
                "give smaller sizes"
            )
        corner.append(int(rng.integers(first, last + 1)))
    return Square(corner[0], corner[1], side)


def cover(face: Faces, square: Square, color: str = "black") -> Faces:
    """Return a copy of a face ``(H, W, 3)`` with a square of one colour on it."""
    if color not in COLORS:
        raise InvalidInputError(f"no mask colour is called {color!r}; there are {', '.join(COLORS)}")
    covered = face.copy()
    covered[square.area] = COLORS[color]
    return covered


def random_masks(
    model: Model,
    faces: Faces,
    *,
    weightings: CalibratedWeightings,
    sizes: Sequence[int] = SIZES,
    colors: Sequence[str] = ("black",),
    repeats: int = 1,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[MaskedFace]:
    """Mask every face once per size, colour and repeat, and measure what pixel quality and quality lose.

    A square's place depends on the face's pixels, its size, the repeat and the seed alone; it is the same for every colour and
    weighting.

    Parameters
    ----------
    model
        A recognition model.
    faces
        ``(N, H, W, 3)`` uint8 RGB, of the model's input size.
    weightings
        The weightings to compare, each with its γ.
    sizes
        Sides in pixels of a 112-pixel face; scaled with the model's input.
    colors
        Keys of :data:`COLORS`.
    repeats
        Masks per face, size and colour.
    seed
        Seed of the places.
    progress
        Called with the number of masked faces done and in all.

    Returns
    -------
    list of MaskedFace
        By face, size, repeat, colour.

    Raises
    ------
    InvalidInputError
        A mask does not fit, or a colour is unknown.
    """
    sides = mask_sides(model.spec.input_size[0], sizes)
    jobs = [(size, repeat, color) for size in sides for repeat in range(repeats) for color in colors]
    results: list[MaskedFace] = []
    for index, face in enumerate(faces):
        name = hashlib.blake2b(face.tobytes(), digest_size=16).hexdigest()
        squares = {
            (size, repeat): place_square(
                model.spec.input_size, sides[size], key=f"{name}\0{repeat}", seed=seed
            )
            for size in sides
            for repeat in range(repeats)
        }
        covered = [cover(face, squares[size, repeat], color) for size, repeat, color in jobs]
        explained = weightings.explain(model, np.stack([face, *covered]))
        for row, (size, repeat, color) in enumerate(jobs, 1):
            results.append(_compare(explained, row, index, size, squares[size, repeat], color))
        if progress is not None:
            progress(len(results), len(faces) * len(jobs))
    return results


def _compare(
    explained: WeightingMaps, row: int, face: int, size: int, square: Square, color: str
) -> MaskedFace:
    """Compare row 0, the face, with a row that is a masked copy of it."""
    inside, outside = {}, {}
    for name, maps in explained.maps.items():
        loss = maps[0].astype(np.float64) - maps[row]
        within = float(loss[square.area].sum())
        area = square.side**2
        inside[name] = within / area
        outside[name] = (float(loss.sum()) - within) / (loss.size - area)
    quality = explained.quality
    return MaskedFace(face, size, square, color, float(quality[0]), float(quality[row]), inside, outside)
