"""One run of inputs into a table, as `score`, `plq` and `cam` do it: resumable, interruptible, summed up at its end."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from fiqx_trt.cli.console import open_progress, say
from fiqx_trt.cli.signals import Stop, exit_code, stop_on_signals
from fiqx_trt.errors import OutputError

if TYPE_CHECKING:
    from fiqx_trt.cli.groups import InputGroup, OutputGroup
    from fiqx_trt.faces.sources import Source
    from fiqx_trt.models import Model
    from fiqx_trt.report.explained import ExplainedTable
    from fiqx_trt.report.html import Page
    from fiqx_trt.rows import Mode, TableWriter
    from fiqx_trt.runs.face_files import FaceFiles
    from fiqx_trt.runs.options import FaceOptions, RuntimeOptions
    from fiqx_trt.runs.score_files import Maker

__all__ = ["TableRun"]

EXIT_SOME_FAILED = 3
GO_ON = "interrupted; the same command with --resume goes on from here"
#: Inputs are counted for the progress bar no longer than this.
COUNT_SECONDS = 1.0


@dataclass(frozen=True)
class TableRun:
    """What a user asked for.

    Parameters
    ----------
    pictures
        The inputs.
    faces, runtime
        How faces are found, and where networks run.
    output
        What happens to an earlier output, and whether anything is printed.
    batch
        Batch size; does not affect results.

    Raises
    ------
    SourceError
        An input does not exist.
    """

    pictures: InputGroup
    faces: FaceOptions
    runtime: RuntimeOptions
    output: OutputGroup
    batch: int = 32
    mode: Mode = field(init=False)
    sources: Iterator[Source] = field(init=False)

    def __post_init__(self) -> None:
        """Look at the inputs, before a model is opened."""
        object.__setattr__(self, "mode", self.output.mode)
        object.__setattr__(self, "sources", self.pictures.sources())

    def into(
        self,
        path: Path,
        maker: Maker,
        model: Model,
        *,
        files: FaceFiles | None = None,
        page: Callable[[ExplainedTable], Page] | None = None,
        ran: str = "",
        notes: Sequence[str] = (),
    ) -> NoReturn:
        """Make the table and leave the command.

        Parameters
        ----------
        path
            The table.
        maker
            Makes its rows.
        model
            The recogniser.
        files
            What writes files beside the rows.
        page
            Makes the report of the complete table.
        ran
            How the model ran, for the summary; default: in its precision.
        notes
            What a reader of the numbers should know, said once the run has begun.

        Raises
        ------
        typer.Exit
            Always, with the status the table deserves.
        """
        from fiqx_trt.runs.score_files import TableJob

        job = TableJob(path, maker, model, self.faces, self.runtime, self.mode, sys.argv, self.batch)
        preparer = job.preparer()
        total = None if self.output.quiet else self._count()
        if page is not None:
            self._refuse_other_report(path)
        table = job.open(files, inputs=self.pictures.inputs)
        for note in () if self.output.quiet else notes:
            say(f"note: {note}")
        with open_progress(total, quiet=self.output.quiet) as report, stop_on_signals() as stop:
            try:
                job.run(self.sources, preparer, table, report=report, stop=stop)
            except KeyboardInterrupt:
                if table.meta.inputs:
                    say(GO_ON)
                raise
        if not self.output.quiet:
            summarise(table, model, ran or model.precision)
        if page is not None and table.finished:
            self._report(table, model, page)
        raise typer.Exit(exit_status(table, stop))

    def _report(self, table: TableWriter, model: Model, page: Callable[[ExplainedTable], Page]) -> None:
        from fiqx_trt.report.explained import ExplainedTable
        from fiqx_trt.report.parts import save_page

        written = save_page(page(ExplainedTable(table.path, table.meta, model)), table.path.parent)
        if not self.output.quiet:
            say(f"{written}: what came out, and how to read it")

    def _refuse_other_report(self, path: Path) -> None:
        """Leave a report alone that is not this table's."""
        from fiqx_trt.report.parts import REPORT
        from fiqx_trt.rows.files import TableFiles

        files, report = TableFiles.of(path), path.with_name(REPORT)
        if (
            self.mode != "overwrite"
            and report.exists()
            and not (files.out.exists() or files.partial.exists())
        ):
            raise OutputError(
                f"{report} exists already, of another table than {path.name}; give another --out, or use --overwrite"
            )

    def _count(self) -> int | None:
        """Count the inputs, unless they come from standard input or take too long to count."""
        if "-" in self.pictures.inputs:
            return None
        end = time.monotonic() + COUNT_SECONDS
        sources = self.pictures.sources()
        count = sum(1 for _ in itertools.takewhile(lambda _: time.monotonic() < end, sources))
        return count if time.monotonic() < end else None


def summarise(table: TableWriter, model: Model, ran: str) -> None:
    """Say what a run did, on what it ran, and how to go on after an interruption."""
    meta = table.meta
    counts = ", ".join(f"{count} {status}" for status, count in meta.counts.items()) or "no rows"
    rate = f", {meta.inputs / meta.duration_s:.1f} inputs/s" if meta.duration_s > 0 else ""
    say(f"{table.path}: {counts}; {meta.duration_s:.1f} s{rate}")
    say(f"{model.spec.name} on {model.backend}, {model.device}, {ran}")
    if skipped := passed_over(model.notes):
        say(f"not used: {skipped}")
    if not table.finished:
        say(GO_ON)
    elif set(meta.counts) - {"ok"}:
        say(f"the column error of {table.path.name} says why rows failed")


def passed_over(notes: Sequence[str]) -> str:
    """Return in one line which backends `auto` could not use, and why; empty where it took the first.

    Examples
    --------
    >>> passed_over(["tensorrt on cuda skipped: no driver", "torch on cuda skipped: no driver", "batch 4"])
    'tensorrt on cuda, torch on cuda: no driver'
    """
    reasons: dict[str, list[str]] = {}
    for note in notes:
        backend, skipped, reason = note.partition(" skipped: ")
        if skipped:
            reasons.setdefault(reason, []).append(backend)
    return "; ".join(f"{', '.join(backends)}: {reason}" for reason, backends in reasons.items())


def exit_status(table: TableWriter, stop: Stop) -> int:
    """Return the exit status that a table deserves."""
    if not table.finished:
        return exit_code(stop)
    return EXIT_SOME_FAILED if set(table.meta.counts) - {"ok"} else 0
