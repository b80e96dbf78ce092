"""The loop over all faces of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.faces.prepare import FacePreparer, FaceRecord, FaceSource
from fiqx_trt.rows import Row, TableWriter
from fiqx_trt.rows.stream import StreamTable
from fiqx_trt.runs.maker import RowMaker
from fiqx_trt.runs.progress import Progress

__all__ = ["iter_rows", "score_table"]


def score_table(
    sources: Iterable[FaceSource],
    preparer: Callable[[FaceSource], list[FaceRecord]],
    scorer: RowMaker,
    table: TableWriter | StreamTable,
    *,
    batch: int = 32,
    threads: int = 2,
    streaming: bool = False,
    report: Progress | None = None,
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
        Makes rows of face records. A row whose files are not written yet is returned with a later batch.
    table
        An open table.
    batch, threads
        Batch size, and threads that decode; neither affects results.
    streaming
        The sources come one by one, with pauses: whatever is there when one begins is scored and written at once.
    report
        Called after every batch, in another thread.
    stop
        Called after every batch; when it returns true, the rows in flight are written and the run ends.

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
        waiting = table.remaining(sources)
        for records in iter_batches(waiting, preparer, batch=batch, threads=threads, streaming=streaming):
            measured = scorer.measure(records)
            before.result()  # raises what went wrong in the batch before
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
    """Yield each face record of all sources with its row, in order; no table is written.

    Parameters are those of :func:`score_table`. The maker of the rows may hold none back.
    """
    for records in iter_batches(preparer.announced(sources), preparer, batch=batch, threads=threads):
        yield from zip(records, scorer.rows(records, scorer.measure(records)), strict=True)
