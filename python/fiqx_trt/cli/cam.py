"""``cam``: where a recogniser looks, for every face."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from fiqx_trt.cli import options as o
from fiqx_trt.cli.table_run import TableRun, choose_mode

__all__ = ["AlignCorners", "Layer", "Preset", "Target", "Weights", "cam"]

Target = Annotated[
    str | None,
    typer.Option(help="What a masked face is scored by: self, argmax, norm, logit.  [default: self]"),
]
Weights = Annotated[
    str | None,
    typer.Option(help="Weights of the channels: score, softmax, increase, uniform.  [default: score]"),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Another program's definition: scorecam-author, pytorch-grad-cam, torchcam, fu-damer.",
    ),
]
AlignCorners = Annotated[
    bool | None,
    typer.Option("--align-corners/--half-pixel", help="Upsampling of the masks.", show_default=False),
]
Layer = Annotated[
    str | None, typer.Option(metavar="NAME", help="Tensor to explain; default: the model's features.")
]


def cam(
    inputs: o.Inputs,
    out: o.OutDirectory,
    target: Target = None,
    weights: Weights = None,
    preset: Preset = None,
    align_corners: AlignCorners = None,
    layer: Layer = None,
    maps: Annotated[bool, typer.Option("--maps/--no-maps", help="Write the float maps (.npz).")] = True,
    pictures: Annotated[
        str, typer.Option(metavar="KIND", help="Pictures of face, map and overlay: jpg, png, none.")
    ] = "jpg",
    model: o.ModelName = o.DEFAULT_MODEL,
    aligned: o.Aligned = False,
    detector: o.DetectorName = None,
    select: o.Select = "largest",
    min_face: o.MinFace = None,
    confidence: o.Confidence = None,
    null: o.NullSeparated = False,
    column: o.Column = None,
    mean: o.Mean = None,
    std: o.Std = None,
    color: o.Color = None,
    template: o.Template = None,
    input_size: o.InputSize = None,
    tap: o.Tap = None,
    backend: o.Backend = "auto",
    precision: o.Precision = "auto",
    device: o.Device = "auto",
    batch: o.Batch = 8,
    threads: o.Threads = None,
    resume: o.Resume = False,
    overwrite: o.Overwrite = False,
    retry_failed: o.RetryFailed = False,
    quiet: o.Quiet = False,
) -> None:
    """Draw the Score-CAM map of every face: float maps, a picture each, a table, and report.html.

    Exit status: 0 every row ok, 3 finished but some rows failed, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.explain.recipe import recipe
    from fiqx_trt.report.cam_report import cam_report
    from fiqx_trt.runs.cam_rows import CamOptions, CamRows
    from fiqx_trt.runs.face_files import FaceFiles

    mode = choose_mode(resume=resume, overwrite=overwrite, retry=retry_failed)
    options = CamOptions(target, weights, preset, align_corners, layer)
    chosen = recipe(
        preset, target=target, weights=weights, align_corners=align_corners
    )  # says what is wrong before anything runs
    runtime = o.RuntimeOptions(backend, precision, device, threads)
    faces = o.FaceOptions(aligned, detector, select, min_face, confidence)
    fields = o.model_fields(
        mean=mean, std=std, color=color, template=template, input_size=input_size, tap=tap
    )
    run = TableRun(inputs, faces, runtime, mode, null, column, batch, quiet)
    with (
        FaceFiles(out, maps=maps, pictures=pictures) as files,
        o.open_model(model, runtime, fields) as opened,
    ):
        page = partial(cam_report, recipe=chosen)
        run.into(out / "cam.csv", CamRows(opened, options, files), opened, files=files, page=page)
