"""Many sources to batches of face records: threads read and decode ahead of the consumer, the order stays."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces.prepare import FaceRecord, FaceSource

__all__ = ["iter_batches"]

S = TypeVar("S", bound=FaceSource)

_AHEAD = 2  # batches that may wait for the consumer
_FAILED = 8  # a list is handed on once it has this many batches' worth of records, images or not
_POLL_S = 0.1  # how often a waiting worker looks whether it should stop
_PATIENCE_S = 5.0  # how long closing waits for a worker in the middle of a picture


def iter_batches(
    sources: Iterable[S],
    preparer: Callable[[S], list[FaceRecord]],
    *,
    batch: int,
    threads: int = 2,
) -> Iterator[list[FaceRecord]]:
    """Prepare sources in threads and hand their records on in batches, in the order of the sources.

    Parameters
    ----------
    sources
        Inputs, consumed lazily, by one thread at a time.
    preparer
        Makes the records of one source, in any thread; a `fiqx_trt.faces.prepare.FacePreparer`.
    batch
        Faces (records with an image) in a list. Records without one ride along in their place.
    threads
        Workers.

    Yields
    ------
    list of FaceRecord
        The records of whole sources: ``batch`` faces, or more when the last source has several. The last list
        is shorter, and after many failures in a row a list has few faces or none.

    Raises
    ------
    InvalidInputError
        ``batch`` or ``threads`` is below 1.
    Exception
        What ``sources`` or ``preparer`` raises, after the records of all sources before it.

    Notes
    -----
    In memory are at most ``threads`` pictures (of large ones one, see `FacePreparer`) and the faces of
    ``2 * batch + threads`` sources. Closing the iterator, an exception in its consumer and Ctrl-C stop
    the workers after the picture in hand.
    """
    if batch < 1 or threads < 1:
        raise InvalidInputError(f"batch and threads are at least 1, not {batch} and {threads}")
    return _batches(_Workers(sources, preparer, window=_AHEAD * batch + threads, threads=threads), batch)


def _batches(workers: _Workers[S], batch: int) -> Iterator[list[FaceRecord]]:
    with workers:
        records: list[FaceRecord] = []
        images = 0
        try:
            for some in workers.results():
                records += some
                images += sum(record.image is not None for record in some)
                if images >= batch or len(records) >= _FAILED * batch:
                    yield records
                    records, images = [], 0
        except Exception:
            if records:
                yield records
            raise
        if records:
            yield records


class _Slot:
    """The place of one source in the order; filled by a worker, emptied by the consumer."""

    __slots__ = ("done", "error", "records")

    def __init__(self) -> None:
        self.done = threading.Lock()  # held until the slot is filled; far cheaper than an Event
        self.done.acquire()
        self.records: list[FaceRecord] = []
        self.error: BaseException | None = None


class _Workers(Generic[S]):
    def __init__(
        self,
        sources: Iterable[S],
        preparer: Callable[[S], list[FaceRecord]],
        *,
        window: int,
        threads: int,
    ) -> None:
        self._sources = iter(sources)
        self._preparer = preparer
        self._room = threading.Semaphore(window)
        self._order: queue.SimpleQueue[_Slot | None] = queue.SimpleQueue()
        self._next = threading.Lock()
        self._stop = threading.Event()
        self._exhausted = False
        # Daemons: one that waits for standard input must not keep the interpreter from ending.
        self._threads = [
            threading.Thread(target=self._work, name=f"fiqx-decode-{index}", daemon=True)
            for index in range(threads)
        ]

    def __enter__(self) -> _Workers[S]:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(_PATIENCE_S)

    def results(self) -> Iterator[list[FaceRecord]]:
        """Yield the records of one source after the other."""
        while (slot := self._order.get()) is not None:
            with slot.done:
                pass
            if slot.error is not None:
                raise slot.error
            yield slot.records
            self._room.release()

    def _work(self) -> None:
        while self._has_room():
            slot = _Slot()
            try:
                source = self._take(slot)
                if source is None:
                    return
                slot.records = self._preparer(source)
            except BaseException as error:
                slot.error = error
                self._stop.set()
            finally:
                slot.done.release()

    def _has_room(self) -> bool:
        while not self._stop.is_set():
            if self._room.acquire(timeout=_POLL_S):
                return not self._stop.is_set()
        return False

    def _take(self, slot: _Slot) -> S | None:
        """Take the next source and give `slot` its place in the order; `None` when there is no more."""
        with self._next:
            if self._exhausted:
                return None
            try:
                source = next(self._sources, None)
            except BaseException:
                self._exhausted = True
                self._order.put(slot)
                raise
            self._exhausted = source is None
            self._order.put(None if source is None else slot)
            return source
