"""The study of deletion and insertion: what maps are worth beside plain baselines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fiqx_trt.experiments.cell_removal import cell_means
from fiqx_trt.experiments.deletion import Deletion, DeletionOptions, delete_and_insert
from fiqx_trt.experiments.deletion_maps import centre_prior, default_maps, map_cells, model_probe
from fiqx_trt.experiments.deletion_worth import Area, MapComparison, areas, comparisons, verdict
from fiqx_trt.experiments.study import Progress, Rows, StudySetup

if TYPE_CHECKING:
    from fiqx_trt.experiments.face_set import FaceSet
    from fiqx_trt.models.model import Model

__all__ = ["DeletionStudy", "study_deletion"]

#: The measures of which maps are judged.
JUDGED = ("similarity", "genuine")


@dataclass(frozen=True)
class DeletionStudy:
    """The result of a study of deletion and insertion.

    Parameters
    ----------
    setup
        What ran on which faces.
    curves
        The curves of every face, order and fill.
    areas
        Mean areas under them, with bands.
    comparisons
        Every map beside its baselines, in every measure of :attr:`measures`.
    """

    setup: StudySetup
    curves: Deletion
    areas: Sequence[Area]
    comparisons: Sequence[MapComparison]

    @property
    def measures(self) -> list[str]:
        """The measures in which maps are compared with baselines."""
        return _measures(self.curves)

    @property
    def verdicts(self) -> list[str]:
        """A line on each map and measure."""
        return [
            verdict([one for one in self.comparisons if (one.name, one.measure) == (name, measure)])
            for measure in self.measures
            for name in self.curves.maps
        ]

    def summary(self) -> dict[str, Any]:
        """Return every number of the study, as JSON values."""
        return {
            **self.setup.summary(),
            "people": self.curves.people,
            "worth": self.verdicts,
            "areas": [asdict(area) for area in self.areas],
            "comparisons": [asdict(comparison) for comparison in self.comparisons],
        }

    def tables(self) -> dict[str, Rows]:
        """Return the rows behind the summary, by the name of their file."""
        return {"deletion.csv": list(self._rows())}

    def _rows(self) -> Iterator[dict[str, Any]]:
        faces, curves = self.setup.faces, self.curves
        values = {measure: curves.areas(measure) for measure in curves.curves}
        for i in range(len(faces)):
            for m, order in enumerate(curves.orders):
                for f, fill in enumerate(curves.fills):
                    measured = {
                        f"{kind}_{measure}": float(areas_of[i, m, f, k])
                        for measure, areas_of in values.items()
                        for k, kind in enumerate(("deletion", "insertion"))
                    }
                    yield {**faces.row(i), "order": order, "fill": fill, **measured}


def study_deletion(
    model: Model,
    faces: FaceSet,
    *,
    maps: Sequence[str] | None = None,
    weights: str = "l1",
    people: Sequence[str] | None = None,
    options: DeletionOptions | None = None,
    progress: Progress | None = None,
) -> DeletionStudy:
    """Judge maps by deletion and insertion.

    Parameters
    ----------
    model, faces
        The recogniser and the faces.
    maps
        Of :data:`fiqx_trt.experiments.deletion_maps.MAPS`; ``None``: :func:`fiqx_trt.experiments.deletion_maps.default_maps`.
    weights
        Weighting of pixel-level quality.
    people
        The person on each face, where they are known.
    options
        How cells are removed.
    progress
        Called with the number of steps done and of all: the maps of every face, then its curves.

    Raises
    ------
    InvalidInputError
        The numbers do not fit the faces.
    NotCalibratedError
        There is no Q̂ or no γ for a map of pixel-level quality.
    """
    options = options or DeletionOptions()
    names, count = maps or default_maps(model), len(faces)
    total, report = count * (len(names) + 1), progress or (lambda done, total: None)
    cells = map_cells(
        model,
        faces.images,
        names,
        cells=options.cells,
        weights=weights,
        progress=lambda done, _: report(done, total),
    )
    prior = cell_means(centre_prior(model.spec.template, model.spec.input_size), options.cells)
    curves = delete_and_insert(
        model_probe(model),
        faces.images,
        cells,
        prior,
        people=people,
        options=options,
        progress=lambda done, _: report(total - count + done, total),
    )
    gammas = {"gamma": model.spec.gamma, "gamma_contrast": model.spec.gamma_contrast}
    parameters = {"weights": weights, **gammas, **asdict(options), "fills": curves.fills}
    compared = [one for name in _measures(curves) for one in comparisons(curves, name)]
    return DeletionStudy(StudySetup.of(model, faces, parameters), curves, areas(curves), compared)


def _measures(curves: Deletion) -> list[str]:
    """Return the measures that any face has: a person with one picture has no other picture to be compared with."""
    return [name for name in JUDGED if name in curves.curves and np.isfinite(curves.curves[name]).any()]
