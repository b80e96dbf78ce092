"""Workers as actors of Ray: the only module that imports it."""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from typing import Any

from fiqx_trt.distributed.crew import Event, perform
from fiqx_trt.distributed.worker import OpenWorker, Order, Task
from fiqx_trt.errors import BackendError, DependencyError, FiqxError, InvalidInputError

__all__ = ["Actors"]


class _Actor:
    """A worker in a process of a cluster."""

    def __init__(self, number: int, order: Order) -> None:
        self._number, self._order = number, order
        self._workers: dict[int, OpenWorker] = {}

    def open(self) -> Event:
        """Open the model."""
        try:
            self._order.enter()
            worker = self._workers[self._number] = OpenWorker(self._order)
        except FiqxError as error:
            return Event(self._number, "unfit", error=str(error))
        return Event(self._number, "ready", record=worker.record, notes=tuple(worker.notes))

    def run(self, task: Task) -> Event:
        """Do a task."""
        return perform(self._number, task, self._workers, replaceable=True)


def _connect(ray: Any) -> None:
    """Start Ray here, or reach the cluster that ``RAY_ADDRESS`` names.

    Raises
    ------
    BackendError
        Neither can be done.
    """
    address = os.environ.get("RAY_ADDRESS")
    try:
        host, _, port = (address or "").partition(":")
        if port.isdigit():  # Ray itself tries for minutes
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(
            address=address
            or "local",  # without an address Ray would take any cluster that it finds on this machine
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if address else {"include_dashboard": False}),
        )
    except (OSError, RuntimeError, ValueError) as error:
        what = f"reach the Ray cluster at {address} (RAY_ADDRESS)" if address else "start Ray on this machine"
        raise BackendError(f"cannot {what}: {' '.join(str(error).split())[:300]}") from error


class Actors:
    """A crew of actors. Ray restarts none of them: the driver hires another one, and knows which unit was at fault.

    Parameters
    ----------
    gpus_per_worker
        GPUs that an actor takes; 0 where workers run on the CPU.

    Raises
    ------
    DependencyError
        Ray is not installed.
    BackendError
        Ray cannot be started or reached.
    InvalidInputError
        Ray was started here, and this machine has fewer GPUs than one worker takes.
    """

    window = 2

    def __init__(self, gpus_per_worker: float = 0.0) -> None:
        try:
            import ray
        except ImportError as error:
            raise DependencyError(
                '--engine ray needs Ray; install it with pip install "fiqx-trt[ray]"'
            ) from error
        self._ray = ray
        self._actors: dict[int, Any] = {}
        self._refs: dict[int, deque[Any]] = {}
        self._hired = 0
        self._started = not ray.is_initialized()
        if self._started:
            _connect(ray)
        gpus = ray.cluster_resources().get("GPU", 0.0)
        if gpus < gpus_per_worker and self._started and not os.environ.get("RAY_ADDRESS"):
            self.dismiss()
            raise InvalidInputError(
                f"--gpus-per-worker is {gpus_per_worker:g}, and Ray finds {gpus:g} GPUs on this machine; give a number that it "
                "has, or the address of a cluster in RAY_ADDRESS"
            )
        self._remote = ray.remote(num_cpus=1, num_gpus=gpus_per_worker, max_restarts=0, max_task_retries=0)(
            _Actor
        )

    def hire(self, order: Order) -> int:
        """Start an actor; one waits until the cluster has room for it."""
        number, self._hired = self._hired, self._hired + 1
        actor = self._actors[number] = self._remote.remote(number, order)
        self._refs[number] = deque([actor.open.remote()])
        return number

    def give(self, worker: int, task: Task) -> None:
        """Call an actor, which does one call after the other."""
        if worker in self._actors:
            self._refs[worker].append(self._actors[worker].run.remote(task))

    def wait(self, seconds: float) -> list[Event]:
        """Return what the first call of each actor gave, where it is over."""
        first = {refs[0]: number for number, refs in self._refs.items() if refs}
        if not first:
            return []
        done, _ = self._ray.wait(list(first), num_returns=1, timeout=seconds)
        if done:  # the others that are over too: the first of many workers would be heard of only
            done, _ = self._ray.wait(list(first), num_returns=len(first), timeout=0)
        return [self._event(first[ref], ref) for ref in done]

    def _event(self, number: int, ref: Any) -> Event:
        try:
            event: Event = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._actors.pop(number)
            self._refs.pop(number)
            return Event(number, "died", error=" ".join(str(error).split())[:200])
        self._refs[number].popleft()
        if event.kind == "died":
            self._refs.pop(number)
            self._ray.kill(self._actors.pop(number))
        return event

    def dismiss(self) -> None:
        """End all actors, and Ray itself where this crew started it."""
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors.clear()
        self._refs.clear()
        if self._started:
            self._ray.shutdown()
