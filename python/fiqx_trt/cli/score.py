"""``score``: the quality of every face."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from fiqx_trt.cli import options as o
from fiqx_trt.cli.console import open_progress, say
from fiqx_trt.errors import InvalidInputError

if TYPE_CHECKING:
    from fiqx_trt.faces.sources import Source
    from fiqx_trt.models import Model
    from fiqx_trt.rows import Mode, RunMeta, TableWriter

__all__ = ["count_inputs", "exit_status", "run_metadata", "score", "stop_on_interrupt"]

EXIT_SOME_FAILED, EXIT_INTERRUPTED = 3, 130
#: Inputs are counted for the progress bar no longer than this.
COUNT_SECONDS = 1.0

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
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on after an interruption.", rich_help_panel=o.OUTPUT_PANEL)
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed", help="Do the failed rows of a complete table again.", rich_help_panel=o.OUTPUT_PANEL
    ),
]


def score(
    inputs: o.Inputs,
    out: OutTable,
    method: Methods = None,
    model: o.ModelName = "dlib-resnet",
    estimator: Annotated[
        str, typer.Option(help="SER-FIQ: sampled, or closed-form (no sampling).")
    ] = "sampled",
    passes: Annotated[int, typer.Option(help="SER-FIQ: number of dropout passes.")] = 100,
    dropout: Annotated[float, typer.Option(help="SER-FIQ: dropout probability.")] = 0.5,
    seed: Annotated[int, typer.Option(help="SER-FIQ: seed of the dropout masks.")] = 0,
    distance: Annotated[
        str, typer.Option(help="SER-FIQ: mean over the pairs, or the paper's factor 2/m².")
    ] = "pairs",
    brisque_model: BrisqueFile = None,
    brisque_ranges: BrisqueFile = None,
    brisque_halving: Annotated[
        str, typer.Option(help="BRISQUE: antialiased (as MATLAB) or plain (as OpenCV).")
    ] = "antialiased",
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
    backend: o.Backend = "auto",
    precision: o.Precision = "auto",
    device: o.Device = "auto",
    batch: o.Batch = 32,
    threads: o.Threads = None,
    resume: Resume = False,
    overwrite: o.Overwrite = False,
    retry_failed: RetryFailed = False,
    quiet: o.Quiet = False,
) -> None:
    """Write the quality of every face: one row per input, always, in input order.

    Exit status: 0 every row ok, 3 finished but some rows failed, 2 wrong usage, 1 could not run, 130 interrupted.
    """
    from fiqx_trt.faces.sources import iter_sources
    from fiqx_trt.quality import MethodOptions, create_method
    from fiqx_trt.rows import open_table, score_columns
    from fiqx_trt.scoring import Scorer, score_table

    mode = _mode(resume=resume, overwrite=overwrite, retry=retry_failed)
    brisque = (brisque_model, brisque_ranges, brisque_halving)
    options = MethodOptions(passes, dropout, seed, estimator, distance, *brisque)
    methods = [create_method(name, options) for name in dict.fromkeys(method or ["serfiq"])]
    runtime = o.RuntimeOptions(backend, precision, device, threads)
    faces = o.FaceOptions(aligned, detector, select)
    fields = o.model_fields(mean=mean, std=std, color=color, template=template, alpha=alpha, r=r)
    sources = iter_sources(inputs, null_separated=null, column=column)
    with o.open_model(model, runtime, fields) as opened:
        scorer = Scorer(opened, methods)
        meta = run_metadata(opened, {**faces.parameters, **scorer.parameters})
        preparer = faces.preparer(opened.spec, runtime)
        total = None if quiet else count_inputs(inputs, column)
        for note in () if quiet else scorer.notes():
            say(f"note: {note}")
        table = open_table(out, score_columns(scorer.columns, detection=not aligned), meta=meta, mode=mode)
        with open_progress(total, quiet=quiet) as report, stop_on_interrupt() as stop:
            score_table(
                sources, preparer, scorer, table, batch=batch, threads=threads or 2, report=report, stop=stop
            )
    if not quiet:
        summarise(table, opened)
    raise typer.Exit(exit_status(table))


def _mode(*, resume: bool, overwrite: bool, retry: bool) -> Mode:
    wanted: dict[Mode, bool] = {"resume": resume, "overwrite": overwrite, "retry": retry}
    given = [mode for mode, flag in wanted.items() if flag]
    if len(given) > 1:
        raise InvalidInputError(
            "--resume, --overwrite and --retry-failed exclude each other; give one of them"
        )
    return given[0] if given else "new"


def run_metadata(model: Model, parameters: Mapping[str, object]) -> RunMeta:
    """Return what describes a run of a model with some settings."""
    from fiqx_trt import __version__
    from fiqx_trt.rows import RunMeta

    spec = model.spec
    contract: dict[str, object] = {
        f"model.{name}": getattr(spec, name)
        for name in (
            "input_size",
            "mean",
            "std",
            "color",
            "template",
            "embedding",
            "pre_dropout",
            "alpha",
            "r",
        )
    }
    plain = {name: list(v) if isinstance(v, tuple) else v for name, v in {**contract, **parameters}.items()}
    return RunMeta(
        command_line=sys.argv,
        version=__version__,
        model=spec.name,
        model_sha256=spec.sha256,
        backend=model.backend,
        device=model.device,
        precision=model.precision,
        parameters=plain,  # type: ignore[arg-type]
        notes=model.notes,
    )


def count_inputs(inputs: Sequence[str], column: str | None) -> int | None:
    """Count the inputs, unless they come from standard input or take too long to count."""
    from fiqx_trt.faces.sources import iter_sources

    if "-" in inputs:
        return None
    end = time.monotonic() + COUNT_SECONDS
    sources: Iterator[Source] = iter_sources(inputs, column=column)
    count = sum(1 for _ in itertools.takewhile(lambda _: time.monotonic() < end, sources))
    return count if time.monotonic() < end else None


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a request to stop after the rows in flight; the second one interrupts at once."""
    interrupted = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            raise KeyboardInterrupt
        interrupted = True
        say("stopping after the rows in flight; once more stops at once")

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def summarise(
    table: TableWriter, model: Model, *, again: str = "the same command with --resume goes on from here"
) -> None:
    """Say what a run did, on what it ran, and how to go on after an interruption."""
    meta = table.meta
    counts = ", ".join(f"{count} {status}" for status, count in meta.counts.items()) or "no rows"
    rate = f", {meta.inputs / meta.duration_s:.1f} inputs/s" if meta.duration_s > 0 else ""
    say(f"{table.path}: {counts}; {meta.duration_s:.1f} s{rate}")
    say(f"{model.spec.name} on {model.backend}, {model.device}, {model.precision}")
    if not table.finished:
        say(f"interrupted; {again}")
    elif set(meta.counts) - {"ok"}:
        say(f"the column error of {table.path.name} says why rows failed")


def exit_status(table: TableWriter) -> int:
    """Return the exit status that a table deserves."""
    if not table.finished:
        return EXIT_INTERRUPTED
    return EXIT_SOME_FAILED if set(table.meta.counts) - {"ok"} else 0
