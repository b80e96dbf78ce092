"""``score``: the quality of every face."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.command_line import command_line
from fiqx_trt.cli.console import say
from fiqx_trt.cli.table_run import refuse_report, run_on_terminal
from fiqx_trt.errors import InvalidInputError

if TYPE_CHECKING:
    from fiqx_trt.quality import MethodOptions
    from fiqx_trt.rows import Column, RunMeta
    from fiqx_trt.rows.stream import StreamTable
    from fiqx_trt.runs.method_summary import MethodSummary
    from fiqx_trt.runs.run_result import RunResult
    from fiqx_trt.runs.settings import ScoreSettings

__all__ = ["score"]

Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help="Quality method: {methods}, or onnx:FILE; may be repeated. Default: serfiq.",
        show_default=False,
    ),
]
Label = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="NAME",
        help="Keep what shards hold beside a picture as a column: cls, json, txt …; label: that of a .rec file; another column "
        "of a table of pictures. May be repeated.",
        show_default=False,
        rich_help_panel=o.PARTS_PANEL,
    ),
]
LeastQuality = Annotated[
    str | None,
    typer.Option(
        "--threshold",
        metavar="Q|P%",
        help="Add the column accept: 1 where the first method's quality is at least Q (0 to 1), or better than P % of the "
        "calibration faces.",
        show_default=False,
    ),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="COLUMN",
        help="Groups of the page: folder, a column of the table, or a table path,identity.",
        show_default=False,
        rich_help_panel=o.OUTPUT_PANEL,
    ),
]
PageFolder = Annotated[
    Path | None,
    typer.Option(
        "--page",
        metavar="DIR",
        help="Folder for a page of all faces (report.html), the worst first, to search, sort and send.",
        show_default=False,
        rich_help_panel=o.OUTPUT_PANEL,
    ),
]
OutTable = Annotated[
    str,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Table to write: .csv, .jsonl or .parquet; - for rows on standard output (CSV; -.jsonl: JSON Lines); or a folder of "
        "parts, with / at its end, also s3:// and the like.",
        show_default=False,
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
        str,
        typer.Option(
            help="SER-FIQ sampled: pairs (mean over the pairs), or paper (the paper's factor 2/m²)."
        ),
    ] = "pairs",
    option: o.MethodOption = None,
    threshold: LeastQuality = None,
    faces: g.FaceGroup,
    pictures: g.InputGroup,
    runtime: g.RuntimeGroup,
    batch: o.Batch = 32,
    output: g.OutputGroup,
    page: PageFolder = None,
    group_by: GroupBy = None,
    engine: g.EngineGroup,
    label: Label = None,
) -> None:
    """Write the quality of every face: one row per input, always, in input order.

    Exit status: 0 every row ok, 3 finished but some rows failed, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.quality import MethodOptions
    from fiqx_trt.rows.stream import stream_format
    from fiqx_trt.runs.settings import ScoreSettings

    settings = ScoreSettings(
        model=model.model,
        faces=faces,
        runtime=runtime,
        contract=model.contract,
        methods=method or ["serfiq"],
        options=_joined(MethodOptions(passes, dropout, seed, estimator, distance), option or ()),
        threshold=threshold,
    )
    if group_by is not None and page is None:
        raise InvalidInputError("--group-by is for the page; give --page DIR as well")
    if engine.in_parts(out):
        if page is not None:
            raise InvalidInputError(
                "--page is for runs into one table; give a file as --out, or merge the parts later (fiqx-trt merge) and give the "
                "merged table as --out with --resume --page"
            )
        from fiqx_trt.cli.parts_run import run_in_parts

        raise typer.Exit(
            run_in_parts(settings, pictures, out, output, engine, batch=batch, labels=label or ())
        )
    if label:
        raise InvalidInputError(
            f"--label is for runs in parts; give a folder (--out {Path(out).stem}/) or --engine local"
        )
    if (stream := stream_format(out)) is not None:
        raise typer.Exit(_run_on_standard_output(settings, pictures, stream, page, output, batch))
    if page is None:
        done, status = run_on_terminal(settings, pictures, Path(out), output, batch=batch)
    else:
        done, status = _run_with_page(settings, pictures, Path(out), page, output, batch, group_by)
    if done.complete and not output.quiet:
        _say_scores(done.table, done.meta.columns, settings)
        _say_page(page)
    raise typer.Exit(status)


