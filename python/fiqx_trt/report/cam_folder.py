"""The folder of a complete run of ``cam``: the figure of differences to the mean map, and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fiqx_trt.experiments.map_differences import compare_with_mean
from fiqx_trt.figures.map_differences import map_differences_figure
from fiqx_trt.report.cam import cam_page, cam_summary
from fiqx_trt.report.html import Page

if TYPE_CHECKING:
    from fiqx_trt.explain.recipe import Recipe
    from fiqx_trt.figures.canvas import Look
    from fiqx_trt.report.explained import ExplainedTable
    from fiqx_trt.runs.thumbs import ThumbFile

__all__ = ["write_differences"]

STEM = "differences"


def write_differences(
    table: ExplainedTable, *, recipe: Recipe, look: Look | None = None, thumbs: ThumbFile | None = None
) -> Page:
    """Write ``differences.png`` and ``differences.npz`` where maps were kept, and return the page of the table.

    Parameters
    ----------
    table
        The complete table.
    recipe
        The definition the maps follow.
    look
        Colours of the figure.
    thumbs
        The small pictures that the run kept.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    summary = cam_summary(table)
    compared = compare_with_mean(table.path, summary)
    if compared is None:
        for suffix in ("png", "npz"):
            (table.folder / f"{STEM}.{suffix}").unlink(missing_ok=True)
        return cam_page(table, summary, recipe=recipe, thumbs=thumbs)
    picture = map_differences_figure(compared, look=look)
    picture.save(table.folder / STEM)
    count = compared.mean.count
    return cam_page(table, summary, recipe=recipe, differences=picture, averaged=count, thumbs=thumbs)
