"""Rates and ratios against a clock that is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqx_trt.errors import BackendError, InvalidInputError
from fiqx_trt.throughput.measure import ROUNDS, Subject, measure


class Machine:
    """A machine with its own clock: every image takes a known time, times what else is going on."""

    def __init__(self, load: Callable[[float], float] = lambda _: 1.0) -> None:
        self.now = 0.0
        self.load = load
        self.runs: list[tuple[str, int]] = []

    def subject(self, name: str, seconds: float, *, least: int = 1, first: float = 0.0) -> Subject:
        def run(count: int) -> None:
            warm = any(ran == name for ran, _ in self.runs)
            self.runs.append((name, count))
            self.now += count * seconds * self.load(self.now) + (0.0 if warm else first)

        return Subject(name, name, run, least)

    def clock(self) -> float:
        return self.now


@given(
    cost=st.floats(1e-5, 20.0),
    base=st.floats(1e-5, 20.0),
    least=st.integers(1, 64),
    first=st.floats(0.0, 100.0),
)
def test_on_a_quiet_machine_rates_and_ratios_are_exact(
    cost: float, base: float, least: int, first: float
) -> None:
    machine = Machine()
    subjects = [machine.subject("it", cost, least=least, first=first)]
    results = measure(machine.subject("base", base), subjects, seconds=4.0, clock=machine.clock)
    assert [result.name for result in results] == ["base", "it"]
    assert results[0].rate == pytest.approx(1 / base)
    assert results[1].rate == pytest.approx(1 / cost)
    assert results[1].ratio == pytest.approx(base / cost)
    assert results[0].ratios == (1.0,) * len(results[0].rates)
    assert 1 <= len(results[1].rates) <= ROUNDS
    assert results[1].images % least == 0
    # its time is kept, but for rounding to whole runs
    assert results[1].images * cost <= max(4.0 * 1.51, least * cost * 1.001)


def test_a_machine_that_slows_down_steadily_leaves_the_ratio() -> None:
    machine = Machine(lambda now: 1.0 + now / 20)
    _, result = measure(
        machine.subject("base", 0.001), [machine.subject("it", 0.003)], seconds=4.0, clock=machine.clock
    )
    assert result.ratio == pytest.approx(1 / 3, rel=0.05)
    assert max(result.rates) / min(result.rates) > 1.3


def test_subjects_take_turns() -> None:
    machine = Machine()
    subjects = [machine.subject(name, 0.01) for name in "ab"]
    measure(machine.subject("base", 0.01), subjects, seconds=1.0, rounds=3, clock=machine.clock)
    warm = [name for name, count in machine.runs if count == 1]
    assert warm == ["base", "base", "a", "a", "b", "b"]
    turns = [name for name, count in machine.runs if count > 1]
    assert turns == ["base", "a", "b"] * 3 + ["base"]


def test_a_slow_subject_runs_once_and_a_very_slow_one_is_not_tried_twice_before() -> None:
    machine = Machine()
    subjects = [machine.subject("slow", 3.0), machine.subject("slower", 50.0)]
    _, slow, slower = measure(machine.subject("base", 0.01), subjects, seconds=4.0, clock=machine.clock)
    assert len(slow.rates) == len(slower.rates) == 1
    assert [name for name, _ in machine.runs].count("slow") == 3
    assert [name for name, _ in machine.runs].count("slower") == 2


def broken(_: int) -> None:
    raise BackendError("it  does\nnot run")


def test_a_subject_that_does_not_run_says_why_and_stops_nothing() -> None:
    machine = Machine()
    subjects = [Subject("bad", "bad", broken), machine.subject("good", 0.01)]
    _, bad, good = measure(machine.subject("base", 0.01), subjects, clock=machine.clock)
    assert bad.error == "it does not run"
    assert math.isnan(bad.rate)
    assert math.isnan(bad.ratio)
    assert good.ratio == pytest.approx(1.0)
    with pytest.raises(BackendError, match="it  does"):
        measure(Subject("bad", "bad", broken), [machine.subject("good", 0.01)], clock=machine.clock)


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0, 5), (math.nan, 5), (math.inf, 5), (1.0, 0)])
def test_out_of_range(seconds: float, rounds: int) -> None:
    with pytest.raises(
        InvalidInputError, match=f"seconds and rounds are above 0, not {seconds} and {rounds}"
    ):
        measure(Subject("a", "a", broken), [], seconds=seconds, rounds=rounds)
