"""A run in parts: plan, drive, finish."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from fiqx_trt.distributed.ahead import in_order
from fiqx_trt.distributed.crew import Crew, InProcess
from fiqx_trt.distributed.driver import Driver, Outcome, Standing
from fiqx_trt.distributed.folder import RunFolder, open_folder
from fiqx_trt.distributed.listing import Listing, unchanged
from fiqx_trt.distributed.parts import RunKey, part_numbers, read_own
from fiqx_trt.distributed.plan import RECORD, SUCCESS, Plan, begin, read_plan
from fiqx_trt.distributed.worker import Order, Task
from fiqx_trt.errors import InvalidInputError, OutputError, StorageError
from fiqx_trt.faces.units import Unit, digest_units
from fiqx_trt.rows import Mode, RunMeta
from fiqx_trt.rows.meta import utc_now

if TYPE_CHECKING:
    from fiqx_trt.runs.options import Inputs
    from fiqx_trt.runs.progress import Progress
    from fiqx_trt.runs.settings import RunSettings

__all__ = ["ENGINES", "PartsResult", "Share", "score_parts"]

#: What can start workers; ``""`` is this process.
ENGINES = ("", "local", "ray")


@dataclass(frozen=True)
class Share:
    """The units that one of several independent processes makes: those whose number leaves `own` when divided by `of`.

    Parameters
    ----------
    own
        Number of this process; counted from 0 or from 1.
    of
        Number of processes.
    """

    own: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Share:
        """Read ``K/N``.

        Raises
        ------
        InvalidInputError
            It is something else.
        """
        own, slash, of = text.partition("/")
        if not (slash and own.isdigit() and of.isdigit() and 0 <= int(own) <= int(of) and int(of)):
            raise InvalidInputError(f"--share is {text!r}; give K/N, such as 3/64, with K from 0 to N")
        return cls(int(own), int(of))

    def has(self, number: int) -> bool:
        """Return whether a unit is among them."""
        return number % self.of == self.own % self.of


@dataclass(frozen=True)
class PartsResult:
    """What a run in parts did.

    Parameters
    ----------
    location
        The folder.
    complete
        Whether every unit has its part.
    units, done
        Units of the run, and those that have their part.
    outcome
        What was done now.
    counts
        Rows per status of the whole run, where it is complete; otherwise of what was made now.
    record
        The record of the run.
    notes
        What a reader should know before reading the numbers.
    """

    location: str
    complete: bool
    units: int
    done: int
    outcome: Outcome
    counts: dict[str, int]
    record: RunMeta
    notes: Sequence[str]


def score_parts(
    settings: RunSettings,
    inputs: Inputs,
    location: str,
    *,
    call: Sequence[str],
    mode: Mode = "new",
    engine: str = "",
    workers: int = 1,
    gpus_per_worker: float = 0.0,
    share: Share | None = None,
    batch: int = 32,
    labels: Sequence[str] = (),
    mixed: bool = False,
    report: Progress | None = None,
    watch: Callable[[Standing], None] = lambda standing: None,
    stop: Callable[[], bool] = lambda: False,
) -> PartsResult:
    """Score inputs into a folder of parts, one per unit of the inputs.

    Parameters
    ----------
    settings, inputs
        What decides the scores, and the pictures.
    location
        The folder, a path or a URL.
    call
        What was called, for the record.
    mode
        What happens to an earlier run in the folder.
    engine
        What starts workers: ``"local"``, ``"ray"``, or ``""`` for this process.
    workers, gpus_per_worker
        How many there are; the second for Ray.
    share
        The units of this process, where several processes work on one run without an engine.
    batch
        Batch size; does not affect results.
    labels
        Names of the labels beside the pictures that become columns (:mod:`fiqx_trt.faces.labels`).
    mixed
        Whether workers may differ in backend, device and precision (:class:`fiqx_trt.distributed.worker.Order`).
    report, stop
        See :func:`fiqx_trt.runs.score_table`; both after every unit.
    watch
        Told how far the run is, several times a second.

    Raises
    ------
    SourceError, InvalidInputError
        An input does not exist, or a setting is wrong.
    ModelError, BackendUnavailableError, BackendError
        A worker cannot begin.
    OutputError
        The folder holds another run, or cannot be written.
    """
    if share is not None and mode == "overwrite":
        raise InvalidInputError(
            f"--overwrite with --share would remove what the other jobs make; remove {location} once before they start"
        )
    began = time.monotonic()
    listing = Listing(inputs)
    plan = Plan(*digest_units(listing.units()))
    folder = open_folder(location)
    crew = _crew(engine, gpus_per_worker)
    try:
        driver = Driver(
            crew,
            Order(settings, location, call, batch, tuple(labels), mixed=mixed),
            folder,
            workers=workers,
            report=report,
            stop=stop,
        )
        hello = driver.first()
        assert hello.record is not None
        finished = begin(folder, plan, hello.record, mode, shared=share is not None)
        key = RunKey(hello.record.configuration_sha256, plan.units_sha256)
        tasks = _tasks(folder, unchanged(listing.units(), plan), finished, key, mode, share)
        own = (number for number in range(plan.units) if share is None or share.has(number))
        units = None if mode == "retry" else sum(number not in finished for number in own)
        outcome = driver.drive(tasks, units=units, watch=watch)
    finally:
        crew.dismiss()
    seconds = time.monotonic() - began
    others = [
        number
        for number in range(plan.units)
        if outcome.stopped or number in finished or not (share is None or share.has(number))
    ]
    return _finished(folder, plan, outcome, others, hello.notes, seconds, shared=share is not None)


def _crew(engine: str, gpus_per_worker: float) -> Crew:
    if engine == "local":
        from fiqx_trt.distributed.local import Processes

        return Processes()
    if engine == "ray":
        from fiqx_trt.distributed.ray import Actors

        return Actors(gpus_per_worker)
    if engine:
        raise InvalidInputError(f"--engine is {engine!r}; give one of {', '.join(ENGINES[1:])}")
    return InProcess()


def _tasks(
    folder: RunFolder,
    units: Iterable[Unit],
    finished: set[int],
    run: RunKey,
    mode: Mode,
    share: Share | None,
) -> Iterator[Task]:
    """Yield what is to be made; what is made again is taken out of `finished`."""
    own = (unit for unit in units if share is None or share.has(unit.number))
    if mode != "retry":
        yield from (Task(unit) for unit in own if unit.number not in finished)
        return

    def looked_at(unit: Unit) -> tuple[Unit, int | None]:
        return unit, _failed(folder, unit.number, run) if unit.number in finished else None

    for unit, failed in in_order(looked_at, own):
        if failed != 0:
            finished.discard(unit.number)
            yield Task(unit, retry=failed is not None)


def _failed(folder: RunFolder, number: int, run: RunKey) -> int | None:
    """Return how many rows of a unit failed; ``None`` where its part is damaged or of another run."""
    try:
        return read_own(folder, number, run).failed
    except StorageError:
        raise
    except OutputError:
        return None


def _finished(
    folder: RunFolder,
    plan: Plan,
    outcome: Outcome,
    others: Sequence[int],
    notes: Sequence[str],
    seconds: float,
    *,
    shared: bool,
) -> PartsResult:
    """Write the record of what was done; that of a complete run has what all parts say, those of `others` too."""
    names = folder.names()
    done = len(part_numbers(names) & set(range(plan.units)))
    complete = done == plan.units and not outcome.open_units
    _, record = read_plan(folder)
    if complete and not outcome.made and SUCCESS in names and record.state == "complete":  # it was before
        counts = dict(record.counts)
        return PartsResult(folder.location, True, plan.units, done, outcome, counts, record, notes)
    record = replace(record, duration_s=round(record.duration_s + seconds, 3), state="interrupted")
    if complete:
        record = sum_up(folder, plan, record, outcome, others)
    if complete or not shared:  # another process may have written that of the complete run meanwhile
        folder.write(RECORD, record.to_json())
    if complete:
        folder.write(SUCCESS, b"")
    counts = dict(record.counts if complete else outcome.counts)
    return PartsResult(folder.location, complete, plan.units, done, outcome, counts, record, notes)


def sum_up(
    folder: RunFolder, plan: Plan, record: RunMeta, outcome: Outcome, others: Sequence[int]
) -> RunMeta:
    """Return the record of a complete run: what was made now, and what the parts of `others` say.

    Raises
    ------
    OutputError
        A part is damaged or of another run.
    """
    made = Outcome() if outcome.stopped else outcome  # a unit may be among `others` then that was made now
    counts, inputs = Counter(made.counts), made.inputs
    run = RunKey(record.configuration_sha256, plan.units_sha256)
    read = partial(read_own, folder, run=run)
    for part in in_order(read, others):
        counts.update(part.counts)
        inputs += part.inputs
    ordered = dict(sorted(counts.items()))
    return replace(
        record,
        state="complete",
        counts=ordered,
        rows=sum(ordered.values()),
        inputs=inputs,
        finished=utc_now(),
    )
