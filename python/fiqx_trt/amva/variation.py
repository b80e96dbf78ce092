"""The maps of a pair of groups and of a pair of methods (Fu & Damer, Eq. 1 to 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.statistics.base import Statistics

__all__ = ["MethodDifference", "VariationMaps", "method_differences"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class VariationMaps:
    """Mean, median and variation of the activation maps of H and L, and how H and L differ; all ``(H, W)`` float64.

    Parameters
    ----------
    mam_high, mam_low
        MAM, the mean (Eq. 1).
    am_v_high, am_v_low
        AM-V, the population standard deviation (Eq. 2).
    mdam_high, mdam_low
        MDAM, the median (Eq. 3).
    am_mv_high, am_mv_low
        AM-MV, the root mean square deviation from the median (Eq. 4).
    d_am_v, d_am_mv
        ``|AM-V_H - AM-V_L|`` (Eq. 5) and ``|AM-MV_H - AM-MV_L|`` (Eq. 6).
    count_high, count_low
        Images in H and in L.
    median_error
        Largest error of the medians: 0 where they are exact.
    """

    mam_high: Doubles
    mam_low: Doubles
    am_v_high: Doubles
    am_v_low: Doubles
    mdam_high: Doubles
    mdam_low: Doubles
    am_mv_high: Doubles
    am_mv_low: Doubles
    d_am_v: Doubles
    d_am_mv: Doubles
    count_high: int
    count_low: int
    median_error: float = 0.0

    @classmethod
    def of(cls, high: Statistics, low: Statistics) -> VariationMaps:
        """Return the maps of two groups from their statistics.

        Raises
        ------
        InvalidInputError
            A group is empty, keeps no median, or the two have maps of different size.
        """
        if high.size != low.size:
            raise InvalidInputError(
                f"H has maps of size {high.size} and L of size {low.size}; give maps of one size"
            )
        parts = {}
        for name, group in (("high", high), ("low", low)):
            mean, std, median = group.mean, group.std, group.median
            parts[f"mam_{name}"], parts[f"am_v_{name}"], parts[f"mdam_{name}"] = mean, std, median
            parts[f"am_mv_{name}"] = np.sqrt(np.square(std) + np.square(mean - median))
        return cls(
            **parts,
            d_am_v=np.abs(parts["am_v_high"] - parts["am_v_low"]),
            d_am_mv=np.abs(parts["am_mv_high"] - parts["am_mv_low"]),
            count_high=high.count,
            count_low=low.count,
            median_error=max(high.median_error, low.median_error),
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the maps."""
        return self.mam_high.shape[0], self.mam_high.shape[1]

    def arrays(self) -> dict[str, Doubles]:
        """Return the ten maps by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in COUNTS}


COUNTS = ("count_high", "count_low", "median_error")


@dataclass(frozen=True)
class MethodDifference:
    """Differences of the variation between the groups of two methods; all ``(H, W)`` float64.

    Parameters
    ----------
    first, second
        The methods.
    d_am_v_high, d_am_v_low
        AM-V of the first method's group minus that of the second's, for H and for L (Fu & Damer, Fig. 5).
    d_am_mv_high, d_am_mv_low
        Likewise AM-MV.
    signed
        Whether the sign was kept.
    """

    first: str
    second: str
    d_am_v_high: Doubles
    d_am_v_low: Doubles
    d_am_mv_high: Doubles
    d_am_mv_low: Doubles
    signed: bool = True

    def arrays(self) -> dict[str, Doubles]:
        """Return the four maps by name."""
        return {name: getattr(self, name) for name in DIFFERENCES}


DIFFERENCES = ("d_am_v_high", "d_am_v_low", "d_am_mv_high", "d_am_mv_low")


def method_differences(
    maps: Mapping[str, VariationMaps], *, signed: bool = True
) -> tuple[MethodDifference, ...]:
    """Return the differences of every pair of methods, in the order of the mapping.

    Parameters
    ----------
    maps
        Method → its maps, all of one size.
    signed
        Keep the sign (Fu & Damer, Fig. 5), or take absolute values as in Eq. 5.

    Raises
    ------
    InvalidInputError
        The maps have different sizes.
    """
    if len({one.size for one in maps.values()}) > 1:
        raise InvalidInputError(
            f"maps of different sizes, {[one.size for one in maps.values()]}; give maps of one size"
        )

    def difference(first: str, second: str, name: str) -> Doubles:
        gap = getattr(maps[first], name) - getattr(maps[second], name)
        return np.asarray(gap if signed else np.abs(gap))

    return tuple(
        MethodDifference(
            first=a,
            second=b,
            signed=signed,
            **{
                f"d_{name}": difference(a, b, name)
                for name in ("am_v_high", "am_v_low", "am_mv_high", "am_mv_low")
            },
        )
        for a, b in combinations(maps, 2)
    )
