"""Write a score table without losing rows: batches are appended, and the finished table appears in one step.

Rows go to ``<out>.partial``, a line format. After any interruption, ``kill -9`` included, the complete inputs at
its start are kept and the run continues after them; the result has the same bytes as that of an uninterrupted
run. `fiqx_trt.rows.opening.open_table` makes the writer.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

from fiqx_trt.errors import InvalidInputError, OutputError
from fiqx_trt.rows.files import TableFiles, writing
from fiqx_trt.rows.lines import CsvLines, JsonLines, LineFormat
from fiqx_trt.rows.meta import RunMeta, utc_now
from fiqx_trt.rows.partial import Kept, PartialFile
from fiqx_trt.rows.reader import read_rows
from fiqx_trt.rows.schema import Column, Row, check_row, group_inputs, is_failed, starts_input

__all__ = ["HasPath", "TableWriter", "line_format"]

logger = logging.getLogger(__name__)

_FLUSH_BYTES = 1 << 20


class HasPath(Protocol):
    """An input: any object with the ``path`` of its rows."""

    @property
    def path(self) -> str:
        """The input's name."""


S = TypeVar("S", bound=HasPath)


def line_format(format_name: str, columns: Sequence[Column]) -> LineFormat:
    """Return the format of the partial file: that of the table, or JSON Lines for Parquet."""
    return CsvLines(columns) if format_name == "csv" else JsonLines(columns)


