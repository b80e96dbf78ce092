"""Workers in processes of this machine, each started anew (``spawn``)."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnProcess

from fiqx_trt.distributed.crew import Event, perform
from fiqx_trt.distributed.worker import OpenWorker, Order, Task
from fiqx_trt.errors import FiqxError

__all__ = ["Processes"]


class Processes:
    """A crew of processes."""

    window = 2

    def __init__(self) -> None:
        self._context = get_context("spawn")
        self._processes: dict[int, tuple[SpawnProcess, connection.Connection]] = {}
        self._hired = 0

    def hire(self, order: Order) -> int:
        """Start a process."""
        number, self._hired = self._hired, self._hired + 1
        here, there = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(number, order, there), name=f"fiqx-worker-{number}", daemon=True
        )
        process.start()
        there.close()
        self._processes[number] = process, here
        return number

    def give(self, worker: int, task: Task) -> None:
        """Send a task."""
        if worker in self._processes:
            with suppress(OSError):  # it is dead; wait tells
                self._processes[worker][1].send(task)

    def wait(self, seconds: float) -> list[Event]:
        """Return what the processes tell, and which of them are gone."""
        pipes = {pipe: number for number, (_, pipe) in self._processes.items()}
        events = []
        for pipe in connection.wait(list(pipes), seconds):
            number = pipes[pipe]  # type: ignore[index]
            try:
                event = self._processes[number][1].recv()
            except (EOFError, OSError):
                event = Event(number, "died", error=self._buried(number))
            if event.kind == "died" and number in self._processes:
                self._buried(number)
            events.append(event)
        return events

    def _buried(self, number: int) -> str:
        """Forget a process that is gone, and return how it ended."""
        process, pipe = self._processes.pop(number)
        pipe.close()
        process.join()
        code = process.exitcode or 0
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"

    def dismiss(self) -> None:
        """End all processes."""
        for process, pipe in self._processes.values():
            pipe.close()
            process.terminate()
        for process, _ in self._processes.values():
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
        self._processes.clear()


def _work(number: int, order: Order, pipe: connection.Connection) -> None:
    """Open the model, say so, and do what comes until the driver is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver, which ends the run
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _serve(number, order, pipe)


def _serve(number: int, order: Order, pipe: connection.Connection) -> None:
    try:
        order.enter()
        worker = OpenWorker(order)
    except FiqxError as error:
        pipe.send(Event(number, "unfit", error=str(error)))
        return
    pipe.send(Event(number, "ready", record=worker.record, notes=tuple(worker.notes)))
    workers = {number: worker}
    while True:
        event = perform(number, pipe.recv(), workers, replaceable=True)
        pipe.send(event)
        if event.kind == "died":
            os._exit(1)  # without the end of a context that may hang
