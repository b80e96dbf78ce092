"""What the base class promises whatever the backend: checks, cutting, filling, closing."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from fiqx_trt.errors import DeviceMismatchError, InferenceError, InvalidInputError, ModelError
from fiqx_trt.runtime.base import Chunk, Session, TensorInfo, first_line

FLOAT = np.dtype(np.float32)


class Doubler(Session):
    """Doubles its input and remembers what it was given."""

    def __init__(self, batch: int, *, out_shape: tuple[int | None, ...] = (None, 2)) -> None:
        super().__init__(
            backend="doubler",
            device="cpu",
            precision="fp32",
            batch=batch,
            inputs=[TensorInfo("x", (None, 2), FLOAT)],
            outputs=[TensorInfo("y", out_shape, FLOAT)],
        )
        self.seen: list[np.ndarray] = []
        self.closed = 0

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        self.seen += [chunk["x"] for chunk in chunks]
        return [{"y": 2 * chunk["x"]} for chunk in chunks]

    def _close(self) -> None:
        self.closed += 1


def rows(count: int) -> np.ndarray:
    return np.arange(2 * count, dtype=np.float32).reshape(count, 2)


@pytest.mark.parametrize("batch", [1, 3, 4])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 9])
def test_any_number_of_rows_is_cut_into_full_chunks_and_joined(batch: int, count: int) -> None:
    session = Doubler(batch)
    y = session.run({"x": rows(count)})["y"]
    np.testing.assert_array_equal(y, 2 * rows(count))
    assert y.shape == (count, 2)
    assert all(len(chunk) == batch and chunk.flags.c_contiguous for chunk in session.seen)
    assert len(session.seen) == -(-count // batch)


def test_the_last_chunk_is_filled_with_its_last_row() -> None:
    session = Doubler(4)
    session.run({"x": rows(6)})
    np.testing.assert_array_equal(session.seen[1], rows(6)[[4, 5, 5, 5]])


def test_strided_input_is_made_contiguous() -> None:
    session = Doubler(2)
    x = np.asfortranarray(rows(4))[::2]
    np.testing.assert_array_equal(session.run({"x": x})["y"], 2 * x)
    assert session.seen[0].flags.c_contiguous


def test_no_rows_with_an_unknown_output_shape_ask_the_backend_once() -> None:
    session = Doubler(2, out_shape=(None, None))
    assert session.run({"x": rows(0)})["y"].shape == (0, 2)
    np.testing.assert_array_equal(session.seen[0], np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("feeds", "text"),
    [
        ({}, r"the feeds are named \[\], the graph's inputs \['x'\]: give one array each"),
        ({"x": rows(1), "z": rows(1)}, r"the feeds are named \['x', 'z'\]"),
        (
            {"x": rows(1).astype(np.float64)},
            r"has dtype float64, the graph expects float32: .*astype\(np.float32\)",
        ),
        ({"x": rows(1)[0]}, r"input 'x' has shape \(2,\), the graph expects x: float32 \(N, 2\)"),
        ({"x": np.zeros((1, 3), np.float32)}, r"input 'x' has shape \(1, 3\), the graph expects"),
        ({"x": [[1.0, 2.0]]}, r"input 'x' is a list; give a NumPy array, x: float32 \(N, 2\)"),
    ],
)
def test_a_feed_that_does_not_fit_is_refused(feeds: dict[str, np.ndarray], text: str) -> None:
    with pytest.raises(InvalidInputError, match=text):
        Doubler(1).run(feeds)


def test_different_numbers_of_rows_are_refused() -> None:
    session = Doubler(1)
    session.inputs = (*session.inputs, TensorInfo("z", (None, 2), FLOAT))
    with pytest.raises(InvalidInputError, match=r"different numbers of rows \('x' 1, 'z' 2\)"):
        session.run({"x": rows(1), "z": rows(2)})


def test_a_device_array_is_refused_with_the_cure() -> None:
    class OnGpu:
        __cuda_array_interface__ = {"shape": (1, 2), "typestr": "<f4", "data": (0, True), "version": 3}  # noqa: RUF012

    with pytest.raises(DeviceMismatchError, match=r"input 'x' is on a CUDA device.*\.cpu\(\)\.numpy\(\)"):
        Doubler(1).run({"x": OnGpu()})  # type: ignore[dict-item]


def test_a_result_without_the_batch_is_an_error() -> None:
    class Forgetful(Doubler):
        def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
            return [{"y": np.zeros((1, 2), np.float32)} for _ in chunks]

    with pytest.raises(
        ModelError, match=r"output 'y' has shape \(1, 2\) for 3 input row\(s\): its first dimension"
    ):
        Forgetful(3).run({"x": rows(3)})


def test_a_failing_backend_becomes_an_inference_error() -> None:
    class Broken(Doubler):
        def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
            raise RuntimeError("Exception from src/core.cpp:7:\nout of luck\nat line 3")

    with pytest.raises(InferenceError, match=r"^doubler failed while running on cpu: out of luck$"):
        Broken(1).run({"x": rows(1)})


def test_a_closed_session_refuses_and_closes_once() -> None:
    with Doubler(1) as session:
        session.run({"x": rows(1)})
    session.close()
    assert session.closed == 1
    assert "closed" in repr(session)
    with pytest.raises(InferenceError, match=r"this doubler session is closed; open another"):
        session.run({"x": rows(1)})


def test_threads_take_turns() -> None:
    class Counting(Doubler):
        inside = worst = 0

        def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
            self.inside += 1
            self.worst = max(self.worst, self.inside)
            threading.Event().wait(0.002)
            self.inside -= 1
            return super()._run(chunks)

    session = Counting(1)
    threads = [threading.Thread(target=session.run, args=({"x": rows(2)},)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert session.worst == 1


def test_the_first_telling_line_is_kept_short() -> None:
    assert first_line(ValueError("")) == "ValueError"
    assert len(first_line(ValueError("x" * 1000))) == 300
