"""What is known of how much the maps of a recogniser tell, beside plain baselines."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
        What else the map depends on, such as the weighting of pixel quality.
    on
        In words: on which faces it was measured.
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
        """Read an entry of a sidecar.

        Raises
        ------
        ValueError, TypeError, KeyError, AttributeError
            It is no such entry.
        """
        given: dict[str, Any] = dict(fields)  # type: ignore[call-overload]
        unknown = set(given) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown fields {', '.join(sorted(map(str, unknown)))}")
        return cls(
            _interval(given["gain"]),
            {str(name): _interval(numbers) for name, numbers in given["against"].items()},
            int(given["faces"]),
            int(given["people"]),
            dict(given["settings"]),
            str(given.get("on", "")),
        )


def _interval(numbers: Any) -> Interval:
    value, low, high = map(float, numbers)
    if not all(map(math.isfinite, (value, low, high))):
        raise ValueError(f"{[value, low, high]} must be three finite numbers")
    return value, low, high


def map_worth_of(spec: ModelSpec, name: str, settings: Mapping[str, object]) -> MapWorth | None:
    """Return what is known of a kind of map with these settings on a model; ``None`` where nothing is."""
    known = spec.map_worth.get(name)
    if known is None or dict(known.settings) != json.loads(json.dumps(dict(settings))):
        return None
    return known
