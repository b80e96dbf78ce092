"""Inputs into a table file: what the command ``score`` does, for a program to call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces.sources import iter_sources
from fiqx_trt.rows import Column, Mode, RunMeta, TableWriter, open_table, score_columns
from fiqx_trt.rows.files import TableFiles
from fiqx_trt.runs.loop import Report, RowMaker, score_table
from fiqx_trt.runs.options import FaceOptions, RuntimeOptions, ScoreSettings, choose_mode
from fiqx_trt.runs.score_rows import Scorer
from fiqx_trt.zoo import DEFAULT_MODEL

if TYPE_CHECKING:
    from fiqx_trt.faces.prepare import FacePreparer, FaceSource
    from fiqx_trt.models import Model
    from fiqx_trt.quality import OptionsByMethod

__all__ = ["FaceFileWriter", "Maker", "ScoredFiles", "TableJob", "score_files"]

#: Fields of a model's contract that change a score.
CONTRACT = (
    "input_size",
    "mean",
    "std",
    "color",
    "template",
    "embedding",
    "pre_dropout",
    "alpha",
    "r",
    "estimator",
    "quantiles",
)


class Maker(RowMaker, Protocol):
    """Makes rows and knows what they are made of."""

    @property
    def columns(self) -> Sequence[Column]:
        """Columns behind those of every table."""
        ...

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a row."""
        ...


class FaceFileWriter(Protocol):
    """Writes files beside the rows."""

    def begin(self, numbers: Iterator[int], *, clear: bool = False) -> None:
        """Take the positions of the inputs to come; `clear` removes the files of an earlier run."""
        ...


