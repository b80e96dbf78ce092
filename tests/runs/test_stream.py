"""Rows on standard output: written as their inputs come, and the rows of a table."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from fiqx_trt.errors import OutputError
from fiqx_trt.faces.prepare import FaceRecord
from fiqx_trt.rows import Row, RunMeta, score_columns
from fiqx_trt.rows.stream import StreamTable
from fiqx_trt.runs.loop import score_table

FACE = np.zeros((2, 2, 3), np.uint8)
META = RunMeta(["score"], "0", "m", "", "none", "cpu", "fp32", columns=score_columns(["quality"]))


class Named:
    def __init__(self, path: str) -> None:
        self.path = path

    def read(self) -> bytes:
        return b""


class Constant:
    def measure(self, records: list[FaceRecord]) -> None:
        return None

    def rows(self, records: list[FaceRecord], measured: None) -> list[Row]:
        return [
            {"path": record.path, "face": 0, "faces": 1, "status": "ok", "quality": 0.5} for record in records
        ]

    def finish(self) -> list[Row]:
        return []


def test_a_row_is_written_before_the_next_input_comes() -> None:
    written, seen = threading.Semaphore(0), []
    stream = io.BytesIO()

    def take(rows: list[Row]) -> None:
        seen.append([str(row["path"]) for row in rows])
        written.release()

    def sources() -> Iterator[Named]:
        for number in range(3):
            yield Named(f"{number}.png")
            assert written.acquire(timeout=20), "the row is kept back until more inputs come"

    with StreamTable(stream, "csv", META, take) as table:
        complete = score_table(
            sources(),
            lambda source: [FaceRecord(source.path, 0, 1, "ok", image=FACE)],
            Constant(),
            table,
            batch=32,
            threads=2,
            streaming=True,
        )
    assert complete
    assert table.finished
    assert seen == [["0.png"], ["1.png"], ["2.png"]]
    assert table.meta.inputs == 3
    assert stream.getvalue() == (
        b"path,face,faces,status,error,quality\r\n"
        + b"".join(b"%d.png,0,1,ok,,0.5\r\n" % i for i in range(3))
    )


def test_a_reader_that_is_gone_is_said_in_one_line() -> None:
    class Gone(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(
        OutputError, match=r"^standard output was closed before the last row \(Broken pipe\)$"
    ):
        StreamTable(Gone(), "jsonl", META).append(
            [{"path": "a", "face": 0, "faces": 1, "status": "ok", "quality": 0.5}]
        )
