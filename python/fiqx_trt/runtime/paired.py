"""Run short calls on a small session, beside a session that was tuned for thousands of rows.

The fastest choice for a folder of faces may be 16 rows on each of two streams. For one face it is the slowest: the
native run is padded and the processors of the other stream are idle. Tuning has checked that the smallest choice gives
the same bits, so the choice of the session affects only the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fiqx_trt.errors import FiqxError
from fiqx_trt.runtime.base import Array, Chunk, Feeds, Session
from fiqx_trt.runtime.tuning import Choice, Measured

__all__ = ["PairedSession", "open_paired"]


def open_paired(open_at: Callable[[Choice], Session], measured: Measured) -> Session:
    """Open a session with the measured choice; pair it with the smallest choice where they differ."""
    session = open_at(measured.choice)
    if measured.choice == measured.smallest:
        return session
    return PairedSession(session, lambda: open_at(measured.smallest), measured)


class PairedSession(Session):
    """A tuned session, and from the second short call on a session of the smallest choice.

    The first short call may be the last batch of a large run, which never needs the second session.

    Parameters
    ----------
    tuned
        The session of the tuned choice. It is closed with this one.
    open_smallest
        Opens the session of the smallest choice.
    measured
        The measured rates of both.
    """

    def __init__(self, tuned: Session, open_smallest: Callable[[], Session], measured: Measured) -> None:
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
        self._open_smallest: Callable[[], Session] | None = open_smallest
        self._smallest: Session | None = None
        self._measured = measured
        self._short_calls = 0

    def run(self, feeds: Feeds) -> dict[str, Array]:
        """Run the graph on any number of rows; see :meth:`Session.run`."""
        with self._turns.take():  # close() waits for it
            rows = max((a.shape[0] for a in feeds.values() if getattr(a, "shape", ())), default=0)
            return self._session_for(rows).run(feeds)

    def _session_for(self, rows: int) -> Session:
        if not rows or self._closed or not self._measured.smallest_is_faster(rows):
            return self._tuned
        self._short_calls += 1
        if self._smallest is None and self._open_smallest is not None and self._short_calls > 1:
            try:
                self._smallest = self._open_smallest()
            except FiqxError:  # for example out of memory: continue with the tuned session
                self._open_smallest = None
        return self._smallest or self._tuned

    def _run(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        return self._tuned._run(chunks)

    def _close(self) -> None:
        self._tuned.close()
        if self._smallest is not None:
            self._smallest.close()
