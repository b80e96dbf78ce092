"""The choice of batch and streams: batch-invariant first, then fast; cached; never fatal."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.cache import Cache
from fiqx_trt.errors import InferenceError, InvalidInputError
from fiqx_trt.runtime import invariance, open_session, tuning
from fiqx_trt.runtime.base import Chunk, Session, TensorInfo
from fiqx_trt.runtime.graph import Graph, read_graph
from fiqx_trt.runtime.tuning import Choice
from runtime.small_nets import residual_net

INPUT = TensorInfo("x", (None, 4), np.dtype(np.float32))


class Clock:
    """Goes on only where a session says that time has passed, so that a busy machine cannot change a choice."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


CLOCK = Clock()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let tuning measure with the clock of `Timed`."""
    monkeypatch.setattr(tuning, "time", CLOCK)
    return CLOCK


class Timed(Session):
    """Takes a time per native run; `spoil` changes its bits, its place-dependence, or lets it fail."""

    def __init__(self, choice: Choice, *, seconds: float = 0.002, spoil: str = "") -> None:
        super().__init__(
            backend="timed",
            device="cpu",
            precision="fp32",
            batch=choice.batch,
            inputs=[INPUT],
            outputs=[INPUT],
        )
        self.seconds, self.spoil = seconds / choice.streams, spoil

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        CLOCK.now += self.seconds * len(chunks)
        return [{"x": self._answer(chunk["x"])} for chunk in chunks]

    def _answer(self, x: np.ndarray) -> np.ndarray:
        if self.batch > 1 and self.spoil == "fails":
            raise InferenceError("no memory")
        if self.batch > 1 and self.spoil == "bits":
            return x * np.float32(1.0000001)
        if self.batch > 1 and self.spoil == "place":
            return x + np.arange(len(x), dtype=np.float32)[:, None]
        if self.batch > 1 and self.spoil == "nearly":
            return x + 1e-5 * np.arange(len(x), dtype=np.float32)[:, None]
        return x.copy()

    def _close(self) -> None:
        self.seconds = 0.0


@given(
    threads=st.integers(1, 256),
    max_batch=st.none() | st.integers(1, 300),
    static=st.none() | st.integers(1, 8),
)
def test_levels_grow_and_stay_within_the_request(
    threads: int, max_batch: int | None, static: int | None
) -> None:
    groups = tuning.levels(threads, max_batch, static)
    sizes = [group[0].batch for group in groups]
    assert sizes == sorted(set(sizes))
    assert all(choice.batch == size for group, size in zip(groups, sizes, strict=True) for choice in group)
    assert all(group[0].streams == 1 and group[-1].streams == threads for group in groups)
    if static is not None:
        assert sizes == [static]
    else:
        assert sizes[0] == 1
        assert sizes[-1] == (64 if max_batch is None else max_batch)


@pytest.mark.usefixtures("clock")
def test_the_fastest_batch_is_chosen() -> None:
    measured = tuning.tune(Timed, tuning.levels(1, 16), [INPUT])
    assert measured.choice == Choice(16, 1)
    assert measured.smallest == Choice(1, 1)
    assert measured.rate > 1000 > measured.smallest_rate


@pytest.mark.usefixtures("clock")
def test_streams_are_chosen_where_they_pay() -> None:
    assert tuning.tune(Timed, tuning.levels(2, 1), [INPUT]).choice == Choice(1, 2)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("spoil", ["bits", "place", "fails"])
def test_a_batch_with_other_bits_is_never_chosen_however_fast(spoil: str) -> None:
    def open_at(choice: Choice) -> Session:
        return Timed(choice, spoil=spoil)

    assert tuning.tune(open_at, tuning.levels(1), [INPUT]).choice == Choice(1, 1)


@pytest.mark.usefixtures("clock")
def test_the_smallest_choice_gives_the_bits_of_the_law() -> None:
    """One row on all threads gives other bits than on one: such a choice is not even the smallest one."""

    class Divided(Timed):
        def _answer(self, x: np.ndarray) -> np.ndarray:
            return x * np.float32(1.0000001) if self.divides else x.copy()

    def open_at(choice: Choice, threads: int = 2) -> Session:
        session = Divided(choice)
        session.divides = choice.streams < threads and choice.batch == 1
        return session

    measured = tuning.tune(
        open_at, tuning.levels(2, 4), [INPUT], open_reference=lambda: open_at(Choice(1, 1), 1)
    )
    assert measured.smallest == Choice(1, 2)
    assert measured.choice.batch == 4


def test_a_slow_network_is_not_tried_for_long(clock: Clock) -> None:
    start = clock.now
    measured = tuning.tune(lambda c: Timed(c, seconds=0.3 * c.batch), tuning.levels(1), [INPUT])
    assert measured.choice == Choice(1, 1)
    assert clock.now - start < 4


def graph_of_rows(**changes: object) -> Graph:
    graph = read_graph(residual_net())
    return type(graph)(**{**vars(graph), "inputs": (INPUT,), **changes})


@pytest.mark.parametrize(
    ("good", "wanted", "batch", "text"),
    [
        (8, 8, 8, "batch 8: rows are bit-identical at any position"),
        (
            32,
            128,
            32,
            "batch 32: in a batch of 128 a row's bits depend on its position; in a batch of 64 a row's",
        ),
        (8, 32, 8, "batch 8: in a batch of 32 a row's bits depend on its position"),
        (1, 8, 1, "batch 1: in a batch of 8 a row's bits depend on its position"),
        (1, 256, 1, "batch 1: in a batch of 256 "),
    ],
)
def test_the_largest_invariant_batch_is_kept_open(
    good: int, wanted: int, batch: int, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    opened: list[Timed] = []

    def open_at(choice: Choice) -> Timed:
        opened.append(Timed(choice, spoil="place" if choice.batch > good else ""))
        return opened[-1]

    session, reason = tuning.batch_invariant_session(open_at, graph_of_rows(), wanted)
    assert session is opened[-1], "a session that passed is not opened again"
    assert session.batch == batch
    assert reason.startswith(text)
    session.run({"x": np.zeros((1, 4), np.float32)})
    for closed in opened[:-1]:
        with pytest.raises(InferenceError, match="closed"):
            closed.run({"x": np.zeros((1, 4), np.float32)})
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    slow = f"timed on cpu runs {batch} rows at a time instead of {wanted}, which is slower: in a batch of "
    assert len(warned) == (batch < wanted)
    assert all(line.startswith(slow) for line in warned)


def test_a_batch_that_does_not_run_or_is_fixed() -> None:
    graph = graph_of_rows()

    def open_at(choice: Choice) -> Timed:
        return Timed(choice, spoil="fails" if choice.batch > 8 else "")

    session, reason = tuning.batch_invariant_session(open_at, graph, 16)
    assert (session.batch, reason) == (8, "batch 8: a batch of 16 does not run (no memory)")
    session, reason = tuning.batch_invariant_session(Timed, graph, 1)
    assert (session.batch, reason) == (1, "batch 1: requested")
    session, reason = tuning.batch_invariant_session(Timed, graph_of_rows(static_batch=3), 8)
    assert (session.batch, reason) == (3, "batch 3: fixed in the file")


@pytest.mark.usefixtures("clock")
def test_the_choice_is_remembered_per_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path))
    opened: list[Choice] = []

    def open_at(choice: Choice) -> Session:
        opened.append(choice)
        return Timed(choice)

    first = tuning.tuned(("a", 1), open_at, tuning.levels(1, 4), [INPUT])
    assert first[1].startswith("batch 4, 1 stream(s): measured ")
    count = len(opened)
    assert tuning.tuned(("a", 1), open_at, tuning.levels(1, 4), [INPUT]) == first
    assert len(opened) == count
    tuning.tuned(("a", 2), open_at, tuning.levels(1, 4), [INPUT])
    assert len(opened) > count


def test_a_spoiled_memory_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path))
    wanted = {"batch": int, "streams": int}
    tuning.remember(("k",), batch=4, streams=1)
    (file,) = (tmp_path / "runtime").glob("*.json")
    whole = file.read_bytes()
    assert tuning.recall(("k",), wanted) is not None
    contents = (
        b"",
        b"{",
        b"[]",
        b'{"format": 0}',
        b'{"format": 3, "key": ["other"]}',
        b"\xff\xfe",
        b"[" * 10**5,
    )
    missing, text, logical = (
        whole.replace(b'"batch": 4', new) for new in (b'"other": 4', b'"batch": "4"', b'"batch": true')
    )
    for content in (*contents, missing, text, logical):
        Cache(tmp_path / "runtime").write(file.name, content)  # with its hash, as another version might
        assert tuning.recall(("k",), wanted) is None
    for content in (b"", whole.replace(b"4", b"8"), whole[:-1]):
        file.write_bytes(content)
        assert tuning.recall(("k",), wanted) is None


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch", 10**9),
        ("batch", 3),
        ("streams", -1),
        ("smallest_batch", 4),
        ("rows_per_second", 0.0),
        ("rows_per_second", math.nan),
    ],
)
def test_settings_that_no_measurement_gave_are_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path))
    first = tuning.tuned(("a",), Timed, tuning.levels(1, 4), [INPUT])
    kept = {"batch": 4, "streams": 1, "rows_per_second": 1.0, "smallest_rows_per_second": 1.0}
    kept |= {"smallest_batch": 1, "smallest_streams": 1}
    tuning.remember(("a",), **{**kept, name: value})
    assert tuning.tuned(("a",), Timed, tuning.levels(1, 4), [INPUT])[0].choice == first[0].choice


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path))
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime").chmod(0o500)
    tuning.remember(("k",), batch=4)
    assert tuning.recall(("k",), {"batch": int}) is None


def test_a_session_opened_twice_is_tuned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIQX_CACHE_DIR", str(tmp_path))
    notes = []
    for _ in range(2):
        with open_session(residual_net(), backend="openvino", threads=1, max_batch=4) as session:
            notes.append(session.notes)
    assert notes[0] == notes[1]
    assert len(list((tmp_path / "runtime").glob("*.json"))) == 1


def test_random_feeds_are_the_same_every_time() -> None:
    whole = TensorInfo("n", (None, 2, None), np.dtype(np.uint8))
    a, b = (tuning.sample([INPUT, whole], 3) for _ in range(2))
    for name in ("x", "n"):
        np.testing.assert_array_equal(a[name], b[name])
    assert a["n"].dtype == np.uint8
    assert a["n"].shape == (3, 2, 1)


@pytest.mark.parametrize(("tolerance", "batch"), [("", 1), ("1e-9", 1), ("1e-2", 8)])
def test_the_user_may_accept_a_difference_between_positions(
    monkeypatch: pytest.MonkeyPatch, tolerance: str, batch: int
) -> None:
    monkeypatch.setenv("FIQX_ROW_TOLERANCE", tolerance)

    def open_at(choice: Choice) -> Timed:
        return Timed(choice, spoil="nearly")

    session, reason = tuning.batch_invariant_session(open_at, graph_of_rows(), 8)
    assert session.batch == batch
    if batch == 8:
        assert (
            reason == "batch 8: rows agree at any position to 0.01 of the largest value (FIQX_ROW_TOLERANCE)"
        )


@pytest.mark.parametrize("text", ["much", "-1", "0.5", "nan"])
def test_a_tolerance_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FIQX_ROW_TOLERANCE", text)
    with pytest.raises(
        InvalidInputError, match=f"FIQX_ROW_TOLERANCE is '{text}' in the environment; give a share"
    ):
        invariance.row_tolerance()


def test_values_that_are_not_finite_agree_with_themselves_alone() -> None:
    nan, one = np.array([np.nan, 1]), np.array([0.0, 1])
    assert invariance.agree(nan, nan)
    assert not invariance.agree(nan, one, 0.01)
    assert not invariance.agree(one, one[:1], 0.01)
