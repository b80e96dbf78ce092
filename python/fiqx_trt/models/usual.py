"""The usual saliency of a model at every pixel, over the faces it was calibrated on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fiqx_trt.models.contract import entry_of

__all__ = ["MAPS", "Usual"]

#: The two maps that statistics are kept of: the saliency per unit of intensity, and by the local contrast.
MAPS = ("intensity", "contrast")


@dataclass(frozen=True)
class Usual:
    """Statistics of the relative, smoothed log saliency on a small grid; a field of a model's sidecar.

    ``fiqx-trt calibrate`` measures them (:class:`fiqx_trt.explain.deviation.UsualStatistics`).

    Parameters
    ----------
    grid
        Height h and width w of the grid.
    faces
        Number of faces they were measured on.
    weights
        The weighting of the quality node (:func:`fiqx_trt.plq`).
    mean, std
        Map of :data:`MAPS` → ``h · w`` means, and standard deviations (1/N), row by row.
    regions
        Region of the face → mean and standard deviation of its deviation over the good faces
        (:func:`fiqx_trt.explain.regions.region_deviations`); empty where they were not measured.
    alarm
        The standardised deviation that the lowest region of 5 % of good faces outside the calibration faces reaches
        (:func:`fiqx_trt.explain.region_words.alarm_level`); ``None`` where it was not measured.

    Raises
    ------
    ValueError
        The numbers are not finite, too few or too many, or a standard deviation is below 0.
    """

    grid: tuple[int, int]
    faces: int
    weights: str
    mean: Mapping[str, tuple[float, ...]]
    std: Mapping[str, tuple[float, ...]]
    regions: Mapping[str, tuple[float, float]]
    alarm: float | None = None

    def __post_init__(self) -> None:
        """Check every number once."""
        if len(self.grid) != 2 or min(self.grid) < 1 or self.faces < 1:
            raise ValueError(
                f"grid is {self.grid} of {self.faces} faces; both sides and the faces must be at least 1"
            )
        cells = self.grid[0] * self.grid[1]
        for name in ("mean", "std"):
            lists = getattr(self, name)
            if set(lists) != set(MAPS) or any(len(lists[part]) != cells for part in MAPS):
                raise ValueError(f"{name} must hold {cells} numbers for each of {', '.join(MAPS)}")
        values = [v for lists in (self.mean, self.std, self.regions) for part in lists.values() for v in part]
        if not all(map(math.isfinite, [*values, self.alarm or 0.0])):
            raise ValueError("a number is not finite")
        if any(len(part) != 2 for part in self.regions.values()):
            raise ValueError("regions must hold a mean and a standard deviation each")
        spreads = [*(v for part in self.std.values() for v in part), *(v[1] for v in self.regions.values())]
        if min(spreads) < 0:
            raise ValueError("a standard deviation is below 0")

    @classmethod
    def from_fields(cls, value: object) -> Usual | None:
        """Read the field of a sidecar; raise ValueError, TypeError, KeyError or AttributeError where it is none."""
        if value is None:
            return None
        entry = entry_of(cls, value)
        height, width = entry["grid"]
        lists = {name: _numbers(entry[name]) for name in ("mean", "std")}
        regions = {name: (float(mean), float(std)) for name, (mean, std) in entry.get("regions", {}).items()}
        alarm = entry.get("alarm")
        return cls(
            (int(height), int(width)),
            int(entry["faces"]),
            str(entry["weights"]),
            lists["mean"],
            lists["std"],
            regions,
            None if alarm is None else float(alarm),
        )


def _numbers(lists: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    return {str(name): tuple(map(float, values)) for name, values in lists.items()}
