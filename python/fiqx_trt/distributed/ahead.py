"""Calls that wait for a store, several at one time, with their results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    call: Callable[[Item], Result], items: Iterable[Item], *, threads: int = 16, waiting: int = 64
) -> Iterator[Result]:
    """Yield the result of a call for each item, in the order of the items.

    Parameters
    ----------
    call
        Called in threads.
    items
        Taken in the caller's thread, some ahead of the results.
    threads
        Calls at one time.
    waiting
        Results that may wait to be taken.

    Raises
    ------
    Exception
        What `items` raises, and what a call raises, after the results before it.

    Examples
    --------
    >>> list(in_order(lambda n: n * n, range(4), threads=2, waiting=2))
    [0, 1, 4, 9]
    """
    with ThreadPoolExecutor(threads, "fiqx-parts") as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(call, item))
                if len(pending) >= waiting:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
