"""The report of ``cam``: the figure of differences, then the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fiqx_trt.figures.map_differences import (
    DifferentFace,
    MeanMap,
    map_differences_figure,
    mean_map,
    stored_map,
)
from fiqx_trt.report.cam import cam_page, cam_summary
from fiqx_trt.report.html import Page
from fiqx_trt.rows import Row, read_table
from fiqx_trt.text import visible

if TYPE_CHECKING:
    from fiqx_trt.explain.recipe import Recipe
    from fiqx_trt.report.explained import ExplainedTable
    from fiqx_trt.report.explained_summary import ExplainedSummary

__all__ = ["cam_report"]

#: Faces of either end in the figure.
SHOWN = 3
#: Letters of a file name below a map.
LETTERS = 14


def cam_report(done: ExplainedTable, *, recipe: Recipe) -> Page:
    """Draw ``differences.png`` where maps were kept, and return the page of a complete table of activation maps.

    The mean map belongs to the whole run, so that it stands in the report alone: a face's own picture is written before the
    later faces are known, and a run that goes on after an interruption writes the same files.

    Parameters
    ----------
    done
        The table.
    recipe
        The definition the maps follow.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    found = cam_summary(done)
    stem = done.folder / "differences"
    mean = mean_map(read_table(done.path), done.folder, found.faces)
    faces = [] if mean is None else _faces(done.folder, _both_ends(found), mean)
    if mean is None or not faces:
        for suffix in (".png", ".npz"):
            stem.with_suffix(suffix).unlink(missing_ok=True)
        return cam_page(done, found, recipe=recipe)
    figure = map_differences_figure(mean, faces)
    figure.save(stem)
    return cam_page(done, found, recipe=recipe, differences=figure, averaged=mean.count)


def _both_ends(found: ExplainedSummary) -> list[Row]:
    """Return some of the lowest, then some of the highest, none twice; the first faces where they are few or alike."""
    ranked = found.spreads[found.rank]
    if ranked.count <= 2 * SHOWN or ranked.at(0.0) == ranked.at(1.0):
        return found.lowest[: 2 * SHOWN]
    return [*found.lowest[:SHOWN], *found.highest[:SHOWN][::-1]]


def _faces(folder: Path, rows: Sequence[Row], mean: MeanMap) -> list[DifferentFace]:
    from fiqx_trt.runs.face_picture import face_of, read_panels

    faces = []
    for row in rows:
        values = stored_map(folder, row)
        if values is None or values.shape != mean.values.shape:
            continue
        panels = read_panels(folder / "pictures" / str(row["picture"])) if row.get("picture") else None
        faces.append(DifferentFace(values, _title(row), None if panels is None else face_of(panels)))
    return faces


def _title(row: Row) -> str:
    name = visible(str(row["path"]).replace("\\", "/").rsplit("/", 1)[-1])
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
