"""``score``: the quality of every face."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.table_run import run_on_terminal

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
    *,
    out: OutTable,
    method: Methods = None,
    model: g.ModelGroup,
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
    faces: g.FaceGroup,
    pictures: g.InputGroup,
    runtime: g.RuntimeGroup,
    batch: o.Batch = 32,
    output: g.OutputGroup,
) -> None:
    """Write the quality of every face: one row per input, always, in input order.

    Exit status: 0 every row ok, 3 finished but some rows failed, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.quality import MethodOptions
    from fiqx_trt.runs.settings import ScoreSettings

    brisque = (brisque_model, brisque_ranges, brisque_halving)
    settings = ScoreSettings(
        model=model.model,
        faces=faces,
        runtime=runtime,
        contract=model.contract,
        methods=method or ["serfiq"],
        options=MethodOptions(passes, dropout, seed, estimator, distance, *brisque),
    )
    _, status = run_on_terminal(settings, pictures, out, output, batch=batch)
    raise typer.Exit(status)
