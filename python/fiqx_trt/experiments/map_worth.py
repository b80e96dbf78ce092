"""The worth of a model's maps on a few faces, what a sidecar keeps of it, and the line that pages say of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fiqx_trt.evaluate.bootstrap import Estimate
from fiqx_trt.experiments.deletion import DeletionOptions
from fiqx_trt.experiments.deletion_maps import possible_maps
from fiqx_trt.experiments.deletion_study import DeletionStudy, study_deletion
from fiqx_trt.experiments.deletion_worth import MapComparison, verdict
from fiqx_trt.models.map_worth import Interval, MapWorth, map_worth_of

if TYPE_CHECKING:
    from fiqx_trt.experiments.face_set import FaceSet
    from fiqx_trt.experiments.study import Progress
    from fiqx_trt.models.model import Model
    from fiqx_trt.models.spec import ModelSpec

__all__ = ["PLQ_MAPS", "judge_some", "map_settings", "measured_worth", "worth_line"]

#: The maps of pixel-level quality, by what they are measured by.
PLQ_MAPS = {"intensity": "plq", "contrast": "plq-contrast"}


#: The measure that is kept: the cosine to the untouched face, which every face has.
MEASURE = "similarity"
#: Steps between nothing and everything, and random orders: half as many as ``experiment deletion`` takes.
STEPS, RANDOMS = 8, 3


def judge_some(
    model: Model,
    faces: FaceSet,
    most: int,
    *,
    people: Sequence[str] | None = None,
    replicates: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> DeletionStudy:
    """Judge every map that a model has on some of the faces, as far from each other in their order as they can be.

    Parameters
    ----------
    model, faces
        A recognition model, and faces.
    most
        Faces that are judged at most.
    people
        The person on each of the faces.
    replicates, seed
        Of the bootstrap; the seed is that of the random orders, too.
    progress
        As in :func:`fiqx_trt.experiments.deletion_study.study_deletion`.
    """
    chosen = np.unique(np.linspace(0, len(faces) - 1, min(most, len(faces))).round().astype(int)).tolist()
    return study_deletion(
        model,
        faces.subset(chosen),
        maps=possible_maps(model),
        people=None if people is None else [people[i] for i in chosen],
        options=DeletionOptions(steps=STEPS, randoms=RANDOMS, replicates=replicates, seed=seed),
        progress=progress,
    )


def map_settings(name: str, weights: str) -> dict[str, str]:
    """Return what else a kind of map depends on: pixel-level quality on the weighting of its node."""
    return {"weights": weights} if name in PLQ_MAPS.values() else {}


def measured_worth(study: DeletionStudy, *, on: str = "") -> dict[str, MapWorth]:
    """Return what a sidecar keeps of every kind of map; without those whose bands are not known.

    Parameters
    ----------
    study
        The result.
    on
        In words: on which faces it was measured.
    """
    weights = str(study.setup.parameters["weights"])
    by_map: dict[str, list[MapComparison]] = {}
    for one in study.comparisons:
        if one.measure == MEASURE:
            by_map.setdefault(one.name, []).append(one)
    worth = {
        name: MapWorth(
            _interval(some[0].gain),
            {one.baseline: _interval(one.difference) for one in some},
            len(study.curves.unit),
            study.curves.people,
            map_settings(name, weights),
            on,
        )
        for name, some in by_map.items()
    }
    return {name: one for name, one in worth.items() if one.finite}


def worth_line(spec: ModelSpec, name: str, settings: Mapping[str, object]) -> str:
    """Return one line on the measured worth of a kind of map on a model, or that it was not measured.

    Parameters
    ----------
    spec
        The model's contract.
    name
        Of :data:`fiqx_trt.experiments.deletion_maps.MAPS`.
    settings
        What else the map depends on (:func:`map_settings`).
    """
    known = map_worth_of(spec, name, settings)
    if known is None:
        other = " with these settings" if name in spec.map_worth else ""
        return (
            f"What these maps are worth on {spec.name} has not been measured{other} "
            f"(fiqx-trt assess FACES --maps --model {spec.name})."
        )
    none = Estimate(math.nan)
    worth = verdict(
        [
            MapComparison(name, baseline, MEASURE, Estimate(*known.gain), none, Estimate(*difference))
            for baseline, difference in known.against.items()
        ]
    )
    people = f" of {known.people} people" if known.people else ""
    return f"What these maps are worth on {spec.name}: {worth} (cells removed and shown, {known.faces} faces{people})."


def _interval(band: Estimate) -> Interval:
    return round(band.value, 6), round(band.low, 6), round(band.high, 6)
