"""The loop over all inputs of a score table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.faces.prepare import FacePreparer, FaceRecord, FaceSource
from fiqx_trt.rows import Row, TableWriter

__all__ = ["Report", "RowMaker", "iter_rows", "score_table"]


class RowMaker(Protocol):
    """Makes rows of face records, such as a :class:`fiqx_trt.runs.Scorer`."""

    def measure(self, records: Sequence[FaceRecord]) -> Any:
        """Run the network on the next records, and return what :meth:`rows` needs of it."""
        ...

    def rows(self, records: Sequence[FaceRecord], measured: Any) -> Sequence[Row]:
        """Take records and what was measured; return the rows that may be written now, one per record and in order.

        Called in another thread, one batch after the other, while the network runs on the next.
        """
        ...

    def finish(self) -> Sequence[Row]:
        """Return the rows held back until now."""
        ...


class Report(Protocol):
    """Receives how far a run is, after every batch."""

    def __call__(self, *, done: int, failed: int) -> None:
        """Take the rows done in this run and how many of them failed."""
        ...


def score_table(
    sources: Iterable[FaceSource],
    preparer: Callable[[FaceSource], list[FaceRecord]],
    scorer: RowMaker,
    table: TableWriter,
    *,
    batch: int = 32,
    threads: int = 2,
    report: Report | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Score every source into a table and close it.

    Parameters
    ----------
    sources
        All inputs, in order; those already in the table are skipped.
    preparer
        Makes face records of a source (:class:`fiqx_trt.faces.prepare.FacePreparer`).
    scorer
        Makes rows of face records; a row that waits for something else, such as a file, comes with a later batch.
    table
        An open table.
    batch, threads
        Faces that travel together, and threads that decode; neither changes a number.
    report
        Called after every batch, in another thread.
    stop
        Asked after every batch; when true the rows in flight are written and the run ends.

    Returns
    -------
    bool
        Whether the table is complete; if not, it can be resumed.
    """
    done = failed = 0

    def write(rows: Sequence[Row]) -> None:
        nonlocal done, failed
        if not rows:
            return
        table.append(rows)
        done += len(rows)
        failed += sum(row["status"] != "ok" for row in rows)
        if report is not None:
            report(done=done, failed=failed)

    def write_batch(records: Sequence[FaceRecord], measured: Any) -> None:
        write(scorer.rows(records, measured))

    complete, before = True, Future[None]()
    before.set_result(None)
    with table, ThreadPoolExecutor(1, "fiqx-rows") as behind:
        for records in iter_batches(table.remaining(sources), preparer, batch=batch, threads=threads):
            measured = scorer.measure(records)
            before.result()  # what went wrong with the batch before ends the run
            before = behind.submit(write_batch, records, measured)
            if stop():
                complete = False
                break
        before.result()
        write(scorer.finish())
        if not complete:
            table.close(complete=False)
    return complete


def iter_rows(
    sources: Iterable[FaceSource],
    preparer: FacePreparer,
    scorer: RowMaker,
    *,
    batch: int = 32,
    threads: int = 2,
) -> Iterator[tuple[FaceRecord, Row]]:
    """Yield each face record of all sources with its row, in order, without a file; see :func:`score_table`.

    For makers that hold no row back.
    """
    for records in iter_batches(preparer.announced(sources), preparer, batch=batch, threads=threads):
        yield from zip(records, scorer.rows(records, scorer.measure(records)), strict=True)
