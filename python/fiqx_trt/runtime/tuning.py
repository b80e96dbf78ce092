"""Choose rows per native run and parallel streams: measured once per machine and cached.

A choice must give the same bits as batch 1 on one stream (on one thread, where a backend divides the work of one row over
threads), for every row at two positions. So the choice, which depends on timings and on the number of threads, affects
only the speed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from fiqx_trt.cache import Cache, cache_dir
from fiqx_trt.errors import FiqxError
from fiqx_trt.runtime.base import Array, Chunk, Session, TensorInfo
from fiqx_trt.runtime.graph import Graph
from fiqx_trt.runtime.invariance import is_batch_invariant, row_tolerance, with_tolerance

__all__ = [
    "REFERENCE",
    "Choice",
    "Measured",
    "batch_invariant_session",
    "feeds_digest",
    "levels",
    "recall",
    "remember",
    "sample",
    "smaller_batches",
    "tune",
    "tuned",
]

logger = logging.getLogger(__name__)

Open = Callable[["Choice"], Session]
Opened = TypeVar("Opened", bound=Session)

BATCHES = (1, 4, 16, 64)
FALLBACKS = (128, 64, 32, 8, 1)  # for a batch that fails on a device whose batch is fixed
GAIN = 1.10  # a larger batch or a second stream must be this much faster to be worth its padding or latency
SURE = 1.5  # the smallest choice must be this much faster in a short call: rates vary with what else runs
PATIENCE = 1.0  # seconds that running one choice may take
DEADLINE = 4.0  # seconds after which no larger batch is tried
FORMAT = 3
PART = "runtime"  # of the cache
_CHOICES = ("batch", "streams", "smallest_batch", "smallest_streams")
_RATES = ("rows_per_second", "smallest_rows_per_second")


@dataclass(frozen=True)
class Choice:
    """Rows of one native run, and number of runs in flight, each in its own thread."""

    batch: int
    streams: int


REFERENCE = Choice(1, 1)


@dataclass(frozen=True)
class Measured:
    """A choice and the smallest choice, with their measured rates.

    Attributes
    ----------
    choice, rate
        The fastest batch-invariant choice, and its rows per second when every native run is full.
    smallest, smallest_rate
        The same of the smallest choice, whose bits all others must give.
    """

    choice: Choice
    rate: float
    smallest: Choice
    smallest_rate: float

    def smallest_is_faster(self, rows: int) -> bool:
        """Return whether a call of so many rows is faster with the smallest choice, by a safe margin.

        Examples
        --------
        >>> measured = Measured(Choice(16, 2), 320.0, Choice(1, 1), 100.0)
        >>> [measured.smallest_is_faster(rows) for rows in (1, 5, 16, 64)]
        [True, True, False, False]
        """
        seconds = _padded(rows, self.choice.batch * self.choice.streams) / self.rate
        return SURE * _padded(rows, self.smallest.batch) / self.smallest_rate < seconds


def levels(threads: int, max_batch: int | None = None, static_batch: int | None = None) -> list[list[Choice]]:
    """Return the choices to measure, grouped by batch size, the smallest first.

    Examples
    --------
    >>> [[(c.batch, c.streams) for c in group] for group in levels(2, max_batch=4)]
    [[(1, 1), (1, 2)], [(4, 1), (4, 2)]]
    """
    if static_batch is not None:
        sizes = [static_batch]
    else:
        largest = BATCHES[-1] if max_batch is None else max_batch
        sizes = [b for b in BATCHES if b < largest] + [largest]
    streams = sorted({1, max(1, threads // 4), max(1, threads // 2), threads})
    return [[Choice(size, s) for s in streams] for size in sizes]


def tuned(
    key: Sequence[object],
    open_at: Open,
    options: Sequence[Sequence[Choice]],
    inputs: Sequence[TensorInfo],
    *,
    open_reference: Callable[[], Session] | None = None,
) -> tuple[Measured, str]:
    """Return the cached measurement of a key, or measure and cache it, and a sentence about the choice.

    ``key`` holds everything that the speed depends on: backend, its version, processor, model, precision, threads. The other
    arguments are those of :func:`tune`.
    """
    first = options[0][0]
    if sum(len(group) for group in options) == 1:
        return Measured(first, 1.0, first, 1.0), f"batch {first.batch}: the only choice"
    measured = _recall_measured(key, options)
    if measured is None:
        fastest = tune(open_at, options, inputs, open_reference=open_reference)
        measured = replace(
            fastest, rate=_rounded(fastest.rate), smallest_rate=_rounded(fastest.smallest_rate)
        )
        remember(
            key,
            batch=measured.choice.batch,
            streams=measured.choice.streams,
            smallest_batch=measured.smallest.batch,
            smallest_streams=measured.smallest.streams,
            rows_per_second=measured.rate,
            smallest_rows_per_second=measured.smallest_rate,
        )
    choice = measured.choice
    return measured, f"batch {choice.batch}, {choice.streams} stream(s): measured {measured.rate:.4g} rows/s"


def smaller_batches(batch: int) -> list[int]:
    """Return the batches to try where a batch fails, in this order.

    Examples
    --------
    >>> smaller_batches(32), smaller_batches(4)
    ([8, 1], [1])
    """
    return [size for size in FALLBACKS if size < batch]


def batch_invariant_session(
    open_at: Callable[[Choice], Opened], graph: Graph, batch: int
) -> tuple[Opened, str]:
    """Return a session with the given batch, or the next smaller one that gives rows the same bits anywhere, and the reason.

    For devices whose kernels differ between batch sizes: there the batch is fixed, not measured. A smaller batch than the
    given one is also logged as a warning: it is slower.
    """
    if graph.static_batch is not None:
        return open_at(Choice(graph.static_batch, 1)), f"batch {graph.static_batch}: fixed in the file"
    if batch == 1:
        return open_at(REFERENCE), "batch 1: requested"
    problems: list[str] = []
    for size in (batch, *smaller_batches(batch)):
        session, problem = _open_invariant(open_at, graph, size)
        if session is not None:
            equal = (
                "rows agree at any position" if row_tolerance() else "rows are bit-identical at any position"
            )
            reason = "; ".join(problems) or with_tolerance(equal)
            if problems:
                logger.warning(
                    "%s on %s runs %d rows at a time instead of %d, which is slower: %s",
                    session.backend, session.device, size, batch, reason,
                )  # fmt: skip
            return session, f"batch {size}: {reason}"
        problems.append(problem)
    raise AssertionError("unreachable: batch 1 is opened or raises")


def _open_invariant(
    open_at: Callable[[Choice], Opened], graph: Graph, size: int
) -> tuple[Opened | None, str]:
    """Return a session of a batch, or None and what is wrong with that batch; a session of batch 1 is always returned."""
    if size == 1:
        return open_at(REFERENCE), ""
    session: Opened | None = None
    try:
        session = open_at(Choice(size, 1))
        if is_batch_invariant(session, sample(graph.inputs, size), tolerance=row_tolerance()):
            return session, ""
        problem = f"in a batch of {size} a row's bits depend on its position"
    except FiqxError as error:
        problem = f"a batch of {size} does not run ({error})"
    if session is not None:
        session.close()
    return None, problem


def tune(
    open_at: Open,
    options: Sequence[Sequence[Choice]],
    inputs: Sequence[TensorInfo],
    *,
    open_reference: Callable[[], Session] | None = None,
) -> Measured:
    """Measure the choices and return the fastest batch-invariant one.

    Stops at the first batch size that is not faster, or that would take too long to measure.

    Parameters
    ----------
    open_at
        Opens a session with a given choice.
    options
        Choices by batch size, as from :func:`levels`; the first batch-invariant one is the reference for the speed.
    inputs
        The graph's inputs, for the random rows.
    open_reference
        Opens the session whose bits a choice must give; default: the session of the very first choice.
    """
    first = (
        options[0][0]
        if open_reference is None
        else _first_invariant(open_at, options[0], inputs, open_reference)
    )
    best, best_gain = first, 1.0
    with open_at(first) as reference:
        rate = _rate(reference, sample(inputs, max(2, first.batch)))
        end = time.perf_counter() + DEADLINE
        for group in options:
            larger = group is not options[0]
            if larger and (4 * group[0].batch / rate > PATIENCE or time.perf_counter() > end):
                break
            gains = {choice: _gain(open_at, choice, reference, inputs) for choice in group if choice != first}
            fastest = max(gains, key=lambda choice: gains[choice], default=best)
            if gains.get(fastest, 0.0) > GAIN * best_gain:
                best, best_gain = fastest, gains[fastest]
            elif larger:
                break
    return Measured(best, rate * best_gain, first, rate)


def _first_invariant(
    open_at: Open,
    choices: Sequence[Choice],
    inputs: Sequence[TensorInfo],
    open_reference: Callable[[], Session],
) -> Choice:
    """Return the first choice with the bits of the reference; the very first one where there is none."""
    rows = sample(inputs, max(2, choices[0].batch))
    with open_reference() as single_threaded:
        expected = single_threaded.run(rows)
    for choice in choices:
        with open_at(choice) as session:
            if is_batch_invariant(session, rows, expected):
                return choice
            logger.info("%s with %s gives other bits than one thread", session.backend, choice)
    return choices[0]


def _gain(open_at: Open, choice: Choice, reference: Session, inputs: Sequence[TensorInfo]) -> float:
    """Return the speed of a choice relative to the reference; 0 where it is not batch-invariant or does not run."""
    rows = sample(inputs, max(2, choice.batch))
    try:
        with open_at(choice) as session:
            if not is_batch_invariant(session, rows, reference.run(rows)):
                logger.info(
                    "%s with %s gives other bits than batch 1 and is not used", session.backend, choice
                )
                return 0.0
            count = max(2 * choice.batch * choice.streams, 4)
            many = {name: np.resize(array, (count, *array.shape[1:])) for name, array in rows.items()}
            # The reference is measured beside each choice: the machine may be busier now than a second ago.
            few = sample(inputs, max(2, reference.batch))
            before, rate, after = _rate(reference, few), _rate(session, many), _rate(reference, few)
            return rate / max(before, after)
    except FiqxError as error:
        logger.info("%s does not open or run (%s) and is not used", choice, error)
        return 0.0


def _rate(session: Session, rows: Chunk) -> float:
    count = len(next(iter(rows.values())))
    session.run(rows)
    seconds: list[float] = []
    while len(seconds) < 5 and sum(seconds) < PATIENCE / 8:
        start = time.perf_counter()
        session.run(rows)
        seconds.append(time.perf_counter() - start)
    return count / max(min(seconds), 1e-9)


def sample(inputs: Sequence[TensorInfo], rows: int) -> Chunk:
    """Return random feeds (standard normal, or 0…255 for integers), the same ones for the same inputs."""
    rng = np.random.default_rng(20)
    feeds: Chunk = {}
    for info in inputs:
        shape = (rows, *(d or 1 for d in info.shape[1:]))
        if np.issubdtype(info.dtype, np.floating):
            feeds[info.name] = rng.standard_normal(shape, dtype=np.float32).astype(info.dtype)
        else:
            feeds[info.name] = rng.integers(0, 256, shape).astype(info.dtype)
    return feeds


def feeds_digest(feeds: Mapping[str, Array]) -> str:
    """Return the SHA-256 of feeds by name: shapes, dtypes and contents."""
    bits = hashlib.sha256()
    for name in sorted(feeds):
        array = np.ascontiguousarray(feeds[name])
        bits.update(f"{name} {array.shape} {array.dtype} ".encode())
        bits.update(array.tobytes())
    return bits.hexdigest()


def recall(key: Sequence[object], wanted: Mapping[str, type]) -> dict[str, Any] | None:
    """Return the cached values of a key with the wanted names and types; None where there are none."""
    data = Cache(cache_dir(PART)).read(_file_name(key))
    try:
        content = None if data is None else json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("key") != _plain(key):
        return None
    # type(), not isinstance(): True is no number of rows.
    return content if all(type(content.get(name)) is kind for name, kind in wanted.items()) else None


def remember(key: Sequence[object], **values: object) -> None:
    """Cache values under a key for later runs; a cache that cannot be written is not an error."""
    content = {"format": FORMAT, "key": _plain(key), **values}
    Cache(cache_dir(PART)).write(_file_name(key), json.dumps(content, indent=1).encode())


def _recall_measured(key: Sequence[object], options: Sequence[Sequence[Choice]]) -> Measured | None:
    entry = recall(key, {**dict.fromkeys(_CHOICES, int), **dict.fromkeys(_RATES, float)})
    if entry is None:
        return None
    numbers, rates = [entry[name] for name in _CHOICES], [entry[name] for name in _RATES]
    choice, smallest = Choice(*numbers[:2]), Choice(*numbers[2:])
    known = any(choice in group for group in options) and smallest in options[0]
    if not known or not all(0 < rate < math.inf for rate in rates):
        return None
    return Measured(choice, rates[0], smallest, rates[1])


def _rounded(rate: float) -> float:
    return float(f"{rate:.4g}")


def _padded(rows: int, size: int) -> int:
    return -(-rows // size) * size


def _plain(key: Sequence[object]) -> list[str]:
    return [str(part) for part in key]


def _file_name(key: Sequence[object]) -> str:
    return f"{hashlib.sha256(json.dumps(_plain(key)).encode()).hexdigest()[:32]}.json"
