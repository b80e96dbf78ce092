"""A run in parts on a terminal: progress, signals, the summary and the exit status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fiqx_trt.cli.command_line import command_line
from fiqx_trt.cli.console import say
from fiqx_trt.cli.signals import EXIT_TERMINATED, Stop, Terminated, exit_code, stop_on_signals
from fiqx_trt.cli.table_run import EXIT_SOME_FAILED, GO_ON
from fiqx_trt.cli.unit_progress import open_unit_progress
from fiqx_trt.errors import OutputError

if TYPE_CHECKING:
    from fiqx_trt.cli.groups import EngineGroup, InputGroup, OutputGroup, StudyEngineGroup
    from fiqx_trt.distributed.run import PartsResult
    from fiqx_trt.rows import Mode
    from fiqx_trt.runs.settings import RunSettings

__all__ = ["StudyRuns", "run_in_parts"]

EXIT_NOT_COMPLETE = 1


def run_in_parts(
    settings: RunSettings,
    pictures: InputGroup,
    out: str,
    output: OutputGroup,
    engine: EngineGroup,
    *,
    batch: int,
    labels: Sequence[str] = (),
) -> int:
    """Score into the folder `out`, or into parts beside the file `out` that become this file; return the exit status.

    Raises
    ------
    OutputError
        The file exists already.
    """
    file = None if engine.is_folder(out) else Path(out)
    if file is not None and file.exists() and output.mode != "overwrite":
        raise OutputError(
            f"{file} exists already; use --overwrite, or give a folder (--out {file.stem}/) to go on with later"
        )
    location = out if file is None else f"{out}.parts/"
    done, stop = _make(
        settings, pictures, location, engine, mode=output.mode, quiet=output.quiet, batch=batch, labels=labels
    )
    if file is not None and done.complete:
        _merge(location, file, output)
    if not output.quiet:
        _summarise(done, str(file or location))
    if done.complete:
        return EXIT_SOME_FAILED if set(done.counts) - {"ok"} else 0
    return _unfinished(done, stop, engine)


@dataclass(frozen=True)
class StudyRuns:
    """The runs in parts of a study.

    Parameters
    ----------
    pictures
        The inputs.
    location
        The folder of the runs.
    engine
        Who does the work.
    overwrite, quiet
        Whether to start anew, and whether anything is printed.
    batch
        Batch size; does not affect results.
    """

    pictures: InputGroup
    location: str
    engine: StudyEngineGroup
    overwrite: bool
    quiet: bool
    batch: int = 32
    #: Of the last run, where it was complete.
    results: list[PartsResult] = field(default_factory=list)

    def __call__(self, settings: RunSettings, name: str) -> str:
        """Make one of them and return its folder.

        Raises
        ------
        typer.Exit
            It is not complete: other processes make the rest, it was interrupted, or a unit cannot be made.
        """
        import typer

        from fiqx_trt.distributed.folder import open_folder
        from fiqx_trt.distributed.plan import PLAN

        location = f"{self.location.rstrip('/')}/{name}"
        mode = self.engine.mode(overwrite=self.overwrite)
        if mode == "retry" and open_folder(location).read(PLAN) is None:
            mode = "resume"
        engine = (
            self.engine if not self.results else replace(self.engine, share=None)
        )  # the last of several goes on alone
        done, stop = _make(
            settings, self.pictures, location, engine, mode=mode, quiet=self.quiet, batch=self.batch
        )
        if not self.quiet:
            _summarise(done, location, cure="the same command goes on from here")
        if not done.complete:
            raise typer.Exit(_unfinished(done, stop, engine))
        self.results.append(done)
        return location


def _make(
    settings: RunSettings,
    pictures: InputGroup,
    location: str,
    engine: EngineGroup,
    *,
    mode: Mode,
    quiet: bool,
    batch: int,
    labels: Sequence[str] = (),
) -> tuple[PartsResult, Stop]:
    """Make a run, with progress, and end it on signals."""
    from fiqx_trt.distributed.run import score_parts

    with open_unit_progress(quiet=quiet) as watch, stop_on_signals() as stop, _ended_by(stop):
        done = score_parts(
            settings,
            pictures,
            location,
            call=command_line(),
            mode=mode,
            engine=engine.engine,
            workers=engine.workers,
            gpus_per_worker=engine.gpus_per_worker,
            share=engine.given_share,
            batch=batch,
            labels=labels,
            mixed=engine.allow_mixed,
            watch=watch,
            stop=stop,
        )
    return done, stop


def _unfinished(done: PartsResult, stop: Stop, engine: EngineGroup) -> int:
    """Return the exit status of a run that is not complete."""
    if done.outcome.stopped:
        return exit_code(stop)
    finished = engine.given_share is not None and not done.outcome.open_units
    return 0 if finished else EXIT_NOT_COMPLETE


@contextmanager
def _ended_by(stop: Stop) -> Iterator[None]:
    """Turn the end of a run that waited for its first worker into what its signal asks for."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise (Terminated() if exit_code(stop) == EXIT_TERMINATED else error) from None


def _merge(location: str, file: Path, output: OutputGroup) -> None:
    """Make one file of the parts, and remove them."""
    from fiqx_trt.distributed.folder import open_folder
    from fiqx_trt.distributed.merge import merge_parts
    from fiqx_trt.distributed.plan import remove_run

    merge_parts(location, file, mode="overwrite" if output.mode == "overwrite" else "new")
    folder = open_folder(location)
    remove_run(folder, folder.names())
    with suppress(OSError):  # it holds what is not of the run
        for path in (Path(location) / "_fiqx", Path(location)):
            path.rmdir()


def _summarise(
    done: PartsResult,
    name: str,
    cure: str = "the run is not complete; the same command with --resume makes what is missing",
) -> None:
    for note in done.notes:
        say(f"note: {note}")
    record = done.record
    counts = ", ".join(f"{count} {status}" for status, count in done.counts.items()) or "no rows"
    units = f"{done.done} of {done.units} units"
    say(f"{name}: {counts}; {units}, {record.duration_s:.1f} s")
    ran = f"{record.backend}, {record.device}, {record.precision}"
    say(f"{record.model} on {'several kinds of machines' if record.backend == 'mixed' else ran}")
    if done.outcome.deaths:
        say(f"{done.outcome.deaths} workers died and were replaced")
    for number, error in sorted(done.outcome.open_units.items())[:5]:
        say(f"unit {number} could not be made: {error}")
    if not done.complete:
        say(GO_ON if done.outcome.stopped and "--resume" in cure else cure)
