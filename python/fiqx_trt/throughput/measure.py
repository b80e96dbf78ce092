"""Subjects side by side: rounds in which each takes its turn, and its rate relative to a baseline of the same round."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from fiqx_trt.errors import FiqxError, InvalidInputError

__all__ = ["ROUNDS", "Subject", "Throughput", "measure"]

ROUNDS = 5
"""Rounds, unless a subject is so slow that its time is over before."""

_PATIENCE = 8  # times the subject's time: a first run that took longer is not repeated to learn the speed


@dataclass(frozen=True)
class Subject:
    """Something to measure.

    Parameters
    ----------
    name, what
        A word to choose it by, and a line that says what it is.
    run
        Does it for a number of images.
    least
        Images of the smallest run that is worth measuring: a full batch, where images travel together.
    """

    name: str
    what: str
    run: Callable[[int], None]
    least: int = 1


@dataclass(frozen=True)
class Throughput:
    """What a subject did.

    Parameters
    ----------
    name, what
        The subject's.
    rates, ratios
        Images per second in each round, and that divided by the baseline's rate around that round.
    images
        Images of all rounds.
    error
        Why it could not be measured; empty when it was.
    """

    name: str
    what: str
    rates: tuple[float, ...] = ()
    ratios: tuple[float, ...] = ()
    images: int = 0
    error: str = ""

    @property
    def rate(self) -> float:
        """Median of the rounds' rates; NaN where nothing was measured."""
        return median(self.rates) if self.rates else math.nan

    @property
    def ratio(self) -> float:
        """Median of the rounds' ratios to the baseline; NaN where nothing was measured."""
        return median(self.ratios) if self.ratios else math.nan


@dataclass
class _Turn:
    """A subject with the images and rounds that its time allows."""

    subject: Subject
    count: int = 0
    rounds: int = 0
    error: str = ""

    def prepare(self, seconds: float, rounds: int, clock: Callable[[], float]) -> None:
        """Run once to warm up, which may compile something, and once more to learn the speed."""
        try:
            spent = _timed(self.subject, self.subject.least, clock)
            if spent < _PATIENCE * seconds:
                spent = _timed(self.subject, self.subject.least, clock)
        except FiqxError as error:
            self.error = " ".join(str(error).split())
            return
        share = seconds / rounds
        self.count = self.subject.least * max(1, round(share / max(spent, 1e-9)))
        self.rounds = rounds if spent <= share else max(1, math.floor(seconds / spent))


def measure(
    baseline: Subject,
    subjects: Sequence[Subject],
    *,
    seconds: float = 4.0,
    rounds: int = ROUNDS,
    notice: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Throughput]:
    """Measure a baseline and some subjects in rounds.

    In each round the baseline runs, then every subject; a ratio compares a subject with the mean of the baseline
    before and after its round, so that what else the machine does falls on both.

    Parameters
    ----------
    baseline
        What the others are compared with.
    subjects
        The others.
    seconds
        Time of each subject, warming up not counted; one run at least.
    rounds
        Into how many rounds that time is divided.
    notice
        Told what happens, a line at a time.
    clock
        Seconds.

    Returns
    -------
    list of Throughput
        The baseline's and the subjects', in order. A subject that cannot run has an error in the place of rates.

    Raises
    ------
    InvalidInputError
        ``seconds`` or ``rounds`` is out of range.
    FiqxError
        The baseline cannot run.
    """
    if not 0 < seconds < math.inf or rounds < 1:
        raise InvalidInputError(f"seconds and rounds are above 0, not {seconds} and {rounds}")
    turns = [_Turn(subject) for subject in (baseline, *subjects)]
    first = turns[0]
    for turn in turns:
        notice(f"warming up: {turn.subject.name}")
        turn.prepare(seconds, rounds, clock)
    if first.error:
        baseline.run(baseline.least)  # raises what it raised
    needed = max(turn.rounds for turn in turns)
    rates: dict[str, list[float]] = {turn.subject.name: [] for turn in turns}
    for index in range(needed):
        notice(f"round {index + 1} of {needed}")
        for turn in turns:
            if turn is first or index < turn.rounds:
                rates[turn.subject.name].append(turn.count / _timed(turn.subject, turn.count, clock))
    around = [*rates[baseline.name], first.count / _timed(baseline, first.count, clock)]
    return [_result(turn, rates[turn.subject.name], around, turn is first) for turn in turns]


def _result(turn: _Turn, rates: Sequence[float], around: Sequence[float], same: bool) -> Throughput:
    """`around` are the baseline's rates before each round and after the last; images per time, so means are harmonic."""
    beside = [2.0 / (1.0 / around[index] + 1.0 / around[index + 1]) for index in range(len(rates))]
    ratios = [1.0 if same else rate / base for rate, base in zip(rates, beside, strict=True)]
    subject = turn.subject
    return Throughput(
        subject.name, subject.what, tuple(rates), tuple(ratios), turn.count * len(rates), turn.error
    )


def _timed(subject: Subject, count: int, clock: Callable[[], float]) -> float:
    start = clock()
    subject.run(count)
    return max(clock() - start, 1e-9)
