"""Calls of a few rows on a tuned session: the same bits, the smallest session where short calls are repeated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fiqx_trt.errors import InferenceError, InvalidInputError, ModelError
from fiqx_trt.runtime import open_session, tuning
from fiqx_trt.runtime.base import Session
from fiqx_trt.runtime.graph import read_graph
from fiqx_trt.runtime.openvino import OpenVinoSession
from fiqx_trt.runtime.paired import PairedSession, open_paired
from fiqx_trt.runtime.tuning import Choice, Measured
from runtime.small_nets import images, residual_net
from runtime.test_backends import assert_law

GRAPH = read_graph(residual_net())
MEASURED = Measured(Choice(16, 2), 320.0, Choice(1, 1), 100.0)  # 0.1 s for up to 32 rows, or 0.01 s a row


@pytest.fixture
def opened() -> list[Choice]:
    return []


@pytest.fixture
def open_at(opened: list[Choice]) -> Callable[[Choice], Session]:
    def open_one(choice: Choice) -> Session:
        opened.append(choice)
        return OpenVinoSession(GRAPH, choice=choice)

    return open_one


def paired(open_at: Callable[[Choice], Session]) -> PairedSession:
    return PairedSession(open_at(MEASURED.choice), lambda: open_at(MEASURED.smallest), MEASURED)


def test_a_call_runs_where_it_is_faster() -> None:
    assert [MEASURED.smallest_is_faster(rows) for rows in (1, 6, 7, 32, 33)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert not Measured(Choice(3, 2), 60.0, Choice(3, 1), 40.0).smallest_is_faster(
        4
    )  # 0.1 s against 1.5 * 0.15 s


def test_the_second_short_call_opens_the_smallest(
    open_at: Callable[[Choice], Session], opened: list[Choice]
) -> None:
    with paired(open_at) as session:
        for rows in (40, 7, 0, 3, 40):  # one short call alone: the rest of a long run
            session.run({"image": images(rows)})
        assert opened == [Choice(16, 2)]
        session.run({"image": images(1)})
        session.run({"image": images(2)})
        assert opened == [Choice(16, 2), Choice(1, 1)]
        assert (session.batch, session.backend, session.inputs) == (16, "openvino", session._tuned.inputs)


def test_the_bits_do_not_depend_on_the_session(open_at: Callable[[Choice], Session]) -> None:
    with open_at(MEASURED.choice) as tuned, paired(open_at) as both:
        assert_law(both, "image", images(9))
        for rows in (1, 3, 9, 11, 40):
            want = tuned.run({"image": images(rows)})
            for name, value in both.run({"image": images(rows)}).items():
                np.testing.assert_array_equal(value, want[name])
        assert both._smallest is not None


def test_both_are_closed(open_at: Callable[[Choice], Session]) -> None:
    session = paired(open_at)
    for _ in range(2):
        session.run({"image": images(1)})
    inner = [session._tuned, session._smallest]
    session.close()
    assert all(one is not None and one._closed for one in inner)
    with pytest.raises(InferenceError, match="closed"):
        session.run({"image": images(1)})
    never = paired(open_at)
    never.close()
    never.close()


def test_a_bad_feed_is_told_as_ever(open_at: Callable[[Choice], Session]) -> None:
    with paired(open_at) as session:
        for feeds in ({"image": None}, {"image": np.array(1.0)}, {"image": [1]}, {"x": images(1)}, {}):
            with pytest.raises(InvalidInputError):
                session.run(feeds)  # type: ignore[arg-type]


def test_a_second_session_that_does_not_open_is_no_error(open_at: Callable[[Choice], Session]) -> None:
    tries: list[int] = []

    def fails() -> Session:
        tries.append(1)
        raise ModelError("no memory")

    with PairedSession(open_at(MEASURED.choice), fails, MEASURED) as session:
        for _ in range(4):
            assert all(len(value) == 1 for value in session.run({"image": images(1)}).values())
    assert tries == [1]


def test_one_choice_needs_no_second_session(open_at: Callable[[Choice], Session]) -> None:
    with open_paired(open_at, Measured(Choice(1, 1), 50.0, Choice(1, 1), 50.0)) as session:
        assert isinstance(session, OpenVinoSession)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_sessions_on_a_processor_are_paired(
    backend: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path))
    streams = 2 if backend == "openvino" else 1
    found = Measured(Choice(16, streams), 320.0, Choice(1, 1), 100.0)
    monkeypatch.setattr(tuning, "tune", lambda *_, **__: found)
    pytest.importorskip(backend)
    with open_session(residual_net(), backend=backend) as session:
        assert isinstance(session, PairedSession)
        assert session.batch == 16
        assert session.notes[-1].startswith("batch 16, ")