def _run_with_page(
    settings: ScoreSettings,
    pictures: g.InputGroup,
    out: Path,
    folder: Path,
    output: g.OutputGroup,
    batch: int,
    group_by: str | None,
) -> tuple[RunResult, int]:
    """Execute the run and write the page of its table."""
    from fiqx_trt.report.groups import check_groups
    from fiqx_trt.report.score import ScorePage
    from fiqx_trt.runs.thumb_fill import fill_from_inputs
    from fiqx_trt.runs.thumbs import ThumbFile

    refuse_report(folder, output.mode)
    methods = settings.create_methods()
    if group_by is not None:
        numbers = [name for method in methods for name in method.columns]
        check_groups(group_by, ["status", "error", "face", "faces", *numbers, "accept", "confidence"])
    with ThumbFile(folder, out) as thumbs:
        done, status = run_on_terminal(settings, pictures, out, output, batch=batch, thumbs=thumbs)
        if done.complete:
            page = ScorePage.of(done, methods, group_by)
            absent, spec = page.absent(thumbs), done.model.spec
            fill_from_inputs(thumbs, absent, pictures, done.table, settings.faces, spec, settings.runtime)
            page.write(folder, thumbs)
    return done, status


def _run_on_standard_output(
    settings: ScoreSettings,
    pictures: g.InputGroup,
    format_name: str,
    page: Path | None,
    output: g.OutputGroup,
    batch: int,
) -> int:
    """Write rows to standard output as they come, and the summary to standard error; return the exit status."""
    from fiqx_trt.files import open_standard_output
    from fiqx_trt.rows.stream import StreamTable
    from fiqx_trt.runs.method_summary import MethodSummary, push_rows

    if output.mode != "new" or page is not None:
        given = "--page" if page is not None else "--resume, --overwrite and --retry-failed"
        raise InvalidInputError(f"{given} and --out - exclude each other; give a file as --out")
    methods = settings.create_methods()
    summaries = [MethodSummary(method.name, method.higher_is_better, worst=5) for method in methods]
    with open_standard_output() as stream:

        def to(meta: RunMeta) -> StreamTable:
            return StreamTable(stream, format_name, meta, lambda rows: push_rows(summaries, rows))

        done, status = run_on_terminal(settings, pictures, Path("-"), output, batch=batch, to=to)
    if done.complete and not output.quiet:
        _say_worst(summaries, settings)
    return status


def _say_page(folder: Path | None) -> None:
    """Say where the page is, or how to get it."""
    if folder is not None:
        say(f"{folder / 'report.html'}: open it in a browser; to send it, send the folder {folder}")
    else:
        anew = ("--overwrite", "--retry-failed", "--resume")
        words = [word for word in command_line()[1:] if word not in anew]
        say(
            f"to see all faces, the worst first: {shlex.join(['fiqx-trt', *words, '--resume', '--page', 'faces'])}"
        )


def _say_scores(table: Path, columns: Sequence[Column], settings: ScoreSettings) -> None:
    """Say what the scores look like, name the worst faces, and how to see why."""
    from fiqx_trt.runs.method_summary import summarise_table

    methods = {method.name: method.higher_is_better for method in settings.create_methods()}
    _say_worst(summarise_table(table, columns, methods), settings)


def _say_worst(summaries: Sequence[MethodSummary], settings: ScoreSettings) -> None:
    for summary in summaries:
        say(summary.line())
    worst = summaries[0].worst_path
    if worst is not None and Path(worst).is_file():
        aligned = " --aligned" if settings.faces.aligned else ""
        say(f"to see why: fiqx-trt plq {shlex.quote(worst)}{aligned} --out why")


def _joined(named: MethodOptions, texts: Sequence[str]) -> dict[str, dict[str, object]]:
    """Return the options of SER-FIQ that have a name of their own, and those of ``--option``."""
    from fiqx_trt.quality.base import parse_options

    options = parse_options(texts)
    given = {key: value for key, value in asdict(named).items() if value != getattr(type(named), key)}
    for name in given.keys() & options.get("serfiq", {}).keys():
        raise InvalidInputError(
            f"--{name} and --option serfiq.{name} say the same of two values; give one of them"
        )
    return {**options, "serfiq": {**given, **options.get("serfiq", {})}} if given else options
