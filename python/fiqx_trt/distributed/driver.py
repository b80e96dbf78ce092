"""Giving units to a crew until every unit has its part, whatever becomes of single workers."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from fiqx_trt.distributed.crew import Crew, Event
from fiqx_trt.distributed.folder import RunFolder
from fiqx_trt.distributed.parts import Part
from fiqx_trt.distributed.worker import Order, Task, in_hand_name
from fiqx_trt.errors import BackendError, ModelError
from fiqx_trt.runs.progress import Progress

__all__ = ["Driver", "Outcome", "Standing"]

#: Deaths of workers at a unit before it is made carefully, and pictures of a unit that may kill one.
TRIES, MOST_CRASHES = 2, 32
#: Workers that may die before they are ready.
FALSE_STARTS = 4
#: Units that may fail one after the other before the run ends: then not the units are at fault.
FAILURES_IN_A_ROW = 8
#: Seconds between two looks at whether the run shall stop.
TICK = 0.2


@dataclass
class Outcome:
    """What a run did.

    Parameters
    ----------
    counts
        Rows per status of the parts that were made now.
    inputs
        Inputs of these parts.
    made
        Units that were made now.
    open_units
        Units that could not be made, and why.
    stopped
        Whether the run was asked to stop.
    deaths
        Workers that died.
    """

    counts: Counter[str] = field(default_factory=Counter)
    inputs: int = 0
    made: int = 0
    open_units: dict[int, str] = field(default_factory=dict)
    stopped: bool = False
    deaths: int = 0


@dataclass(frozen=True)
class Standing:
    """How far a run is.

    Parameters
    ----------
    made, units
        Units that were made by this call, and that it has to make; ``None`` where that is not known.
    images, failed
        Rows of these units, and those that failed.
    workers
        Workers that are ready.
    """

    made: int
    units: int | None
    images: int
    failed: int
    workers: int


class Driver:
    """Drives one run.

    Parameters
    ----------
    crew
        Starts workers and hears of them.
    order
        What workers are told.
    folder
        The folder of the parts.
    workers
        How many workers there shall be.
    report
        Called after every unit.
    stop
        Asked often; when true no unit is begun any more.
    """

    def __init__(
        self,
        crew: Crew,
        order: Order,
        folder: RunFolder,
        *,
        workers: int = 1,
        report: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._crew, self._order, self._folder = crew, order, folder
        self._workers, self._report, self._stop = workers, report, stop
        self._starting: set[int] = set()
        self._held: dict[int, deque[Task]] = {}  # by workers that are ready
        self._again: deque[Task] = deque()
        self._tasks: Iterator[Task] = iter(())
        self._over = False  # there is no further task
        self._deaths: Counter[int] = Counter()
        self._false_starts = 0
        self._failures = 0
        self._out = Outcome()

    def first(self) -> Event:
        """Hire one worker, and return what it says when its model is open.

        Raises
        ------
        ModelError
            It cannot work; the message is the worker's.
        KeyboardInterrupt
            The run was asked to stop while it waited.
        """
        self._hire()
        while not (events := self._crew.wait(TICK)):
            if self._stop():
                raise KeyboardInterrupt
        if events[0].kind != "ready":
            raise ModelError(f"the worker cannot begin: {events[0].error}")
        self._take(events[0])
        if events[0].record is not None:
            self._order = self._order.joining(events[0].record)
        return events[0]

    def drive(
        self,
        tasks: Iterator[Task],
        *,
        units: int | None = None,
        watch: Callable[[Standing], None] = lambda standing: None,
    ) -> Outcome:
        """Do all tasks; `first` was called.

        Parameters
        ----------
        tasks
            The tasks.
        units
            How many there are, where it is known.
        watch
            Told how far the run is, several times a second.

        Raises
        ------
        ModelError
            A worker cannot work.
        BackendError
            Workers die before they have done anything.
        """
        self._tasks = tasks
        for _ in range(1, self._workers):
            self._hire()
        self._fill()
        while any(self._held.values()) or (self._starting and not self._over):
            for event in self._crew.wait(TICK):
                self._take(event)
            if self._stop():
                self._out.stopped = True
                self._tasks, self._again = iter(()), deque()
                self._over = True
            self._fill()
            watch(self._standing(units))
        return self._out

    def _standing(self, units: int | None) -> Standing:
        images, ok = self._out.counts.total(), self._out.counts["ok"]
        return Standing(self._out.made, units, images, images - ok, len(self._held))

    def _hire(self) -> None:
        self._starting.add(self._crew.hire(self._order))

    def _fill(self) -> None:
        """Give every worker what it may hold, one task at a time, so that the last units are shared out evenly."""
        for size in range(1, self._crew.window + 1):
            for worker, held in self._held.items():
                if len(held) < size and (task := self._next()) is not None:
                    held.append(task)
                    self._crew.give(worker, task)

    def _next(self) -> Task | None:
        if self._again and not self._over:
            return self._again.popleft()
        if self._failures >= FAILURES_IN_A_ROW:
            self._over = True
        task = None if self._over else next(self._tasks, None)
        self._over = task is None
        return task

    def _take(self, event: Event) -> None:
        if event.kind == "unfit":
            raise ModelError(f"a worker cannot begin: {event.error}")
        if event.kind == "ready":
            self._starting.discard(event.worker)
            self._held[event.worker] = deque()
        elif event.kind == "died":
            self._replace(event)
        else:
            self._finish(self._held[event.worker].popleft(), event.part, event.error)

    def _finish(self, task: Task, part: Part | None, error: str) -> None:
        if part is None:
            self._failures += 1
            self._out.open_units[task.unit.number] = error
            return
        self._failures = 0
        self._out.made += 1
        self._out.counts.update(part.counts)
        self._out.inputs += part.inputs
        if self._report is not None:
            total = self._out.counts.total()
            self._report(done=total, failed=total - self._out.counts["ok"])

    def _replace(self, event: Event) -> None:
        """Hire another worker for one that died; only the unit it worked on is to blame.

        Raises
        ------
        BackendError
            Workers die again and again before they are ready.
        """
        self._out.deaths += 1
        if event.worker in self._starting:
            self._starting.discard(event.worker)
            self._false_starts += 1
            if self._false_starts > FALSE_STARTS:
                raise BackendError(f"workers die before they are ready: {event.error}")
        held = self._held.pop(event.worker, deque())
        if held:
            self._blame(held.popleft(), event.error)
        self._again.extendleft(reversed(held))
        self._over = self._over and not self._again
        self._hire()

    def _blame(self, task: Task, why: str) -> None:
        number = task.unit.number
        self._deaths[number] += 1
        if task.careful:
            in_hand = self._folder.read(in_hand_name(number))
            if in_hand is None or len(task.crashed) >= MOST_CRASHES:
                self._out.open_units[number] = f"workers died of it ({why})"
                return
            task = replace(task, crashed={**task.crashed, int(in_hand): why})
        elif self._deaths[number] >= TRIES:
            task = replace(task, careful=True)
        if task.careful:
            self._folder.remove(in_hand_name(number))  # that of an earlier worker would blame its picture
        self._again.append(task)