class TableWriter:
    """A score table being written; a context manager. `open_table` makes it.

    The table is finished at the normal end of the ``with`` block; after an exception the rows are kept for a resume.

    Attributes
    ----------
    path : Path
        The output.
    done : int
        Inputs in the table when it was opened; `remaining` yields the others.
    retrying : int
        Number of inputs to be computed again in a retry; else 0.
    finished : bool
        Whether the table was complete when it was opened, or is now.
    """

    def __init__(self, files: TableFiles, meta: RunMeta, partial: PartialFile | None, kept: Kept) -> None:
        self.path = files.out
        self.done = kept.inputs
        self.retrying = 0
        self.finished = partial is None
        self._files = files
        self._meta = meta
        self._lines = line_format(files.format, meta.columns)
        self._partial = partial
        self._kept_size = kept.size
        self._inputs = kept.inputs
        self._counts = Counter(kept.counts)
        self._saved = self._inputs, Counter(kept.counts)  # as of the last successful write
        self._buffer = bytearray()
        self._before: Row | None = None
        self._old = self._old_inputs() if meta.retry else None
        self._began = time.monotonic()
        self._usable = not self.finished
        self._closed = False

    @property
    def meta(self) -> RunMeta:
        """The run's current record."""
        if self.finished:
            return self._meta
        counts = dict(sorted(self._counts.items()))
        seconds = round(self._meta.duration_s + time.monotonic() - self._began, 3)
        return replace(
            self._meta, counts=counts, rows=sum(counts.values()), inputs=self._inputs, duration_s=seconds
        )

    def remaining(self, sources: Iterable[S]) -> Iterator[S]:
        """Yield the inputs that are still to be computed, and check those that are in the table.

        Both are read in step, in constant memory. In a retry only the failed inputs are yielded. The
        iterator may run ahead of `append`, also in another thread.

        Parameters
        ----------
        sources
            All inputs of the run, in order.

        Raises
        ------
        OutputError
            While iterating, if the inputs are not those of the table.
        """
        inputs = iter(sources)
        number = 0
        for number, group in enumerate(self._written_inputs(), 1):
            self._next_source(inputs, number, group)
        if not (self.finished or self._meta.retry):
            yield from inputs
            return
        if self._meta.retry:
            for number, group in enumerate(self._old_inputs(), number + 1):  # noqa: B020
                source = self._next_source(inputs, number, group)
                if is_failed(group):
                    yield source
        if (extra := next(inputs, None)) is not None:
            raise OutputError(
                f"the inputs changed: {extra.path!r} is input {number + 1}, but {self.path.name} was made of "
                f"{number}; give the same inputs, or use --overwrite to start anew"
            )

    def numbers(self) -> Iterator[int]:
        """Return the position in the run, from 0, of each input that `remaining` yields.

        An input has the same one in an uninterrupted run, after a resume and in a retry.
        """
        if not self._meta.retry:
            return count(self.done)
        return (i for i, group in enumerate(self._old_inputs(), self.done) if is_failed(group))

    def append(self, rows: Sequence[Row]) -> None:
        """Add the next rows, in input order; the operating system has them when this returns.

        Parameters
        ----------
        rows
            Any number of rows; see `fiqx_trt.rows.schema.check_row`. All faces of an input are adjacent, in
            this call or the next.

        Raises
        ------
        InvalidInputError
            If a row does not fit the columns, or in a retry is not of the next failed input; then nothing is written.
        OutputError
            If the disk is full or the file cannot be written; rows of earlier calls are kept.
        """
        if not self._usable:
            raise InvalidInputError(
                f"{self.path.name} takes no more rows: it is complete, closed or failed before"
            )
        checked = [check_row(row, self._meta.columns) for row in rows]
        try:
            for row in checked:
                if starts_input(self._before, row):
                    self._copy_until_failed(str(row["path"]))
                    self._inputs += 1
                self._put(row)
                self._before = row
            self._flush()
        except BaseException:
            self._usable = False
            self._inputs, self._counts = self._saved
            raise

    def close(self, *, complete: bool = True) -> None:
        """Finish the table, or keep its rows for a resume; closing again does nothing.

        Parameters
        ----------
        complete
            Whether every input has its rows. If so the output appears in one step and replaces an older one.
            If not, the partial file is kept, unless it has no row.

        Raises
        ------
        OutputError
            If the table cannot be finished; the rows are kept for a resume.
        """
        if self._closed or self._partial is None:
            return
        self._closed = True
        usable, self._usable = self._usable, False
        try:
            if complete and usable:
                with self._writing():
                    self._finish(self._partial)
                return
            self._suspend(self._partial)
            if complete:
                raise OutputError(f"{self.path} cannot be finished: writing failed before; use --resume")
        finally:
            self._partial.close()

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(complete=error is None)

    def begin(self) -> None:
        """Write the run's record and the header; `open_table` does this."""
        if self._partial is None:
            return
        if self._meta.retry:
            self.retrying = sum(map(is_failed, self._old_inputs()))
        with self._writing():
            self.meta.write(self._files.partial_meta)
            if self._partial.size == 0:
                self._partial.append(self._lines.header)

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        saved = self._saved[0]
        kept = f"; the {saved} inputs before are kept in {self._files.partial.name}: "
        cure = kept + "make it writable or free space, then use --resume" if saved else ""
        return writing(self._files.out, cure=cure)

    def _written_inputs(self) -> Iterator[list[Row]]:
        """Yield the inputs that were in the table when it was opened."""
        if self.finished:
            return group_inputs(read_rows(self._files.out, self._meta.columns))
        return group_inputs(self._partial_rows(self._kept_size))

    def _partial_rows(self, size: int) -> Iterator[Row]:
        """Yield the rows in the first `size` bytes of the partial file, without those appended meanwhile."""
        at = len(self._lines.header)
        if at >= size:
            return
        with self._files.partial.open("rb") as file:
            file.seek(at)
            for record in self._lines.records(file):
                yield self._lines.decode(record)
                at += len(record)
                if at >= size:
                    return

    def _old_inputs(self) -> Iterator[list[Row]]:
        """Yield the inputs of the table being retried, from the first that is not in the new one yet."""
        return islice(group_inputs(read_rows(self._files.out, self._meta.columns)), self.done, None)

    def _next_source(self, inputs: Iterator[S], number: int, group: Sequence[Row]) -> S:
        source = next(inputs, None)
        was = group[0]["path"]
        if source is None or source.path != was:
            now = "missing" if source is None else repr(source.path)
            raise OutputError(
                f"the inputs changed: input {number} of {self.path.name} was {was!r}, now {now}; "
                "give the same inputs, or use --overwrite to start anew"
            )
        return source

    def _copy_until_failed(self, path: str | None) -> None:
        """In a retry, copy the good inputs before the next failed one, which must be `path`, or the rest."""
        if self._old is None:
            return
        for group in self._old:
            if is_failed(group):
                if group[0]["path"] != path:
                    raise InvalidInputError(f"the next failed input is {group[0]['path']!r}, not {path!r}")
                return
            self._inputs += 1
            for row in group:
                self._put(row)
        if path is not None:
            raise InvalidInputError(f"{path!r} comes after the last failed input")

    def _put(self, row: Row) -> None:
        self._buffer += self._lines.encode(row)
        self._counts[str(row["status"])] += 1
        if len(self._buffer) >= _FLUSH_BYTES:
            self._flush()

    def _flush(self) -> None:
        assert self._partial is not None
        with self._writing():
            self._partial.append(self._buffer)
        self._buffer.clear()
        self._saved = self._inputs, Counter(self._counts)

    def _finish(self, partial: PartialFile) -> None:
        self._copy_until_failed(None)
        self._flush()
        partial.require_place()
        partial.sync()
        files = self._files
        finished = replace(self.meta, state="complete", finished=utc_now())
        finished.write(files.partial_meta)
        if files.format == "parquet":
            self._convert(files.converting, partial.size)
            files.converting.replace(files.out)
            files.partial.unlink()
        else:
            files.partial.replace(files.out)
        with contextlib.suppress(FileNotFoundError):  # another process may have done it: TableFiles.recover
            files.partial_meta.replace(files.meta)
        files.sync_folder()
        self._meta = finished
        self.finished = True

    def _convert(self, path: Path, size: int) -> None:
        from fiqx_trt.rows import parquet

        try:
            parquet.write_parquet(path, self._meta.columns, self._partial_rows(size))
        except BaseException:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            raise

    def _suspend(self, partial: PartialFile) -> None:
        if not partial.in_place:
            return  # there is nothing that could be kept
        try:
            if self._inputs == 0:
                self._files.discard()
                return
            partial.sync()
            replace(self.meta, state="interrupted").write(self._files.partial_meta)
        except (
            OSError
        ) as error:  # for example a full disk: the rows are kept, with a record in state "running"
            logger.warning("%s: %s", self._files.partial_meta, error.strerror or error)