@dataclass(frozen=True)
class TableJob:
    """A table to be made: its file, its rows and the settings it depends on.

    Parameters
    ----------
    path
        The table.
    maker, model
        What makes its rows, and the recogniser.
    faces, runtime
        How faces are found, and where networks run.
    mode
        What to do with an earlier output (:func:`fiqx_trt.runs.options.choose_mode`).
    command_line
        What was called, for the record of the run.
    batch
        Batch size; does not affect results.
    """

    path: Path
    maker: Maker
    model: Model
    faces: FaceOptions
    runtime: RuntimeOptions
    mode: Mode
    command_line: Sequence[str]
    batch: int = 32

    def preparer(self) -> FacePreparer:
        """Return what turns pictures into faces of the model."""
        return self.faces.preparer(self.model.spec, self.runtime)

    def open(self, files: FaceFileWriter | None = None, *, inputs: Sequence[str] = ()) -> TableWriter:
        """Open the table.

        Parameters
        ----------
        files
            What writes files beside the rows.
        inputs
            The inputs as given; no folder among them may hold those files.

        Raises
        ------
        OutputError, InvalidInputError
            The table cannot be written, or the files would become inputs.
        """
        columns = score_columns(tuple(self.maker.columns), detection=not self.faces.aligned)
        parameters = {**self.faces.parameters, **self.maker.parameters}
        meta = _metadata(self.model, parameters, self.command_line)
        before = TableFiles.of(self.path)
        earlier = before.out.exists() or before.partial.exists()
        table = open_table(self.path, columns, meta=meta, mode=self.mode)
        if files is not None:
            try:
                _refuse_own_files(self.path.parent, inputs)
                # Without a row kept, no file of an earlier run belongs to this one.
                files.begin(table.numbers(), clear=earlier and not table.done and not table.meta.retry)
            except BaseException:
                table.close(complete=False)
                raise
        return table

    def run(
        self,
        sources: Iterable[FaceSource],
        preparer: FacePreparer,
        table: TableWriter,
        *,
        report: Report | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Make the rows of every source; see :func:`fiqx_trt.runs.score_table`."""
        return score_table(
            preparer.announced(sources),
            preparer,
            self.maker,
            table,
            batch=self.batch,
            threads=self.runtime.threads or 2,
            report=report,
            stop=stop,
        )


@dataclass(frozen=True)
class ScoredFiles:
    """What :func:`score_files` did.

    Parameters
    ----------
    table
        The table's file; its record is ``<table>.meta.json``.
    counts
        Rows per status, such as ``{"ok": 12, "no_face": 1}``.
    complete
        Whether every input has its rows; if not, call again with ``resume=True``.
    """

    table: Path
    counts: Mapping[str, int]
    complete: bool


def score_files(
    inputs: Sequence[str | Path] | str | Path,
    out: str | Path,
    model: str | Path = DEFAULT_MODEL,
    methods: Sequence[str] = ("serfiq",),
    *,
    aligned: bool = False,
    detector: str | None = None,
    select: str = "largest",
    min_face: float | None = None,
    confidence: float | None = None,
    column: str | None = None,
    options: OptionsByMethod | None = None,
    contract: Mapping[str, Any] | None = None,
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    batch: int = 32,
    threads: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    retry_failed: bool = False,
    report: Report | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> ScoredFiles:
    """Write the quality of every face into a table, as the command ``score`` does: the same rows, the same bytes.

    Parameters
    ----------
    inputs
        Files, folders, globs, archives, lists or tables; see :mod:`fiqx_trt.faces.sources`.
    out
        The table; its suffix chooses CSV, JSON Lines (``.jsonl``) or Parquet.
    model, methods, aligned, detector, select, min_face, confidence, options, contract, backend, precision, device, batch, threads
        As for :class:`fiqx_trt.FaceScorer`.
    column
        The path column of inputs that are tables; default: ``path``.
    resume, overwrite, retry_failed
        What to do with an earlier output: go on after an interruption, replace it, or repeat its failed rows. Without
        one of them an existing output is an error.
    report
        Called as ``report(done=…, failed=…)`` after every batch, in another thread.
    stop
        Asked after every batch; when it returns true the rows in flight are written and the run ends.

    Returns
    -------
    ScoredFiles
        The table's path, the rows per status, and whether the table is complete.

    Raises
    ------
    SourceError, InvalidInputError
        An input does not exist, or an argument is wrong.
    ModelError, BackendUnavailableError
        The model cannot be opened.
    OutputError
        The table exists already, belongs to other settings, or cannot be written.

    Examples
    --------
    >>> import fiqx_trt as fx
    >>> done = fx.score_files(["photos/"], "scores.csv")     # doctest: +SKIP
    >>> done.counts, done.complete                           # doctest: +SKIP
    ({'no_face': 1, 'ok': 12}, True)
    """
    mode = choose_mode(resume=resume, overwrite=overwrite, retry=retry_failed)
    faces = FaceOptions(aligned, detector, select, min_face, confidence)
    runtime = RuntimeOptions(backend, precision, device, threads)
    settings = ScoreSettings(model, methods, faces, runtime, options, contract or {})
    created = settings.create_methods()
    sources = iter_sources(inputs, column=column)
    call = ["fiqx_trt.score_files", *_names(inputs), str(out)]
    with settings.open_model() as opened:
        job = TableJob(Path(out), Scorer(opened, created), opened, faces, runtime, mode, call, batch)
        with job.preparer() as preparer:
            table = job.open()
            job.run(sources, preparer, table, report=report, stop=stop)
        return ScoredFiles(table.path, dict(table.meta.counts), table.finished)


def _metadata(model: Model, parameters: Mapping[str, object], command_line: Sequence[str]) -> RunMeta:
    """Return what describes a run of a model with some settings."""
    from fiqx_trt import __version__

    spec = model.spec
    contract: dict[str, object] = {f"model.{name}": getattr(spec, name) for name in CONTRACT}
    plain = {name: list(v) if isinstance(v, tuple) else v for name, v in {**contract, **parameters}.items()}
    return RunMeta(
        command_line=command_line,
        version=__version__,
        model=spec.name,
        model_sha256=spec.sha256,
        backend=model.backend,
        device=model.device,
        precision=model.precision,
        parameters=plain,  # type: ignore[arg-type]
        notes=model.notes,
    )


def _refuse_own_files(out: Path, inputs: Sequence[str]) -> None:
    for name in inputs:
        if name != "-" and Path(name).is_dir() and out.resolve().is_relative_to(Path(name).resolve()):
            raise InvalidInputError(
                f"the pictures written to {out} would become inputs, because it lies in {name}; give another --out"
            )


def _names(inputs: Sequence[str | Path] | str | Path) -> list[str]:
    return [str(inputs)] if isinstance(inputs, (str, Path)) else [str(name) for name in inputs]
