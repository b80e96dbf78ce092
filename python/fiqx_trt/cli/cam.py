"""``cam``: where a recogniser looks, for every face."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.table_run import refuse_other_report, run_on_terminal, write_report

__all__ = ["cam"]


def cam(
    *,
    out: o.OutFolder,
    cam: g.CamGroup,
    files: g.FileGroup,
    grid: Annotated[
        bool,
        typer.Option(
            "--grid", help="Keep the small grid of each map in the column grid, as a JSON list of rows."
        ),
    ] = False,
    model: g.ModelGroup,
    faces: g.FaceGroup,
    pictures: g.InputGroup,
    runtime: g.RuntimeGroup,
    batch: o.Batch = 8,
    output: g.OutputGroup,
    engine: g.EngineGroup,
) -> None:
    """Draw the Score-CAM map of every face: float maps, a picture each, a table, and report.html.

    Exit status: 0 every row ok, 3 finished but some rows failed, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.figures.canvas import Look
    from fiqx_trt.report.cam_folder import write_differences
    from fiqx_trt.report.explained import ExplainedTable
    from fiqx_trt.runs.settings import CAM_TABLE, CamSettings
    from fiqx_trt.runs.thumbs import ThumbFile

    settings = CamSettings(
        model=model.model,
        faces=faces,
        runtime=runtime,
        contract=model.contract,
        maps=files.maps,
        pictures=files.pictures,
        colors=files.colors,
        smooth=files.smooth,
        cam=cam,
        grid=grid,
    )
    if engine.spreads(out):
        from fiqx_trt.cli.parts_run import run_in_parts

        folder = f"{out.rstrip('/')}/"
        raise typer.Exit(run_in_parts(settings, pictures, folder, output, engine, batch=batch))
    table = Path(out) / CAM_TABLE
    refuse_other_report(table, output.mode)
    with ThumbFile(Path(out)) as kept:
        thumbs = None if files.pictures == "none" else kept
        done, status = run_on_terminal(settings, pictures, table, output, batch=batch, thumbs=thumbs)
        if done.complete:
            page = write_differences(
                ExplainedTable(done.table, done.meta, done.model),
                recipe=cam.recipe,
                look=Look.named(files.colors),
                thumbs=thumbs,
            )
            write_report(page, done, quiet=output.quiet)
    raise typer.Exit(status)
