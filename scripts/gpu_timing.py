"""How `gpu_check` measures: a report with problems and promises, times of calls and of launches, rates of the card."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

#: Every part in small, on the processor: exercises the code and measures nothing of worth.
DRY = bool(os.environ.get("FIQX_GPU_DRY_RUN"))
DEVICE = "cpu" if DRY else "cuda"
#: Seconds of work before a rate is taken: a card at rest runs at a fraction of its clock.
WARM = 0.0 if DRY else 0.5
#: Launches between two events, and measurements whose median counts.
LAUNCHES, ROUNDS = (2, 1) if DRY else (20, 7)


class Report:
    """Numbers, problems that make the stage fail, and promises that were kept or missed."""

    def __init__(self) -> None:
        self.numbers: dict[str, Any] = {}
        self.problems: list[str] = []

    def require(self, holds: bool, what: str) -> None:
        if not holds:
            self.problems.append(what)

    def promise(self, what: str, value: float, limit: float) -> None:
        """Note a measured share beside the least that was promised of it; both come from the same run."""
        kept = "a dry run" if DRY else "kept" if value >= limit else "missed"
        self.numbers[f"promise: {what}"] = f"{value:.3f}, at least {limit}: {kept}"

    def attempt(self, what: str, work: Callable[[], Any]) -> Any:
        """Run a part; what it raises is a problem, and the rest goes on."""
        try:
            return work()
        except Exception as error:
            self.problems.append(
                f"{what}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            )
            return None


def wait() -> None:
    """Wait until the device is idle."""
    import torch

    if DEVICE == "cuda":
        torch.cuda.synchronize()


def seconds(work: Callable[[], Any], *, least: float = 0.3) -> float:
    """Return the time of one call with the host's part: the best of several, each until the device is idle."""
    if not DRY:
        work()
        wait()
    best, spent = float("inf"), 0.0
    while best == float("inf") or (spent < least and not DRY):
        start = time.perf_counter()
        work()
        wait()
        took = time.perf_counter() - start
        best, spent = min(best, took), spent + took
    return best


def launch_seconds(calls: Sequence[Callable[[], Any]]) -> float:
    """Return the device's time of one call: calls by turns, many between two events, the median of several such rounds.

    A launch and a wait take longer than many kernels; and a call that finds its operands in the cache is too fast. So give
    calls whose operands together are several times the cache (:func:`turns`).
    """
    warm(calls[0])
    rounds = [_round(calls) for _ in range(ROUNDS)]
    return statistics.median(rounds) / (LAUNCHES * len(calls))


def _round(calls: Sequence[Callable[[], Any]]) -> float:
    import torch

    if DEVICE != "cuda":
        start = time.perf_counter()
        for _ in range(LAUNCHES):
            for call in calls:
                call()
        return time.perf_counter() - start
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    for _ in range(LAUNCHES):
        for call in calls:
            call()
    last.record()
    last.synchronize()
    return float(first.elapsed_time(last)) / 1e3


def warm(work: Callable[[], Any]) -> None:
    """Work until the clocks are up."""
    work()
    wait()
    end = time.perf_counter() + WARM
    while time.perf_counter() < end:
        work()
        wait()


def turns(nbytes: int) -> int:
    """Return how many sets of operands of a size are four times the card's cache, two at the least."""
    import torch

    cache = torch.cuda.get_device_properties(0).L2_cache_size if DEVICE == "cuda" else 0
    return max(2, -(-4 * cache // max(nbytes, 1)))


def matrix_rate() -> float:
    """Return the dense fp16 rate of the card, measured, in operations per second."""
    import torch

    n, dtype = (64, torch.float32) if DRY else (8192, torch.float16)
    a, b = (torch.randn(n, n, device=DEVICE, dtype=dtype) for _ in range(2))
    return 2 * n**3 / launch_seconds([lambda: a @ b])


def copy_rate() -> float:
    """Return what a copy within the device reads and writes, in bytes per second."""
    import torch

    block = torch.empty(1 << (16 if DRY else 30), dtype=torch.uint8, device=DEVICE)
    target = torch.empty_like(block)
    return 2 * block.nbytes / launch_seconds([lambda: target.copy_(block)])
