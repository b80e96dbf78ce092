"""The measured correlation of quality methods with comparison scores on a recogniser."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fiqx_trt.models.contract import entry_of, measured_with

if TYPE_CHECKING:
    from fiqx_trt.models.spec import ModelSpec

__all__ = ["WEAK", "Validity", "validity_line", "validity_of"]

#: Below this correlation a warning is given in place of a plain line.
WEAK = 0.5


@dataclass(frozen=True)
class Validity:
    """One method's entry in a model's sidecar, written by ``fiqx-trt assess``.

    Parameters
    ----------
    spearman, low, high
        Correlation of the method's quality (higher is better) with comparison scores of degraded faces, and its 95 % band.
    against
        ``"own"``: with the cosine of a degraded face to the untouched face; ``"genuine"``: with the mean cosine to the
        untouched other pictures of the same person.
    faces, people
        Number of faces, and of people where identities were known (0 otherwise).
    untouched
        The correlation of the quality of the *untouched* faces with their mean genuine cosine; ``None`` without identities.
    settings
        The method's :attr:`parameters`.
    on
        Description of the faces.
    """

    spearman: float
    low: float
    high: float
    against: str
    faces: int
    people: int
    untouched: float | None
    settings: Mapping[str, Any]
    on: str = ""

    @classmethod
    def from_fields(cls, fields: object) -> Validity:
        """Read an entry of a sidecar; raise ValueError, TypeError, KeyError or AttributeError where it is none."""
        entry = entry_of(cls, fields)
        if entry["against"] not in ("own", "genuine"):
            raise ValueError(f"against is {entry['against']!r}; it must be own or genuine")
        untouched = entry.get("untouched")
        spearman, low, high = (float(entry[name]) for name in ("spearman", "low", "high"))
        if not math.isfinite(spearman):
            raise ValueError(f"spearman is {spearman}; it must be a finite number")
        return cls(
            spearman,
            low,
            high,
            str(entry["against"]),
            int(entry["faces"]),
            int(entry["people"]),
            None if untouched is None else float(untouched),
            dict(entry["settings"]),
            str(entry.get("on", "")),
        )


def validity_of(spec: ModelSpec, method: str, settings: Mapping[str, object]) -> Validity | None:
    """Return the measurement of a method with these settings on a model; ``None`` where there is none."""
    validity: Validity | None = measured_with(spec.validity, method, settings)
    return validity


def validity_line(spec: ModelSpec, method: str, settings: Mapping[str, object]) -> str:
    """Return one line on how far the numbers of a method with these settings can be trusted on a model."""
    known = validity_of(spec, method, settings)
    if known is None:
        other = "with these settings " if method in spec.validity else ""
        return (
            f"how well {method} predicts comparison scores on {spec.name} has not been measured {other}"
            f"(fiqx-trt assess FACES --model {spec.name})"
        )
    people = f" of {known.people} people" if known.people else ""
    band = f"{known.spearman:.2f} [{known.low:.2f}, {known.high:.2f}]"
    measured = f"Spearman {band}, degraded copies of {known.faces} faces{people}"
    if known.spearman < WEAK:
        return (
            f"WARNING: {method} predicts little of the loss of similarity on {spec.name} ({measured}); compare methods and "
            "recognisers with fiqx-trt assess"
        )
    return f"{method} predicts the loss of similarity on {spec.name} ({measured})"
