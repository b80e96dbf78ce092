"""Open and execute a run: pictures in, a table and the files of each face out."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.rows import Mode, RunMeta, TableWriter, open_table, score_columns
from fiqx_trt.rows.files import TableFiles
from fiqx_trt.rows.stream import StreamTable
from fiqx_trt.runs.loop import score_table
from fiqx_trt.runs.record import RanModel, run_record
from fiqx_trt.runs.run_result import RunResult

if TYPE_CHECKING:
    from fiqx_trt.faces.prepare import FacePreparer
    from fiqx_trt.faces.sources import Source
    from fiqx_trt.runs.maker import Maker
    from fiqx_trt.runs.options import Inputs
    from fiqx_trt.runs.progress import Progress
    from fiqx_trt.runs.settings import RunSettings
    from fiqx_trt.runs.thumbs import ThumbFile

__all__ = ["FileRun", "open_run"]


@dataclass(frozen=True)
class FileRun:
    """An open run: model, table and files. Made by :func:`open_run`.

    Parameters
    ----------
    model
        The model's contract, and where it runs.
    maker
        Makes the rows.
    table
        The table that is written.
    inputs, sources, preparer
        The inputs, the pictures they name, and the object that turns pictures into aligned faces.
    batch, threads
        Batch size and threads that decode; neither affects results.
    """

    model: RanModel
    maker: Maker
    table: TableWriter | StreamTable
    inputs: Inputs
    sources: Iterator[Source]
    preparer: FacePreparer
    batch: int
    threads: int

    def count(self, *, seconds: float) -> int | None:
        """Return the number of pictures; ``None`` where counting takes longer or would use up standard input."""
        if "-" in self.inputs.names:
            return None
        end = time.monotonic() + seconds
        sources = itertools.takewhile(lambda _: time.monotonic() < end, self.inputs.sources())
        count = sum(1 for _ in sources)
        return count if time.monotonic() < end else None

    def work(self, *, report: Progress | None = None, stop: Callable[[], bool] = lambda: False) -> RunResult:
        """Make the rows of every source and close the table; see :func:`fiqx_trt.runs.score_table`.

        Parameters
        ----------
        report
            Called after every batch, in another thread.
        stop
            Called after every batch; when it returns true, the rows in flight are written and the run ends.
        """
        score_table(
            self.preparer.announced(self.sources),
            self.preparer,
            self.maker,
            self.table,
            batch=self.batch,
            threads=self.threads,
            streaming="-" in self.inputs.names,
            report=report,
            stop=stop,
        )
        table = self.table
        return RunResult(table.path, table.meta, table.finished, self.model, self.maker.ran)


@contextmanager
def open_run(
    settings: RunSettings,
    inputs: Inputs,
    out: Path,
    *,
    mode: Mode,
    call: Sequence[str],
    batch: int,
    thumbs: ThumbFile | None = None,
    to: Callable[[RunMeta], StreamTable] | None = None,
) -> Iterator[FileRun]:
    """Open the model, the table and the files of a run.

    Parameters
    ----------
    settings
        Which kind of run, and its settings.
    inputs
        The pictures.
    out
        The table.
    mode
        What to do with an earlier output (:func:`fiqx_trt.runs.options.choose_mode`).
    call
        What was called, for the record of the run.
    batch
        Batch size; does not affect results.
    thumbs
        Takes a small picture of every face, for the page of the run.
    to
        Opens what takes the rows in the place of a table that is a file; `out` and `mode` then mean nothing.

    Raises
    ------
    SourceError, InvalidInputError
        An input does not exist, or a setting is wrong.
    ModelError, BackendUnavailableError
        The model cannot be opened.
    OutputError
        The table exists already, belongs to other settings, or cannot be written.
    """
    make, face_files = settings.prepare(), settings.open_files(out.parent)
    face_files.thumbs = thumbs
    if face_files.folders:
        _refuse_own_files(out.parent, inputs.names)
    if thumbs is not None:
        _refuse_own_files(thumbs.folder.parent, inputs.names, option="--page")
    sources = inputs.sources()
    with face_files as files, settings.open_model() as model:
        maker, ran = make(model, files), RanModel.of(model)
        with settings.faces.preparer(model.spec, settings.runtime) as preparer:
            record = run_record(ran, {**settings.faces.parameters, **maker.parameters}, call)
            columns = score_columns(tuple(maker.columns), detection=not settings.faces.aligned)
            earlier = to is None and _exists(out)
            table = (
                open_table(out, columns, meta=record, mode=mode)
                if to is None
                else to(replace(record, columns=columns))
            )
            try:
                # Without a row kept, no file of an earlier run belongs to this one.
                fresh = not table.done and not table.meta.retry
                files.begin(table.numbers(), clear=earlier and fresh)
                if thumbs is not None and fresh:
                    thumbs.discard()
                threads = settings.runtime.threads or 2
                yield FileRun(ran, maker, table, inputs, sources, preparer, batch, threads)
            finally:
                table.close(complete=False)  # does nothing where the run has closed it


def _exists(out: Path) -> bool:
    """Return whether there is something of an earlier run."""
    files = TableFiles.of(out)
    return files.out.exists() or files.partial.exists()


def _refuse_own_files(folder: Path, names: Sequence[str | Path], *, option: str = "--out") -> None:
    """Raise where the files of the faces would become inputs."""
    for name in names:
        if str(name) != "-" and Path(name).is_dir() and folder.resolve().is_relative_to(Path(name).resolve()):
            raise InvalidInputError(
                f"the pictures written to {folder} would become inputs, because it lies in {name}; give another {option}"
                + (" (in Python: out=…)" if option == "--out" else "")
            )
