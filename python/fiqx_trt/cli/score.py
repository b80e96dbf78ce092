"""``score``: the quality of every face."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fiqx_trt.cli import options as o
from fiqx_trt.cli.table_run import TableRun, choose_mode
from fiqx_trt.runs.options import ScoreSettings

__all__ = ["score"]

Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help="Quality method; may be repeated.  [default: serfiq]",
        show_default=False,
    ),
]
BrisqueFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="BRISQUE: another regression; give both files.", show_default=False),
]
OutTable = Annotated[
    Path,
    typer.Option(
        "--out", "-o", metavar="FILE", help="Table to write: .csv, .jsonl or .parquet.", show_default=False
    ),
]


def score(
    inputs: o.Inputs,
    out: OutTable,
    method: Methods = None,
    model: o.ModelName = o.DEFAULT_MODEL,
    estimator: o.Estimator = "closed-form",
    passes: o.Passes = None,
    dropout: Annotated[float, typer.Option(help="SER-FIQ: dropout probability.")] = 0.5,
    seed: o.MaskSeed = None,
    distance: Annotated[
        str, typer.Option(help="SER-FIQ: mean over the pairs, or the paper's factor 2/m².")
    ] = "pairs",
    brisque_model: BrisqueFile = None,
    brisque_ranges: BrisqueFile = None,
    brisque_halving: Annotated[
        str | None,
        typer.Option(
            help="BRISQUE: antialiased (as MATLAB; default with files of your own) or plain (as OpenCV; default "
            "otherwise).",
            show_default=False,
        ),
    ] = None,
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
    alpha: o.Alpha = None,
    r: o.Middle = None,
    backend: o.Backend = "auto",
    precision: o.Precision = "auto",
    device: o.Device = "auto",
    batch: o.Batch = 32,
    threads: o.Threads = None,
    resume: o.Resume = False,
    overwrite: o.Overwrite = False,
    retry_failed: o.RetryFailed = False,
    quiet: o.Quiet = False,
) -> None:
    """Write the quality of every face: one row per input, always, in input order.

    Exit status: 0 every row ok, 3 finished but some rows failed, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.quality import MethodOptions
    from fiqx_trt.runs import Scorer

    mode = choose_mode(resume=resume, overwrite=overwrite, retry=retry_failed)
    brisque = (brisque_model, brisque_ranges, brisque_halving)
    options = MethodOptions(passes, dropout, seed, estimator, distance, *brisque)
    runtime = o.RuntimeOptions(backend, precision, device, threads)
    faces = o.FaceOptions(aligned, detector, select, min_face, confidence)
    fields = o.model_fields(
        mean=mean, std=std, color=color, template=template, input_size=input_size, tap=tap, alpha=alpha, r=r
    )
    settings = ScoreSettings(model, method or ["serfiq"], faces, runtime, options, fields)
    methods = settings.create_methods()
    run = TableRun(inputs, faces, runtime, mode, null, column, batch, quiet)
    with settings.open_model() as opened:
        scorer = Scorer(opened, methods)
        run.into(out, scorer, opened, notes=scorer.notes())
