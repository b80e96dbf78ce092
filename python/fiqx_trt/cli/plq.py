"""``plq``: which pixels make a face useful to a recogniser, for every face."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fiqx_trt.cli import options as o
from fiqx_trt.cli.console import open_progress, say
from fiqx_trt.cli.score import count_inputs, exit_status, run_metadata, stop_on_interrupt
from fiqx_trt.errors import InvalidInputError, OutputError

if TYPE_CHECKING:
    from fiqx_trt.explain.plq import PlqExplainer
    from fiqx_trt.models import Model
    from fiqx_trt.report.plq_folder import MapShards, PictureWriter
    from fiqx_trt.rows import TableWriter

__all__ = ["Gamma", "PresetName", "WeightsName", "open_outputs", "plq", "preset_fields"]

WeightsName = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="NAME",
        help="Weighting of the quality node: l1, sum, signed, exact. (Default: l1, or the preset's.)",
        show_default=False,
    ),
]
Gamma = Annotated[
    float | None,
    typer.Option(
        metavar="G", help="Scale of the pixel quality; default: the model's.", rich_help_panel=o.MODEL_PANEL
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
    inputs: o.Inputs,
    out: o.OutDirectory,
    weights: WeightsName = None,
    clip: Annotated[
        float | None,
        typer.Option(
            metavar="NORM", help="Largest norm of a gradient; longer ones are shortened and marked."
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="Quality method behind the maps.")] = "serfiq",
    estimator: Annotated[
        str, typer.Option(help="SER-FIQ: sampled, or closed-form (no sampling).")
    ] = "sampled",
    passes: Annotated[int, typer.Option(help="SER-FIQ: number of dropout passes.")] = 100,
    seed: Annotated[int, typer.Option(help="SER-FIQ: seed of the dropout masks.")] = 0,
    maps: Annotated[bool, typer.Option("--maps/--no-maps", help="Write the float maps (.npz).")] = True,
    pictures: Annotated[
        str,
        typer.Option(metavar="KIND", help="Pictures of face, map and overlay: jpg, png, none."),
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
    alpha: o.Alpha = None,
    r: o.Middle = None,
    gamma: Gamma = None,
    preset: PresetName = None,
    backend: o.Backend = "auto",
    device: o.Device = "auto",
    batch: o.Batch = 32,
    threads: o.Threads = None,
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Explain every face: float maps, a picture each, and a table with one row per input that says which regions lie low.

    Gradients run in float32. Exit status: 0 every row ok, 3 finished but some rows failed, 2 wrong usage, 1 could not run,
    130 interrupted.
    """
    from fiqx_trt.explain.plq import PlqExplainer
    from fiqx_trt.faces.sources import iter_sources
    from fiqx_trt.quality import MethodOptions, create_method
    from fiqx_trt.report.plq_rows import PlqRows
    from fiqx_trt.rows import open_table, score_columns
    from fiqx_trt.scoring import score_table

    quality = create_method(method, MethodOptions(passes=passes, seed=seed, estimator=estimator))
    runtime = o.RuntimeOptions(backend, "auto", device, threads)
    faces = o.FaceOptions(aligned, detector, select)
    contract = o.model_fields(mean=mean, std=std, color=color, template=template)
    fields, weighting = preset_fields(preset, weights, alpha=alpha, r=r, gamma=gamma)
    sources = iter_sources(inputs, null_separated=null, column=column)
    _check_pictures(pictures)
    with o.open_model(model, runtime, {**contract, **fields}) as opened, ExitStack() as stack:
        explainer = PlqExplainer(opened, cast(Any, weighting), clip=clip, method=quality)
        shards, drawings = open_outputs(out, "plq.csv", maps=maps, pictures=pictures, overwrite=overwrite)
        if drawings is not None:
            stack.enter_context(drawings)
        maker = PlqRows(explainer, shards, drawings)
        table = open_table(
            out / "plq.csv",
            score_columns(maker.columns, detection=not aligned),
            meta=run_metadata(opened, {**faces.parameters, **maker.parameters}),
            mode="overwrite",
        )
        total = None if quiet else count_inputs(inputs, column)
        preparer = faces.preparer(opened.spec, runtime)
        with open_progress(total, quiet=quiet) as report, stop_on_interrupt() as stop:
            score_table(
                sources, preparer, maker, table, batch=batch, threads=threads or 2, report=report, stop=stop
            )
        if shards is not None:
            shards.flush()
    if not quiet:
        _summarise(table, opened, explainer)
    raise typer.Exit(exit_status(table))


def preset_fields(
    preset: str | None,
    weights: str | None,
    *,
    alpha: float | None,
    r: float | None,
    gamma: float | None,
) -> tuple[dict[str, float], str]:
    """Return α, r and γ that were given or are the preset's, and the weighting.

    Raises
    ------
    InvalidInputError
        The preset is unknown, or its γ belongs to another weighting.
    """
    from fiqx_trt.models.calibration import PRESETS

    given = {"alpha": alpha, "r": r, "gamma": gamma}
    fields = {name: value for name, value in given.items() if value is not None}
    if preset is None:
        return fields, weights or "l1"
    if preset not in PRESETS:
        raise InvalidInputError(f"no preset is called {preset!r}; there are {', '.join(PRESETS)}")
    numbers = PRESETS[preset]
    if weights not in (None, numbers.weights) and gamma is None:
        raise InvalidInputError(
            f"γ of the preset {preset} belongs to the weighting {numbers.weights!r}; give --gamma with --weights {weights}"
        )
    standard = {"alpha": numbers.alpha, "r": numbers.r, "gamma": numbers.gamma}
    return {**standard, **fields}, weights or numbers.weights


def _check_pictures(kind: str) -> None:
    from fiqx_trt.report.plq_folder import PICTURES

    if kind not in PICTURES:
        raise InvalidInputError(f"--pictures is {kind!r}; choose one of {', '.join(PICTURES)}")
    if kind != "none":
        import fiqx_trt.report.plq_picture  # noqa: F401 -- says what is missing before anything runs


def open_outputs(
    out: Path, table: str, *, maps: bool, pictures: str, overwrite: bool
) -> tuple[MapShards | None, PictureWriter | None]:
    """Return what takes the float maps and the pictures of a folder whose table is `table`.

    Raises
    ------
    OutputError
        The folder holds earlier maps, or cannot be written.
    """
    from fiqx_trt.report.plq_folder import MapShards, PictureWriter

    if (out / table).exists() and not overwrite:
        raise OutputError(f"{out} holds earlier maps; give --overwrite, or another --out")
    shards = MapShards(out / "maps") if maps else None
    return shards, None if pictures == "none" else PictureWriter(out / "pictures", pictures)


def _summarise(table: TableWriter, model: Model, explainer: PlqExplainer) -> None:
    meta = table.meta
    counts = ", ".join(f"{count} {status}" for status, count in meta.counts.items()) or "no rows"
    rate = f", {meta.inputs / meta.duration_s:.1f} inputs/s" if meta.duration_s > 0 else ""
    say(f"{table.path}: {counts}; {meta.duration_s:.1f} s{rate}")
    say(
        f"{model.spec.name} on {model.backend}, {model.device}, gradients in fp32; weighting {explainer.weights}, "
        f"γ = {explainer.gamma:g}"
    )
    if not table.finished:
        say("interrupted; run the command again with --overwrite")
