"""``experiment deletion``: its table of areas, summary, figure and page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.experiments.cell_removal import cell_means
from fiqx_trt.experiments.deletion import Deletion, DeletionOptions, delete_and_insert
from fiqx_trt.experiments.deletion_maps import centre_prior, default_maps, map_cells, model_probe
from fiqx_trt.experiments.deletion_worth import Area, areas, comparisons, verdict
from fiqx_trt.figures.deletion import areas_figure
from fiqx_trt.report.deletion import deletion_page
from fiqx_trt.report.experiment import Investigation
from fiqx_trt.report.experiment_files import Progress, about, write_rows, write_summary
from fiqx_trt.report.parts import Asked, save_page

if TYPE_CHECKING:
    from fiqx_trt.experiments.face_set import FaceSet
    from fiqx_trt.models.model import Model

__all__ = ["DeletionRun", "run_deletion"]


@dataclass(frozen=True)
class DeletionRun:
    """What came out: the areas, and a line on each map and measure."""

    result: Deletion
    areas: list[Area]
    lines: list[str]


def run_deletion(
    model: Model,
    faces: FaceSet,
    out: Path,
    *,
    maps: Sequence[str] | None = None,
    weights: str = "l1",
    people: Sequence[str] | None = None,
    options: DeletionOptions | None = None,
    progress: Progress | None = None,
    asked: Asked | None = None,
) -> DeletionRun:
    """Judge maps by deletion and insertion; write ``deletion.csv``, ``summary.json``, figures and page.

    Parameters
    ----------
    model, faces
        The recogniser and the faces.
    out
        The folder.
    maps
        Of :data:`fiqx_trt.experiments.deletion_maps.MAPS`; ``None``: :func:`fiqx_trt.experiments.deletion_maps.default_maps`.
    weights
        Weighting of pixel-level quality.
    people
        The person on each face, where they are known.
    options
        How cells are removed.
    progress
        Called with what is done and what there is: the maps of every face, then its curves.
    asked
        The command.

    Raises
    ------
    InvalidInputError
        The numbers do not fit the faces.
    NotCalibratedError
        There is no Q̂ or no γ for a map of pixel-level quality.
    """
    options = options or DeletionOptions()
    names, count = maps or default_maps(model), len(faces)
    total, tell = count * (len(names) + 1), progress or (lambda done, total: None)
    cells = map_cells(
        model,
        faces.images,
        names,
        cells=options.cells,
        weights=weights,
        progress=lambda done, _: tell(done, total),
    )
    prior = cell_means(centre_prior(model.spec.template, model.spec.input_size), options.cells)
    result = delete_and_insert(
        model_probe(model),
        faces.images,
        cells,
        prior,
        people=people,
        options=options,
        progress=lambda done, _: tell(total - count + done, total),
    )
    return _write(model, faces, out, result, weights, asked or Asked())


def _write(
    model: Model, faces: FaceSet, out: Path, result: Deletion, weights: str, asked: Asked
) -> DeletionRun:
    found = areas(result)
    measures = [name for name in ("similarity", "genuine") if name in result.curves]
    compared = [one for measure in measures for one in comparisons(result, measure)]
    lines = [
        verdict([one for one in compared if (one.name, one.measure) == (name, measure)])
        for measure in measures
        for name in result.maps
    ]
    gammas = {"gamma": model.spec.gamma, "gamma_contrast": model.spec.gamma_contrast}
    parameters = {"weights": weights, **gammas, **asdict(result.options), "fills": result.fills}
    summary = {
        **about(model, faces, parameters),
        "people": result.people,
        "worth": lines,
        "areas": [asdict(one) for one in found],
        "comparisons": [asdict(one) for one in compared],
    }
    for measure in measures:
        areas_figure(result, found, measure).save(out / f"areas-{measure}")
    write_rows(out / "deletion.csv", list(_rows(faces, result)))
    run = Investigation(model, faces, summary, out, asked)
    own = [one for one in compared if one.measure == "similarity"]
    save_page(deletion_page(run, result, found, own), out)
    write_summary(out, summary)
    return DeletionRun(result, found, lines)


def _rows(faces: FaceSet, result: Deletion) -> Iterator[dict[str, Any]]:
    values = {measure: result.areas(measure) for measure in result.curves}
    for i in range(len(faces)):
        for m, order in enumerate(result.orders):
            for f, fill in enumerate(result.fills):
                measured = {
                    f"{kind}_{measure}": float(found[i, m, f, k])
                    for measure, found in values.items()
                    for k, kind in enumerate(("deletion", "insertion"))
                }
                yield {**faces.row(i), "order": order, "fill": fill, **measured}
