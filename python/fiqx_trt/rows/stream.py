"""A score table on standard output: rows as they come, and nothing that a later run could go on from."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from fiqx_trt.errors import InvalidInputError, OutputError
from fiqx_trt.rows.lines import CsvLines, JsonLines
from fiqx_trt.rows.meta import RunMeta, utc_now
from fiqx_trt.rows.reader import SUFFIXES
from fiqx_trt.rows.schema import Row, check_row, starts_input
from fiqx_trt.rows.writer import S

__all__ = ["STANDARD_OUTPUT", "StreamTable", "stream_format"]

#: How a run calls its table where that is standard output.
STANDARD_OUTPUT = "standard output"


def stream_format(out: str) -> str | None:
    """Return the format of rows on standard output, ``"csv"`` for ``-``; ``None`` where `out` names something else.

    Raises
    ------
    InvalidInputError
        It is a format that needs a file.

    Examples
    --------
    >>> stream_format("-"), stream_format("-.jsonl"), stream_format("s.csv")
    ('csv', 'jsonl', None)
    """
    if out == "-":
        return "csv"
    name = SUFFIXES.get(out[1:].lower()) if out.startswith("-.") else None
    if name == "parquet":
        raise InvalidInputError("--out -.parquet: Parquet needs a file; give one, or - or -.jsonl")
    return name


class StreamTable:
    """Writes rows to an open stream, each batch at once; a context manager, used like a :class:`~fiqx_trt.rows.TableWriter`.

    Parameters
    ----------
    stream
        Takes bytes, without a buffer of its own or with one that is flushed.
    format_name
        ``"csv"`` or ``"jsonl"``.
    meta
        The record of the run, with its columns.
    seen
        Called with the rows that were written.
    """

    done = 0
    retrying = 0

    def __init__(
        self,
        stream: BinaryIO,
        format_name: str,
        meta: RunMeta,
        seen: Callable[[Sequence[Row]], None] = lambda rows: None,
    ) -> None:
        self.path = Path(STANDARD_OUTPUT)
        self.finished = False
        self._stream = stream
        self._seen = seen
        self._lines = CsvLines(meta.columns) if format_name == "csv" else JsonLines(meta.columns)
        self._meta = replace(meta, state="running", started=utc_now())
        self._counts: Counter[str] = Counter()
        self._inputs = 0
        self._before: Row | None = None
        self._began = time.monotonic()
        self._write(self._lines.header)

    @property
    def meta(self) -> RunMeta:
        """The run's current record."""
        counts = dict(sorted(self._counts.items()))
        seconds = round(time.monotonic() - self._began, 3)
        rows = sum(counts.values())
        return replace(self._meta, counts=counts, rows=rows, inputs=self._inputs, duration_s=seconds)

    def remaining(self, sources: Iterable[S]) -> Iterator[S]:
        """Yield all inputs: none is written yet."""
        yield from sources

    def numbers(self) -> Iterator[int]:
        """Return the position in the run, from 0, of each input."""
        return count()

    def append(self, rows: Sequence[Row]) -> None:
        """Write the next rows; the reader has them when this returns.

        Raises
        ------
        OutputError
            Nobody reads the stream any more, or it cannot be written.
        """
        checked = [check_row(row, self._meta.columns) for row in rows]
        self._write(b"".join(map(self._lines.encode, checked)))
        for row in checked:
            self._inputs += starts_input(self._before, row)
            self._counts[str(row["status"])] += 1
            self._before = row
        self._seen(checked)

    def close(self, *, complete: bool = True) -> None:
        """End the table; the stream stays open."""
        self.finished = self.finished or complete

    def __enter__(self) -> StreamTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close(complete=True)

    def _write(self, data: bytes) -> None:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._stream.write(rest) :]
            self._stream.flush()
        except OSError as error:
            raise OutputError(
                f"{STANDARD_OUTPUT} was closed before the last row ({error.strerror})"
            ) from error
