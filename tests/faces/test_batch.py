"""Batches: order, bounds, errors in their place, and threads that end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faces.pictures import encode, scene
from fiqx_trt.errors import InvalidInputError, SourceError
from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.faces.prepare import FacePreparer, FaceRecord
from fiqx_trt.faces.sources import iter_sources

IMAGE = np.zeros((2, 2, 3), np.uint8)


@dataclass(frozen=True)
class Job:
    path: str
    faces: int = 1
    wait: float = 0.0

    def read(self) -> bytes:
        raise AssertionError


def prepare(job: Job) -> list[FaceRecord]:
    if job.wait:
        time.sleep(job.wait)
    if not job.faces:
        return [FaceRecord(job.path, 0, 0, "no_face", "no face found")]
    return [FaceRecord(job.path, face, job.faces, "ok", image=IMAGE) for face in range(job.faces)]


def jobs(count: int) -> Iterator[Job]:
    return (Job(str(index)) for index in range(count))


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("fiqx-decode")]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert workers() == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 9), st.integers(1, 4), st.randoms())
def test_every_record_once_in_order_and_inputs_whole(
    faces: list[int], batch: int, threads: int, random: object
) -> None:
    work = [Job(f"{index}", count, 0.0005 * (index % 3)) for index, count in enumerate(faces)]
    batches = list(iter_batches(iter(work), prepare, batch=batch, threads=threads))
    records = [record for part in batches for record in part]
    wanted = [record for job in work for record in prepare(Job(job.path, job.faces))]
    assert [(r.path, r.face, r.status) for r in records] == [(r.path, r.face, r.status) for r in wanted]
    for part in batches:
        images = [record.image is not None for record in part]
        assert part
        assert sum(images) < batch + 3
        assert part[-1].face + 1 >= part[-1].faces
    for part in batches[:-1]:
        assert sum(record.image is not None for record in part) >= batch or len(part) >= 8 * batch


def test_single_faces_come_in_full_batches() -> None:
    assert [len(part) for part in iter_batches(jobs(70), prepare, batch=32)] == [32, 32, 6]


def test_failures_ride_along_and_do_not_pile_up() -> None:
    work = [Job(str(index), faces=index % 2) for index in range(40)]
    parts = list(iter_batches(work, prepare, batch=10))
    assert [len(part) for part in parts] == [20, 20]
    parts = list(iter_batches([Job("x", 0)] * 1000, prepare, batch=10))
    assert max(len(part) for part in parts) == 80
    assert sum(len(part) for part in parts) == 1000


def test_no_sources_no_batches() -> None:
    assert list(iter_batches([], prepare, batch=4)) == []


@pytest.mark.parametrize(("batch", "threads"), [(0, 1), (1, 0)])
def test_wrong_arguments(batch: int, threads: int) -> None:
    with pytest.raises(
        InvalidInputError, match=f"batch and threads are at least 1, not {batch} and {threads}"
    ):
        iter_batches([], prepare, batch=batch, threads=threads)


def test_a_slow_consumer_bounds_what_is_read_ahead() -> None:
    taken = [0]

    def counted() -> Iterator[Job]:
        for job in jobs(10_000):
            taken[0] += 1
            yield job

    batches = iter_batches(counted(), prepare, batch=8, threads=2)
    next(batches)
    time.sleep(0.2)
    assert taken[0] <= 8 + 2 * 8 + 2
    next(batches)
    time.sleep(0.05)
    assert taken[0] <= 16 + 2 * 8 + 2
    batches.close()


def test_decoding_runs_ahead_in_several_threads() -> None:
    seen: set[str] = set()
    barrier = threading.Barrier(3, timeout=600)

    def meet(job: Job) -> list[FaceRecord]:
        seen.add(threading.current_thread().name)
        if len(seen) <= 3:
            barrier.wait()  # passes only when three pictures are in hand at once
        return prepare(job)

    def slow(job: Job) -> list[FaceRecord]:
        return meet(job) if int(job.path) < 3 else prepare(job)

    assert sum(len(part) for part in iter_batches(jobs(9), slow, batch=2, threads=3)) == 9
    assert len(seen) == 3


def test_an_error_of_the_sources_comes_after_what_was_before_it() -> None:
    def broken() -> Iterator[Job]:
        yield from jobs(45)
        raise SourceError("line 46: not a CSV file")

    got: list[str] = []

    def consume() -> None:
        for part in iter_batches(broken(), prepare, batch=10, threads=3):
            got.extend(record.path for record in part)

    with pytest.raises(SourceError, match="line 46: not a CSV file"):
        consume()
    assert got == [str(index) for index in range(45)]


@pytest.mark.parametrize("kind", [MemoryError, RuntimeError])
def test_an_error_of_the_preparer_too(kind: type[Exception]) -> None:
    def fail(job: Job) -> list[FaceRecord]:
        time.sleep(0.001 * (int(job.path) % 4))
        if int(job.path) >= 25:
            raise kind(f"at {job.path}")
        return prepare(job)

    got: list[str] = []

    def consume() -> None:
        for part in iter_batches(jobs(1000), fail, batch=10, threads=3):
            got.extend(record.path for record in part)

    with pytest.raises(kind, match="at 25"):
        consume()
    assert got == [str(index) for index in range(25)]


def test_closing_ends_the_threads() -> None:
    batches = iter_batches(jobs(10_000), prepare, batch=4, threads=3)
    next(batches)
    assert workers()
    batches.close()
    assert workers() == []


def test_an_exception_of_the_consumer_ends_the_threads() -> None:
    def consume() -> None:
        for _ in iter_batches(jobs(10_000), prepare, batch=4, threads=3):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        consume()


def test_nothing_starts_before_the_first_batch_is_wanted() -> None:
    batches = iter_batches(jobs(3), prepare, batch=1)
    assert workers() == []
    del batches


def _crops(folder: Path, count: int) -> None:
    for index in range(count):
        (folder / f"{index:04d}.jpg").write_bytes(encode(scene(112, 112, index), ".jpg"))


def test_the_batch_size_and_the_threads_change_no_face(tmp_path: Path) -> None:
    _crops(tmp_path, 30)
    (tmp_path / "0000.jpg").write_bytes(b"")
    (tmp_path / "0017.jpg").write_bytes(b"no picture")

    def run(batch: int, threads: int) -> list[tuple[str, str, bytes | None]]:
        preparer = FacePreparer((96, 96), "arcface", aligned=True)
        records = (
            record
            for part in iter_batches(iter_sources([tmp_path]), preparer, batch=batch, threads=threads)
            for record in part
        )
        return [(r.path, r.status, None if r.image is None else r.image.tobytes()) for r in records]

    wanted = run(1, 1)
    assert [status for _, status, _ in wanted].count("decode_error") == 2
    assert run(7, 3) == wanted
    assert run(64, 2) == wanted


def _script(
    body: str, *arguments: str, wait_for: str = "", act: Callable[[subprocess.Popen[str]], None]
) -> tuple[int, str]:
    code = textwrap.dedent(body)
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == wait_for
        act(process)
        _, errors = process.communicate(timeout=600)
    finally:
        process.kill()
    return process.returncode, errors


def test_an_interrupt_while_waiting_for_standard_input_ends_the_program() -> None:
    body = """
        import signal
        from fiqx_trt.faces.batch import iter_batches
        from fiqx_trt.faces.prepare import FacePreparer
        from fiqx_trt.faces.sources import iter_sources
        from fiqx_trt.faces import batch
        signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background of a shell inherit that it is ignored
        batch._PATIENCE_S = 0.2
        print("waiting", flush=True)
        for part in iter_batches(iter_sources(["-"]), FacePreparer((112, 112), "arcface"), batch=4):
            pass
        """

    def interrupt(process: subprocess.Popen[str]) -> None:
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)

    code, errors = _script(body, wait_for="waiting", act=interrupt)
    assert code == -signal.SIGINT or code == 130, errors
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "Fatal" not in errors


def test_memory_is_flat_over_many_inputs(tmp_path: Path) -> None:
    _crops(tmp_path, 1)
    (path,) = tmp_path.glob("*.jpg")
    body = """
        import resource, sys
        from fiqx_trt.faces.batch import iter_batches
        from fiqx_trt.faces.prepare import FacePreparer
        from fiqx_trt.faces.sources import Source
        def run(count):
            sources = (Source(sys.argv[1]) for _ in range(count))
            for part in iter_batches(sources, FacePreparer((112, 112), "arcface"), batch=16, threads=2):
                pass
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        few = run(300)
        many = run(6000)
        print(many - few < 5000, flush=True)
        """
    code, errors = _script(body, str(path), wait_for="True", act=lambda process: None)
    assert (code, errors) == (0, "")
