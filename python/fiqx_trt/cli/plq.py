"""``plq``: which pixels make a face useful to a recogniser, for every face."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.table_run import refuse_other_report, run_on_terminal, write_report

__all__ = ["plq"]

WeightsName = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="NAME",
        help="Weighting of the quality node: l1, sum, signed, exact. (Default: l1, or the preset's.)",
        show_default=False,
    ),
]
PerName = Annotated[
    str | None,
    typer.Option(
        "--per",
        metavar="NAME",
        help="What P is measured by: contrast or intensity (the paper's). (Default: contrast; intensity with --gamma, --preset.)",
        show_default=False,
    ),
]
PresetName = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="The paper's α, r, γ and weighting: arcface or facenet.",
        rich_help_panel=o.MODEL_PANEL,
    ),
]


def plq(
    *,
    out: o.OutFolder,
    weights: WeightsName = None,
    per: PerName = None,
    clip: Annotated[
        float | None,
        typer.Option(
            metavar="NORM", help="Largest norm of a gradient; longer ones are shortened and marked."
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="Quality method behind the maps.")] = "serfiq",
    serfiq: g.SerFiqGroup,
    files: g.FileGroup,
    model: g.ModelGroup,
    gamma: o.Gamma = None,
    preset: PresetName = None,
    faces: g.FaceGroup,
    pictures: g.InputGroup,
    runtime: g.GradientRuntimeGroup,
    batch: o.Batch = 32,
    output: g.OutputGroup,
    engine: g.EngineGroup,
) -> None:
    """Explain every face: float maps, a picture each, a table that says which regions serve less than usual, and report.html.

    Gradients run in float32. Exit status: 0 every row ok, 3 finished but some rows failed, 2 wrong usage, 1 could not run,
    130 interrupted, 143 terminated.
    """
    from fiqx_trt.report.explained import ExplainedTable
    from fiqx_trt.report.plq import plq_page
    from fiqx_trt.runs.settings import PLQ_TABLE, PlqSettings
    from fiqx_trt.runs.thumbs import ThumbFile

    settings = PlqSettings(
        model=model.model,
        faces=faces,
        runtime=runtime,
        contract=model.contract,
        maps=files.maps,
        pictures=files.pictures,
        colors=files.colors,
        smooth=files.smooth,
        weights=weights,
        per=per,
        gamma=gamma,
        preset=preset,
        clip=clip,
        method=method,
        options=serfiq.options,
    )
    if engine.spreads(out):
        from fiqx_trt.cli.parts_run import run_in_parts

        folder = f"{out.rstrip('/')}/"
        raise typer.Exit(run_in_parts(settings, pictures, folder, output, engine, batch=batch))
    table = Path(out) / PLQ_TABLE
    refuse_other_report(table, output.mode)
    with ThumbFile(Path(out)) as kept:
        thumbs = None if files.pictures == "none" else kept
        done, status = run_on_terminal(settings, pictures, table, output, batch=batch, thumbs=thumbs)
        if done.complete:
            page = plq_page(ExplainedTable(done.table, done.meta, done.model), method=method, thumbs=thumbs)
            write_report(page, done, quiet=output.quiet)
    raise typer.Exit(status)
