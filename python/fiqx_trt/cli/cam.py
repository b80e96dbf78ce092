"""``cam``: where a recogniser looks, for every face."""

from __future__ import annotations

from functools import partial

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.table_run import TableRun

__all__ = ["cam"]


def cam(
    *,
    out: o.OutDirectory,
    cam: g.CamGroup,
    files: g.FileGroup,
    model: g.ModelGroup,
    faces: g.FaceGroup,
    pictures: g.InputGroup,
    runtime: g.RuntimeGroup,
    batch: o.Batch = 8,
    output: g.OutputGroup,
) -> None:
    """Draw the Score-CAM map of every face: float maps, a picture each, a table, and report.html.

    Exit status: 0 every row ok, 3 finished but some rows failed, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.explain.recipe import recipe
    from fiqx_trt.report.cam_report import cam_report
    from fiqx_trt.runs.cam_rows import CamRows
    from fiqx_trt.runs.face_files import FaceFiles

    chosen = recipe(  # says what is wrong before anything runs
        cam.preset, target=cam.target, weights=cam.weights, align_corners=cam.align_corners
    )
    run = TableRun(pictures, faces, runtime, output, batch)
    with (
        FaceFiles(out, maps=files.maps, pictures=files.pictures) as written,
        model.open(runtime) as opened,
    ):
        page = partial(cam_report, recipe=chosen)
        run.into(out / "cam.csv", CamRows(opened, cam, written), opened, files=written, page=page)
