"""What the driver knows of workers: they are hired, given tasks, heard of, and dismissed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol

from fiqx_trt.distributed.parts import Part
from fiqx_trt.distributed.worker import OpenWorker, Order, Task
from fiqx_trt.errors import BackendError, CudaError, FiqxError
from fiqx_trt.rows import RunMeta

__all__ = ["Crew", "Event", "InProcess"]


@dataclass(frozen=True)
class Event:
    """What became of a worker or of the task it was given first.

    Parameters
    ----------
    worker
        Its number.
    kind
        ``"ready"``: the model is open, and `record` says what the worker computes. ``"done"``: `part` is published.
        ``"failed"``: the task ended in an error, and the worker goes on. ``"unfit"``: the worker cannot work, and why.
        ``"died"``: the process is gone, and why.
    """

    worker: int
    kind: Literal["ready", "done", "failed", "unfit", "died"]
    record: RunMeta | None = None
    part: Part | None = None
    error: str = ""
    notes: tuple[str, ...] = ()


class Crew(Protocol):
    """Starts workers and hears of them. Each does its tasks in the order in which they were given."""

    #: Tasks that a worker may hold, so that it does not wait for the next.
    window: int

    def hire(self, order: Order) -> int:
        """Start a worker, and return its number, which no other worker of the crew has or had."""
        ...

    def give(self, worker: int, task: Task) -> None:
        """Give a worker a task; one that has died meanwhile is told of by `wait`."""
        ...

    def wait(self, seconds: float) -> list[Event]:
        """Return what happened, waiting for at most some seconds."""
        ...

    def dismiss(self) -> None:
        """End all workers; tasks that are not done are dropped."""
        ...


class InProcess:
    """One worker in this process, which runs its tasks when it is waited for."""

    window = 1

    def __init__(self) -> None:
        self._open: dict[int, OpenWorker] = {}
        self._events: deque[Event] = deque()
        self._tasks: deque[tuple[int, Task]] = deque()

    def hire(self, order: Order) -> int:
        """Open the model here; errors are raised as they are."""
        number = len(self._open)
        worker = self._open[number] = OpenWorker(order)
        self._events.append(Event(number, "ready", record=worker.record, notes=tuple(worker.notes)))
        return number

    def give(self, worker: int, task: Task) -> None:
        """Keep a task."""
        self._tasks.append((worker, task))

    def wait(self, seconds: float) -> list[Event]:
        """Return what is to be told, or run the next task."""
        if not self._events and self._tasks:
            self._events.append(perform(*self._tasks.popleft(), self._open))
        events, self._events = list(self._events), deque()
        return events

    def dismiss(self) -> None:
        """Free the model."""
        for worker in self._open.values():
            worker.close()


def perform(number: int, task: Task, workers: dict[int, OpenWorker], *, replaceable: bool = False) -> Event:
    """Run a task and return what became of it.

    A worker that is `replaceable` says that it died where its device failed: such an error stays in a process, and another
    one starts afresh.
    """
    try:
        return Event(number, "done", part=workers[number].run(task))
    except (CudaError, BackendError) as error:
        return Event(number, "died" if replaceable else "failed", error=str(error))
    except FiqxError as error:
        return Event(number, "failed", error=str(error))
