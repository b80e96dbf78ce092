"""Execute a run of the library on a terminal: progress, signals, summary, page and exit status."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fiqx_trt.cli.command_line import command_line
from fiqx_trt.cli.console import open_progress, say
from fiqx_trt.cli.signals import Stop, exit_code, stop_on_signals
from fiqx_trt.errors import OutputError

if TYPE_CHECKING:
    from fiqx_trt.cli.groups import InputGroup, OutputGroup
    from fiqx_trt.report.html import Page
    from fiqx_trt.rows import Mode, RunMeta
    from fiqx_trt.rows.stream import StreamTable
    from fiqx_trt.runs.run_result import RunResult
    from fiqx_trt.runs.settings import RunSettings
    from fiqx_trt.runs.thumbs import ThumbFile

__all__ = ["refuse_other_report", "refuse_report", "run_on_terminal", "write_report"]

EXIT_SOME_FAILED = 3
GO_ON = "interrupted; the same command with --resume goes on from here"
#: Inputs are counted for the progress bar no longer than this.
COUNT_SECONDS = 1.0


def run_on_terminal(
    settings: RunSettings,
    pictures: InputGroup,
    out: Path,
    output: OutputGroup,
    *,
    batch: int,
    thumbs: ThumbFile | None = None,
    to: Callable[[RunMeta], StreamTable] | None = None,
) -> tuple[RunResult, int]:
    """Execute a run; print notes, progress and a summary unless quiet; on Ctrl-C stop after the rows in flight.

    Parameters
    ----------
    settings
        Which kind of run, and its settings.
    pictures
        The inputs.
    out
        The table.
    output
        What happens to an earlier output, and whether anything is printed.
    batch
        Batch size; does not affect results.
    thumbs
        Takes a small picture of every face, for the page of the run.
    to
        Opens what takes the rows in the place of a file.

    Returns
    -------
    result, status
        The result of the run, and the exit status for it.
    """
    from fiqx_trt.runs.file_run import open_run

    call = command_line()
    with open_run(
        settings, pictures, out, mode=output.mode, call=call, batch=batch, thumbs=thumbs, to=to
    ) as run:
        total = None if output.quiet else run.count(seconds=COUNT_SECONDS)
        for note in () if output.quiet else run.maker.notes():
            say(f"note: {note}")
        with open_progress(total, quiet=output.quiet) as report, stop_on_signals() as stop:
            try:
                done = run.work(report=report, stop=stop)
            except KeyboardInterrupt:
                if run.table.meta.inputs and to is None:
                    say(GO_ON)
                raise
    if not output.quiet:
        _summarise(done, go_on=to is None)
    return done, _exit_status(done, stop)


def refuse_other_report(table: Path, mode: Mode) -> None:
    """Check that the report in the folder, if there is one, belongs to this table.

    Raises
    ------
    OutputError
        It belongs to another table, and ``--overwrite`` was not given.
    """
    from fiqx_trt.report.parts import REPORT
    from fiqx_trt.rows.files import TableFiles

    files, report = TableFiles.of(table), table.with_name(REPORT)
    if mode != "overwrite" and report.exists() and not (files.out.exists() or files.partial.exists()):
        raise OutputError(
            f"{report} exists already, of another table than {table.name}; give another --out, or use --overwrite"
        )


def refuse_report(folder: Path, mode: Mode) -> None:
    """Check that a folder holds no page of another run.

    Raises
    ------
    OutputError
        It does, and neither ``--overwrite`` nor ``--resume`` was given.
    """
    from fiqx_trt.report.parts import REPORT

    if mode == "new" and (folder / REPORT).exists():
        raise OutputError(f"{folder / REPORT} exists already; give another --page, or use --overwrite")


def write_report(page: Page, done: RunResult, *, quiet: bool) -> None:
    """Write the page of a table beside it."""
    from fiqx_trt.report.parts import save_page

    written = save_page(page, done.table.parent)
    if not quiet:
        say(f"{written}: what came out, and how to read it")


def _summarise(done: RunResult, *, go_on: bool) -> None:
    """Print rows per status, model and backend, and how to go on after an interruption, where a run can."""
    for line in done.lines():
        say(line)
    if not done.complete:
        say(GO_ON if go_on else "interrupted")
    elif set(done.counts) - {"ok"}:
        say(f"the column error of {done.table.name} says why rows failed")


def _exit_status(done: RunResult, stop: Stop) -> int:
    if not done.complete:
        return exit_code(stop)
    return EXIT_SOME_FAILED if set(done.counts) - {"ok"} else 0
