"""``cam``: where a recogniser looks, for every face."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from fiqx_trt.cli import options as o
from fiqx_trt.cli.console import open_progress
from fiqx_trt.cli.plq import open_outputs
from fiqx_trt.cli.score import count_inputs, exit_status, run_metadata, stop_on_interrupt, summarise

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
    model: o.ModelName = "dlib-resnet",
    aligned: o.Aligned = False,
    detector: o.DetectorName = None,
    select: o.Select = "largest",
    null: o.NullSeparated = False,
    column: o.Column = None,
    mean: o.Mean = None,
    std: o.Std = None,
    color: o.Color = None,
    template: o.Template = None,
    backend: o.Backend = "auto",
    precision: o.Precision = "auto",
    device: o.Device = "auto",
    batch: o.Batch = 8,
    threads: o.Threads = None,
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Draw the Score-CAM map of every face: float maps, a picture each, and a table with one row per input.

    Exit status: 0 every row ok, 3 finished but some rows failed, 2 wrong usage, 1 could not run, 130 interrupted.
    """
    from fiqx_trt.explain.recipe import recipe
    from fiqx_trt.faces.sources import iter_sources
    from fiqx_trt.report.cam_rows import CamOptions, CamRows
    from fiqx_trt.rows import open_table, score_columns
    from fiqx_trt.scoring import score_table

    options = CamOptions(target, weights, preset, align_corners, layer)
    recipe(
        preset, target=target, weights=weights, align_corners=align_corners
    )  # says what is wrong before anything runs
    runtime = o.RuntimeOptions(backend, precision, device, threads)
    faces = o.FaceOptions(aligned, detector, select)
    fields = o.model_fields(mean=mean, std=std, color=color, template=template)
    sources = iter_sources(inputs, null_separated=null, column=column)
    with o.open_model(model, runtime, fields) as opened, ExitStack() as stack:
        shards, drawings = open_outputs(out, "cam.csv", maps=maps, pictures=pictures, overwrite=overwrite)
        if drawings is not None:
            stack.enter_context(drawings)
        maker = CamRows(opened, options, shards, drawings)
        preparer = faces.preparer(opened.spec, runtime)
        total = None if quiet else count_inputs(inputs, column)
        table = open_table(
            out / "cam.csv",
            score_columns(maker.columns, detection=not aligned),
            meta=run_metadata(opened, {**faces.parameters, **options.parameters}),
            mode="overwrite",
        )
        with open_progress(total, quiet=quiet) as report, stop_on_interrupt() as stop:
            score_table(
                sources, preparer, maker, table, batch=batch, threads=threads or 2, report=report, stop=stop
            )
        if shards is not None:
            shards.flush()
    if not quiet:
        summarise(table, opened, again="run the command again with --overwrite")
    raise typer.Exit(exit_status(table))
