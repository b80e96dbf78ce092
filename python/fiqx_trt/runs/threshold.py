"""Which faces are good enough: a threshold on a quality, as a number or by the faces of the calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.quality.base import scaled_column

if TYPE_CHECKING:
    from fiqx_trt.quality import QualityMethod

__all__ = ["ACCEPT", "Threshold"]

#: Column that is 1 where a face is good enough, 0 where it is not.
ACCEPT = "accept"


@dataclass(frozen=True)
class Threshold:
    """A threshold on one column.

    Parameters
    ----------
    column
        Column of the quality.
    value
        The worst value that is accepted.
    higher_is_better
        Direction of the column.

    Examples
    --------
    >>> from fiqx_trt.quality import create_method
    >>> Threshold.parse("5%", create_method("serfiq"))
    Threshold(column='serfiq_percentile', value=5.0, higher_is_better=True)
    >>> Threshold.parse("0.4", create_method("serfiq")).accepts({"serfiq_scaled": 0.41})
    1
    """

    column: str
    value: float
    higher_is_better: bool

    @classmethod
    def parse(cls, text: str, method: QualityMethod) -> Threshold:
        """Return what a text means for a method: ``5%`` of the calibration faces are not good enough, or a least quality.

        Raises
        ------
        InvalidInputError
            It is no number, not between the ends of its scale, or the method knows no calibration faces.
        """
        share, scaled = text.removesuffix("%"), scaled_column(method.name)
        percentile = f"{method.name}_percentile"
        try:
            value = float(share)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InvalidInputError(
                f"--threshold is {text!r}; give a quality such as 0.4, or a share of the calibration faces such as 5%"
            )
        if share != text:
            if percentile not in method.columns or not 0 <= value <= 100:
                why = (
                    "is no share from 0% to 100%"
                    if percentile in method.columns
                    else "needs a calibrated method"
                )
                raise InvalidInputError(
                    f"--threshold {text} {why}; give another one, or a quality such as 0.4"
                )
            return cls(percentile, value, True)
        if scaled in method.columns:
            if not 0 <= value <= 1:
                raise InvalidInputError(
                    f"--threshold {text} is no {scaled}, which is from 0 to 1; give one of these, or a share such as 5%"
                )
            return cls(scaled, value, True)
        return cls(method.name, value, method.higher_is_better)

    def accepts(self, numbers: Mapping[str, float | int | None]) -> int | None:
        """Return 1 where a face is good enough, 0 where it is not, ``None`` where it has no such number."""
        number = numbers.get(self.column)
        if number is None:
            return None
        return int(number >= self.value if self.higher_is_better else number <= self.value)

    def __str__(self) -> str:
        return f"{self.column} {'≥' if self.higher_is_better else '≤'} {self.value:g}"
