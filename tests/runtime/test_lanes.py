"""Several sessions of one graph for several threads: side by side, no more than allowed, the same bits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fiqx_trt.errors import InferenceError, ModelError
from fiqx_trt.runtime import open_session
from fiqx_trt.runtime.base import Chunk, Session, TensorInfo
from fiqx_trt.runtime.lanes import Lanes
from runtime.small_nets import images, residual_net
from support.forks import in_fork

FLOAT = np.dtype(np.float32)
ONE = np.ones((1, 1), np.float32)


class Meeting(Session):
    """Answers when as many threads run as the barrier wants."""

    def __init__(self, barrier: threading.Barrier, device: str = "cpu") -> None:
        info = TensorInfo("x", (None, 1), FLOAT)
        super().__init__(
            backend="meeting", device=device, precision="fp32", batch=1, inputs=[info], outputs=[info]
        )
        self._barrier = barrier

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        self._barrier.wait(10)
        return list(chunks)

    def _close(self) -> None:
        pass


def counted(opened: list[Session], make: Callable[[], Session]) -> Callable[[], Session]:
    def open_one() -> Session:
        opened.append(make())
        return opened[-1]

    return open_one


def test_threads_run_side_by_side() -> None:
    barrier, opened = threading.Barrier(3), []
    lanes = Lanes(counted(opened, lambda: Meeting(barrier)), 3)
    assert len(opened) == 1
    with ThreadPoolExecutor(3) as pool:
        for _ in range(4):
            for found in pool.map(lanes.run, [{"x": ONE}] * 3):
                np.testing.assert_array_equal(found["x"], ONE)
    assert len(opened) == 3


@pytest.mark.parametrize(("most", "device"), [(1, "cpu"), (2, "cpu"), (2, "cuda")])
def test_no_more_are_opened_than_may_be(most: int, device: str) -> None:
    opened: list[Session] = []
    lanes = Lanes(counted(opened, lambda: Meeting(threading.Barrier(1), device)), most)
    with ThreadPoolExecutor(6) as pool:
        assert len(list(pool.map(lanes.run, [{"x": ONE}] * 60))) == 60
    assert len(opened) <= (most if device == "cpu" else 1)


def test_every_session_gives_the_same_bits() -> None:
    with open_session(residual_net(), backend="openvino", threads=1) as session:
        expected = session.run({"image": images(3)})
    lanes = Lanes(lambda: open_session(residual_net(), backend="openvino", threads=1), 4)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lanes.run, [{"image": images(3)}] * 24):
            for name, value in found.items():
                np.testing.assert_array_equal(value, expected[name])
    lanes.close()


def test_closing_closes_all_and_says_so() -> None:
    barrier, opened = threading.Barrier(2), []
    lanes = Lanes(counted(opened, lambda: Meeting(barrier)), 2)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lanes.run, [{"x": ONE}] * 2))
    lanes.close()
    lanes.close()
    for session in opened:
        with pytest.raises(InferenceError, match="is closed"):
            session.run({"x": ONE})
    with pytest.raises(InferenceError, match="is closed"):
        lanes.run({"x": ONE})


def test_a_session_that_cannot_be_opened_is_an_error_and_the_others_work_on() -> None:
    barrier, opened = threading.Barrier(1), []

    def open_one() -> Session:
        if opened:
            raise ModelError("no memory")
        opened.append(Meeting(barrier))
        return opened[0]

    lanes = Lanes(open_one, 2)
    taken = lanes._take()  # the first is busy, so the next caller wants another
    with pytest.raises(ModelError, match="no memory"):
        lanes.run({"x": ONE})
    lanes._free.append(taken)
    np.testing.assert_array_equal(lanes.run({"x": ONE})["x"], ONE)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_is_told_to_spawn() -> None:
    lanes = Lanes(lambda: open_session(residual_net(), backend="openvino", threads=1), 2)

    def run() -> str:
        try:
            lanes.run({"image": images(1)})
        except InferenceError as error:
            lanes.close()
            return str(error)
        return "it ran"

    with lanes._changed:  # as another thread may hold it at the fork
        assert "does not work in a fork of it" in in_fork(run)
    lanes.close()
