"""Inputs into a table file: what the command ``score`` does, for a program to call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.runs.file_run import open_run
from fiqx_trt.runs.options import FaceOptions, Inputs, RuntimeOptions, choose_mode
from fiqx_trt.runs.record import python_call
from fiqx_trt.runs.settings import ScoreSettings
from fiqx_trt.zoo import DEFAULT_MODEL

if TYPE_CHECKING:
    from fiqx_trt.quality import OptionsByMethod
    from fiqx_trt.runs.progress import Progress
    from fiqx_trt.runs.run_result import RunResult

__all__ = ["score_files"]


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
    threshold: str | float | None = None,
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
    report: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> RunResult:
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
    threshold
        Adds the column ``accept``, 1 where a face is good enough by the first method: a least quality such as 0.4, or ``"5%"``,
        which 5 % of the calibration faces do not reach.
    resume, overwrite, retry_failed
        What to do with an earlier output: go on after an interruption, replace it, or repeat its failed rows. Without
        one of them an existing output is an error.
    report
        Called as ``report(done=…, failed=…)`` after every batch, in another thread.
    stop
        Asked after every batch; when it returns true the rows in flight are written and the run ends.

    Returns
    -------
    RunResult
        With ``table``, ``counts`` and ``complete``; the rows, ``to_arrow()`` and ``to_pandas()`` read the table.

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
    settings = ScoreSettings(
        model=model,
        faces=FaceOptions(aligned, detector, select, min_face, confidence),
        runtime=RuntimeOptions(backend, precision, device, threads),
        contract=dict(contract or {}),
        methods=methods,
        options=options,
        threshold=None if threshold is None else str(threshold),
    )
    selected = Inputs.of(inputs, column=column)
    call = python_call("fiqx_trt.score_files", selected.names, out, settings)
    with open_run(settings, selected, Path(out), mode=mode, call=call, batch=batch) as run:
        return run.work(report=report, stop=stop)
