"""Many sources to batches of face records: threads read and decode ahead of the consumer, the order stays."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces.prepare import FaceRecord, FaceSource

__all__ = ["iter_batches"]

S = TypeVar("S", bound=FaceSource)

_AHEAD = 2  # batches that may wait for the consumer
_FAILED = 8  # a list is handed on once it has this many batches' worth of records, images or not
_QUICK_S = 0.002  # a worker that is done sooner takes more sources at a time: handing over costs as much as
_MOST = 16  # decoding a small crop
_PAUSE_S = 0.02  # a stream that brings nothing for so long has a pause
_PATIENCE_S = 5.0  # how long closing waits for a worker in the middle of a picture


def iter_batches(
    sources: Iterable[S],
    preparer: Callable[[S], list[FaceRecord]],
    *,
    batch: int,
    threads: int = 2,
    streaming: bool = False,
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
    streaming
        The sources come one by one, with pauses, as on standard input: a list is handed on when a pause begins.

    Yields
    ------
    list of FaceRecord
        The records of whole sources: ``batch`` faces, or more when the last source has several. The last list
        is shorter, as is one before a pause of a stream, and after many failures in a row a list has few faces or none.

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
    window = _AHEAD * batch + threads
    return _batches(_Workers(sources, preparer, window=window, threads=threads, streaming=streaming), batch)


def _batches(workers: _Workers[S], batch: int) -> Iterator[list[FaceRecord]]:
    with workers:
        records: list[FaceRecord] = []
        images = 0
        try:
            for some in workers.results():
                records += some or ()
                images += sum(record.image is not None for record in some or ())
                if images >= batch or len(records) >= _FAILED * batch or (some is None and records):
                    yield records
                    records, images = [], 0
        except Exception:
            if records:
                yield records
            raise
        if records:
            yield records


class _Slot:
    """The place of a few successive sources in the order; filled by a worker, emptied by the consumer."""

    __slots__ = ("done", "error", "records")

    def __init__(self) -> None:
        self.done = threading.Lock()  # held until the slot is filled; far cheaper than an Event
        self.done.acquire()
        self.records: list[list[FaceRecord]] = []
        self.error: BaseException | None = None


class _Workers(Generic[S]):
    def __init__(
        self,
        sources: Iterable[S],
        preparer: Callable[[S], list[FaceRecord]],
        *,
        window: int,
        threads: int,
        streaming: bool,
    ) -> None:
        self._sources = iter(sources)
        self._preparer = preparer
        self._order: queue.SimpleQueue[_Slot | None] = queue.SimpleQueue()
        self._taking = threading.Lock()
        self._exhausted = False
        self._changed = threading.Condition()  # guards the next two
        self._room = window
        self._streaming = streaming
        self._stopped = False
        self._closed = False
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
        self._closed = True
        self._stop()
        for thread in self._threads:
            thread.join(_PATIENCE_S)

    def results(self) -> Iterator[list[FaceRecord] | None]:
        """Yield the records of one source after the other, and ``None`` while a stream has a pause."""
        pause = _PAUSE_S if self._streaming else -1.0
        while True:
            try:
                slot = self._order.get(timeout=pause if self._streaming else None)
            except queue.Empty:
                yield None
                continue
            if slot is None:
                return
            while not slot.done.acquire(timeout=pause):
                yield None
            yield from slot.records
            if slot.error is not None:
                raise slot.error
            with self._changed:
                self._room += len(slot.records)
                self._changed.notify()

    def _work(self) -> None:
        wanted = 1
        while room := self._reserve(wanted):
            slot = _Slot()
            begin = time.perf_counter()
            try:
                sources = self._take(slot, room)
                if not sources:
                    return
                for source in sources:
                    if self._closed:
                        return
                    slot.records.append(self._preparer(source))
            except BaseException as error:
                slot.error = error
                self._stop()
            finally:
                slot.done.release()
            spent = time.perf_counter() - begin
            most = 1 if self._streaming else _MOST
            wanted = min(2 * wanted, most) if spent < _QUICK_S else max(1, wanted // 2)

    def _reserve(self, wanted: int) -> int:
        """Wait for room in the window; 0 means stop."""
        with self._changed:
            while not self._room and not self._stopped:
                self._changed.wait()
            if self._stopped:
                return 0
            room = min(wanted, self._room)
            self._room -= room
            return room

    def _stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _take(self, slot: _Slot, room: int) -> list[S]:
        """Take up to `room` sources and give `slot` its place in the order; none when there is no more."""
        sources: list[S] = []
        with self._taking:
            if self._exhausted:
                return sources
            try:
                for source in islice(self._sources, room):
                    sources.append(source)  # one by one: what comes before an error is kept
            except BaseException as error:
                slot.error = error
            self._exhausted = len(sources) < room
            if sources or slot.error is not None:
                self._order.put(slot)
            if self._exhausted:
                self._order.put(None)
        return sources
