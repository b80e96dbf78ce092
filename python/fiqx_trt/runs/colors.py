"""The colours of maps by name: one list for every command that draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fiqx_trt.errors import InvalidInputError

__all__ = ["COLORS", "DEFAULT_COLORS", "Drawing", "MapColors", "colors_of"]


@dataclass(frozen=True)
class MapColors:
    """The colour map of each kind of map, by matplotlib's names.

    Parameters
    ----------
    quality
        Pixel-level quality in [0, 1].
    activation
        Activation maps in [0, 1].
    variation
        Variations and deviations without a sign.
    signed
        Differences and deviations with a sign: 0 lies in the middle.
    quality_ends, activation_ends
        The colours of 0 and of 1, in words.
    signed_ends
        The colours of the most negative and of the most positive value, in words.
    """

    quality: str
    activation: str
    variation: str
    signed: str
    quality_ends: tuple[str, str]
    activation_ends: tuple[str, str]
    signed_ends: tuple[str, str]


#: ``uniform``: what has no sign becomes lighter all the way from its least to its largest value, so colour-blind readers and
#: grey prints tell values apart; what has one goes from orange (negative) over white to purple (positive), ColorBrewer's, which
#: people without red or green vision tell apart. ``papers``: red (0) over yellow to green (1) as in Terhörst et al., jet as in
#: Fu and Damer.
COLORS: Mapping[str, MapColors] = {
    "uniform": MapColors(
        quality="cividis",
        activation="viridis",
        variation="inferno",
        signed="PuOr",
        quality_ends=("dark blue", "yellow"),
        activation_ends=("dark purple", "yellow"),
        signed_ends=("orange", "purple"),
    ),
    "papers": MapColors(
        quality="RdYlGn",
        activation="jet",
        variation="jet",
        signed="RdBu_r",
        quality_ends=("red", "green"),
        activation_ends=("blue", "red"),
        signed_ends=("blue", "red"),
    ),
}
DEFAULT_COLORS = "uniform"


def colors_of(name: str) -> MapColors:
    """Return the colours of a name.

    Raises
    ------
    InvalidInputError
        No colours have that name.
    """
    if name not in COLORS:
        raise InvalidInputError(
            f"--colors is {name!r}; choose one of {', '.join(COLORS)} (in Python: colors=…)"
        )
    return COLORS[name]


@dataclass(frozen=True)
class Drawing:
    """How the maps of single faces are drawn; what is stored does not depend on it.

    Parameters
    ----------
    colors
        A name of :data:`COLORS`.
    smooth
        Standard deviation, in pixels of the map, of the Gaussian that smooths it before it is drawn; 0 draws it as it is.

    Raises
    ------
    InvalidInputError
        No colours have that name, or the standard deviation is negative or above 50.
    """

    colors: str = DEFAULT_COLORS
    smooth: float = 0.0

    def __post_init__(self) -> None:
        """Check the values once."""
        colors_of(self.colors)
        if not 0 <= self.smooth <= 50:
            raise InvalidInputError(
                f"--smooth is {self.smooth:g}; give a number of pixels from 0 (not smoothed) to 50 (in Python: smooth=…)"
            )
