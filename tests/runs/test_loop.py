"""The loop over all inputs: the network runs on while the rows of the batch before are made, and nothing else shows it."""

from __future__ import annotations

import csv
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.faces.prepare import FaceRecord
from fiqx_trt.rows import RunMeta, TableWriter, open_table, score_columns
from fiqx_trt.runs import score_table


class Source:
    def __init__(self, path: str) -> None:
        self.path = path

    def read(self) -> bytes:
        return b""


def prepared(source: Source) -> list[FaceRecord]:
    return [FaceRecord(source.path, 0, 1, "ok", image=np.zeros((2, 2, 3), np.uint8))]


class Maker:
    """Notes what is called when and in which thread; `during` is called in `rows`."""

    def __init__(self, during: Callable[[int], None] = lambda number: None) -> None:
        self.during = during
        self.measured = 0
        self.made: list[int] = []
        self.threads: set[str] = set()
        self.second = threading.Event()  # the network has begun with the second batch

    def measure(self, records: Sequence[FaceRecord]) -> int:
        assert threading.current_thread() is threading.main_thread()
        self.measured += 1
        if self.measured == 2:
            self.second.set()
        return self.measured

    def rows(self, records: Sequence[FaceRecord], measured: int) -> list[dict[str, object]]:
        self.threads.add(threading.current_thread().name)
        self.during(measured)
        self.made.append(measured)
        return [{"path": r.path, "face": 0, "faces": 1, "status": "ok", "error": None} for r in records]

    def finish(self) -> list[dict[str, object]]:
        return []


def run(
    folder: Path, maker: Maker, count: int = 10, mode: str = "new", **options: object
) -> tuple[bool, TableWriter]:
    meta = RunMeta(["test"], "", "", "", "none", "cpu", "fp32")
    table = open_table(folder / "t.csv", score_columns(()), meta=meta, mode=mode)  # type: ignore[arg-type]
    sources = [Source(f"{i}.jpg") for i in range(count)]
    return score_table(sources, prepared, maker, table, batch=2, **options), table  # type: ignore[arg-type]


def paths(folder: Path, name: str = "t.csv") -> list[str]:
    with (folder / name).open(newline="") as file:
        return [row["path"] for row in csv.DictReader(file)]


def test_the_network_runs_on_while_rows_are_made(tmp_path: Path) -> None:
    def wait(number: int) -> None:
        if number == 1:
            assert maker.second.wait(600), "the second batch waits for the rows of the first"

    maker = Maker(wait)
    complete, table = run(tmp_path, maker)
    assert complete
    assert table.finished
    assert maker.made == [1, 2, 3, 4, 5]
    assert len(maker.threads) == 1
    assert threading.main_thread().name not in maker.threads
    assert paths(tmp_path) == [f"{i}.jpg" for i in range(10)]


def test_no_input_at_all(tmp_path: Path) -> None:
    complete, _ = run(tmp_path, Maker(), count=0)
    assert complete
    assert paths(tmp_path) == []


def test_a_row_that_cannot_be_made_ends_the_run_and_keeps_those_before(tmp_path: Path) -> None:
    def fail(number: int) -> None:
        if number == 2:
            raise OSError("the disk is full")

    maker = Maker(fail)
    with pytest.raises(OSError, match="disk is full"):
        run(tmp_path, maker)
    assert maker.made == [1]
    assert maker.measured <= 3  # the batch that was on its way
    complete, _ = run(tmp_path, Maker(), mode="resume")
    assert complete
    assert paths(tmp_path) == [f"{i}.jpg" for i in range(10)]


def test_the_last_row_that_cannot_be_made_is_an_error_too(tmp_path: Path) -> None:
    def fail(number: int) -> None:
        if number == 5:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        run(tmp_path, Maker(fail))


def test_a_run_that_is_stopped_has_the_rows_of_what_was_measured(tmp_path: Path) -> None:
    maker, reports = Maker(), []
    complete, table = run(
        tmp_path,
        maker,
        stop=lambda: maker.measured == 3,
        report=lambda *, done, failed: reports.append((done, failed)),
    )
    assert not complete
    assert not table.finished
    assert maker.made == [1, 2, 3]
    assert reports == [(2, 0), (4, 0), (6, 0)]
    rest = Maker()
    assert run(tmp_path, rest, mode="resume")[0]
    assert rest.made == [1, 2]
    assert paths(tmp_path) == [f"{i}.jpg" for i in range(10)]
