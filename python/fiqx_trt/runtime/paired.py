"""Calls of a few rows, on a session that was tuned for thousands.

Sixteen rows on each of two streams may be the fastest choice for a folder of faces, and the slowest for one face: the native run
is padded and the other stream's processors idle. Tuning has made sure that the smallest choice gives the same bits, so a
call may run on either, and only its time depends on which.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from fiqx_trt.errors import FiqxError
from fiqx_trt.runtime.base import Array, Chunk, Feeds, Session
from fiqx_trt.runtime.tuning import Choice, Measured

__all__ = ["PairedSession", "open_paired"]


def open_paired(open_at: Callable[[Choice], Session], measured: Measured) -> Session:
    """Open a session with the choice that was measured, which runs short calls with the smallest one where they are frequent.

    Parameters
    ----------
    open_at
        Opens a session with a given choice.
    measured
        The choices, of which the smallest gives the same bits.
    """
    start = time.perf_counter()
    session = open_at(measured.choice)
    if measured.choice == measured.smallest:
        return session
    cost = time.perf_counter() - start
    return PairedSession(session, lambda: open_at(measured.smallest), measured, cost)


class PairedSession(Session):
    """A tuned session; beside it, once short calls have lost as much time as opening costs, the smallest one.

    Parameters
    ----------
    tuned
        The session of the tuned choice, which this one closes.
    open_smallest
        Opens the other.
    measured
        What both can do.
    cost
        Seconds that opening a session takes.
    """

    def __init__(
        self, tuned: Session, open_smallest: Callable[[], Session], measured: Measured, cost: float
    ) -> None:
        super().__init__(
            backend=tuned.backend,
            device=tuned.device,
            precision=tuned.precision,
            batch=tuned.batch,
            inputs=tuned.inputs,
            outputs=tuned.outputs,
            notes=tuned.notes,
        )
        self._tuned = tuned
        self._open_smallest = open_smallest
        self._smallest: Session | None = None
        self._measured = measured
        self._debt = cost

    def run(self, feeds: Feeds) -> dict[str, Array]:
        """Run the graph on any number of rows; see :meth:`Session.run`."""
        with self._turns.take():  # close() waits for it
            rows = max((a.shape[0] for a in feeds.values() if getattr(a, "shape", ())), default=0)
            return self._suited(rows).run(feeds)

    def _suited(self, rows: int) -> Session:
        """Return the session that is faster for so many rows, opened when that has paid."""
        saved = self._measured.seconds_saved(rows) if rows else 0.0
        if saved <= 0 or self._closed:
            return self._tuned
        if self._smallest is None:
            self._debt -= saved
            if self._debt > 0:
                return self._tuned
            try:
                self._smallest = self._open_smallest()
            except FiqxError:  # of memory, say: what is open works on
                self._debt = float("inf")
                return self._tuned
        return self._smallest

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        return self._tuned._run(chunks)

    def _close(self) -> None:
        self._tuned.close()
        if self._smallest is not None:
            self._smallest.close()
