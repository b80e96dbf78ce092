"""The driver, with a crew whose workers do what a test says."""

from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fiqx_trt.distributed.crew import Event
from fiqx_trt.distributed.driver import FAILURES_IN_A_ROW, FALSE_STARTS, Driver, Standing
from fiqx_trt.distributed.folder import open_folder
from fiqx_trt.distributed.parts import Part
from fiqx_trt.distributed.worker import Order, Task, in_hand_name
from fiqx_trt.errors import BackendError, ModelError
from fiqx_trt.faces.sources import Container
from fiqx_trt.faces.units import Unit
from fiqx_trt.runs.settings import ScoreSettings

Does = Callable[[int, Task], Event]


def done(worker: int, task: Task) -> Event:
    return Event(worker, "done", part=Part(task.unit.number, "", 1, {"ok": 1}))


class Scripted:
    """Workers that answer at once; one that died is heard of no more."""

    window = 2

    def __init__(self, does: Does, starts: Callable[[int], str] = lambda worker: "ready") -> None:
        self.does, self.starts = does, starts
        self.hired = 0
        self.gone: set[int] = set()
        self.given: list[int] = []
        self.queue: deque[tuple[int, Task | None]] = deque()

    def hire(self, order: Order) -> int:
        self.hired += 1
        self.queue.append((self.hired, None))
        return self.hired

    def give(self, worker: int, task: Task) -> None:
        self.given.append(task.unit.number)
        self.queue.append((worker, task))

    def wait(self, seconds: float) -> list[Event]:
        while self.queue:
            worker, task = self.queue.popleft()
            if worker in self.gone:
                continue
            event = (
                Event(worker, self.starts(worker), error="why") if task is None else self.does(worker, task)
            )  # type: ignore[arg-type]
            if event.kind == "died":
                self.gone.add(worker)
            return [event]
        return []

    def dismiss(self) -> None: ...


def tasks(count: int) -> Iterator[Task]:
    return (Task(Unit(number, Container(f"{number}.tar"))) for number in range(count))


def driver(crew: Scripted, tmp_path: Path, **options: object) -> Driver:
    order = Order(ScoreSettings(), str(tmp_path), [])
    made = Driver(crew, order, open_folder(str(tmp_path)), **options)  # type: ignore[arg-type]
    made.first()
    return made


@pytest.mark.parametrize("workers", [1, 3])
def test_every_unit_is_made_once(tmp_path: Path, workers: int) -> None:
    crew = Scripted(done)
    seen: list[Standing] = []
    outcome = driver(crew, tmp_path, workers=workers).drive(tasks(20), units=20, watch=seen.append)
    assert outcome.made == 20
    assert seen[-1] == Standing(made=20, units=20, images=20, failed=0, workers=workers)
    assert [one.made for one in seen] == sorted(one.made for one in seen)
    assert sorted(crew.given) == list(range(20))
    assert crew.hired == workers


def test_only_the_unit_in_hand_is_to_blame(tmp_path: Path) -> None:
    tried: list[tuple[int, bool]] = []

    def does(worker: int, task: Task) -> Event:
        number = task.unit.number
        if number == 3 and not task.crashed:
            tried.append((number, task.careful))
            if task.careful:
                open_folder(str(tmp_path)).write(in_hand_name(3), b"17")
            return Event(worker, "died", error="signal SIGSEGV")
        return done(worker, task)

    outcome = driver(Scripted(does), tmp_path, workers=2).drive(tasks(8))
    assert outcome.made == 8
    assert outcome.deaths == 3
    assert tried == [(3, False), (3, False), (3, True)]
    assert not outcome.open_units


def test_a_unit_that_kills_without_a_picture_in_hand_stays_open(tmp_path: Path) -> None:
    outcome = driver(
        Scripted(
            lambda worker, task: (
                Event(worker, "died", error="exit status 9") if task.unit.number == 1 else done(worker, task)
            )
        ),
        tmp_path,
    ).drive(tasks(3))
    assert outcome.made == 2
    assert outcome.open_units == {1: "workers died of it (exit status 9)"}


def test_no_picture_is_blamed_for_the_death_of_an_earlier_worker(tmp_path: Path) -> None:
    open_folder(str(tmp_path)).write(in_hand_name(1), b"17")  # of a run that was killed

    def does(worker: int, task: Task) -> Event:
        number = task.unit.number
        if number == 1 and task.careful and not task.crashed:
            open_folder(str(tmp_path)).write(in_hand_name(1), b"3")
        return Event(worker, "died", error="signal SIGKILL") if number == 1 else done(worker, task)

    crew = Scripted(does)
    outcome = driver(crew, tmp_path).drive(tasks(3))
    assert outcome.open_units == {1: "workers died of it (signal SIGKILL)"}
    assert outcome.deaths == 4  # twice, at picture 3, and before any picture


def test_a_stop_while_the_first_worker_begins(tmp_path: Path) -> None:
    crew = Scripted(done)
    crew.hire = lambda order: 1  # type: ignore[method-assign]
    made = Driver(
        crew, Order(ScoreSettings(), str(tmp_path), []), open_folder(str(tmp_path)), stop=lambda: True
    )
    with pytest.raises(KeyboardInterrupt):
        made.first()


def test_a_unit_that_fails_stays_open_and_many_end_the_run(tmp_path: Path) -> None:
    def fails(worker: int, task: Task) -> Event:
        return (
            Event(worker, "failed", error="cannot read s3://x")
            if task.unit.number % 2
            else done(worker, task)
        )

    outcome = driver(Scripted(fails), tmp_path).drive(tasks(30))
    assert outcome.made == 15
    assert set(outcome.open_units) == set(range(1, 30, 2))

    crew = Scripted(lambda worker, task: Event(worker, "failed", error="cannot read s3://x"))
    outcome = driver(crew, tmp_path).drive(tasks(1000))
    assert len(crew.given) <= FAILURES_IN_A_ROW + crew.window


def test_workers_that_never_begin(tmp_path: Path) -> None:
    crew = Scripted(done, lambda worker: "ready" if worker == 1 else "died")
    with pytest.raises(BackendError, match="workers die before they are ready: why"):
        driver(crew, tmp_path, workers=2).drive(tasks(10_000))
    assert crew.hired == FALSE_STARTS + 2
    with pytest.raises(ModelError, match="a worker cannot begin: why"):
        driver(Scripted(done, lambda worker: "ready" if worker == 1 else "unfit"), tmp_path, workers=2).drive(
            tasks(9)
        )
    with pytest.raises(ModelError, match="the worker cannot begin: why"):
        driver(Scripted(done, lambda worker: "died"), tmp_path)


def test_a_stop_finishes_what_is_in_hand(tmp_path: Path) -> None:
    crew = Scripted(done)
    outcome = driver(crew, tmp_path, stop=lambda: len(crew.given) >= 5).drive(tasks(100))
    assert outcome.stopped
    assert outcome.made == len(crew.given) < 8


def test_memory_is_flat_over_units(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        crew = Scripted(done)
        crew.give = lambda worker, task: crew.queue.append((worker, task))  # type: ignore[method-assign]
        made = driver(crew, tmp_path, workers=4)
        tracemalloc.start()
        made.drive(tasks(count))
        largest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return largest

    assert abs(peak(30_000) - peak(300)) < 200_000
