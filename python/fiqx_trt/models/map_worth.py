"""The measured deletion gain of a recogniser's maps, beside simple baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fiqx_trt.models.contract import entry_of, measured_with

if TYPE_CHECKING:
    from fiqx_trt.models.spec import ModelSpec

__all__ = ["Interval", "MapWorth", "map_worth_of"]

#: A mean, and the bounds of its 95 % band.
Interval = tuple[float, float, float]


@dataclass(frozen=True)
class MapWorth:
    """One kind of map's entry in a model's sidecar, written by ``fiqx-trt assess --maps``.

    Parameters
    ----------
    gain
        Area under the insertion curve minus that under the deletion curve, the mean over fills and faces: 0 is chance.
    against
        Baseline → gain of the map minus gain of the baseline, on the same faces.
    faces, people
        Number of faces, and of people where identities were known (0 otherwise).
    settings
        The settings of the map, such as the weighting of pixel quality.
    on
        Description of the faces.
    """

    gain: Interval
    against: Mapping[str, Interval]
    faces: int
    people: int
    settings: Mapping[str, Any]
    on: str = ""

    @property
    def finite(self) -> bool:
        """Whether every number is known."""
        return all(math.isfinite(number) for part in (self.gain, *self.against.values()) for number in part)

    @classmethod
    def from_fields(cls, fields: object) -> MapWorth:
        """Read an entry of a sidecar; raise ValueError, TypeError, KeyError or AttributeError where it is none."""
        entry = entry_of(cls, fields)
        return cls(
            _interval(entry["gain"]),
            {str(name): _interval(numbers) for name, numbers in entry["against"].items()},
            int(entry["faces"]),
            int(entry["people"]),
            dict(entry["settings"]),
            str(entry.get("on", "")),
        )


def _interval(numbers: Any) -> Interval:
    value, low, high = map(float, numbers)
    if not all(map(math.isfinite, (value, low, high))):
        raise ValueError(f"{[value, low, high]} must be three finite numbers")
    return value, low, high


def map_worth_of(spec: ModelSpec, name: str, settings: Mapping[str, object]) -> MapWorth | None:
    """Return the measurement of a kind of map with these settings on a model; ``None`` where there is none."""
    worth: MapWorth | None = measured_with(spec.map_worth, name, settings)
    return worth
