"""Inputs into maps, pictures and a table: what the command ``plq`` does, for a program to call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.runs.colors import DEFAULT_COLORS
from fiqx_trt.runs.file_run import open_run
from fiqx_trt.runs.options import FaceOptions, Inputs, RuntimeOptions, choose_mode
from fiqx_trt.runs.record import python_call
from fiqx_trt.runs.settings import PLQ_TABLE, PlqSettings
from fiqx_trt.zoo import DEFAULT_MODEL

if TYPE_CHECKING:
    from fiqx_trt.quality import OptionsByMethod
    from fiqx_trt.runs.progress import Progress
    from fiqx_trt.runs.run_result import RunResult

__all__ = ["plq_files"]


def plq_files(
    inputs: Sequence[str | Path] | str | Path,
    out: str | Path,
    model: str | Path = DEFAULT_MODEL,
    *,
    weights: str | None = None,
    per: str | None = None,
    gamma: float | None = None,
    preset: str | None = None,
    clip: float | None = None,
    method: str = "serfiq",
    options: OptionsByMethod | None = None,
    maps: bool = True,
    pictures: str = "jpg",
    colors: str = DEFAULT_COLORS,
    smooth: float = 0.0,
    aligned: bool = False,
    detector: str | None = None,
    select: str = "largest",
    min_face: float | None = None,
    confidence: float | None = None,
    column: str | None = None,
    contract: Mapping[str, Any] | None = None,
    backend: str = "auto",
    device: str = "auto",
    batch: int = 32,
    threads: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    retry_failed: bool = False,
    report: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> RunResult:
    """Explain every face by its pixel-level quality, as the command ``plq`` does: the same files and bytes, without the page.

    Parameters
    ----------
    inputs
        Files, folders, globs, archives, lists or tables; see :mod:`fiqx_trt.faces.sources`.
    out
        A folder: the table ``plq.csv``, float maps in ``maps/`` and pictures in ``pictures/``.
    weights, per, gamma, clip
        As for :func:`fiqx_trt.plq`; ``None``: the preset's, or the model's own.
    preset
        Name of the α, r, γ and weighting of the paper (:data:`fiqx_trt.PRESETS`).
    method, options
        Quality method behind the maps, and its options, such as ``{"serfiq": {"passes": 50}}``.
    maps
        Whether to write the float maps, an ``.npz`` file per face.
    pictures
        Pictures of face, map and overlay: ``"jpg"``, ``"png"`` or ``"none"``.
    colors
        Colours of the maps in them: ``"uniform"``, or ``"papers"``.
    smooth
        Standard deviation, in pixels, of the Gaussian that smooths the maps in them; the stored maps stay as they are.
    model, aligned, detector, select, min_face, confidence, contract, backend, device, batch, threads
        As for :class:`fiqx_trt.FaceScorer`.
    column, resume, overwrite, retry_failed, report, stop
        As for :func:`fiqx_trt.score_files`.

    Returns
    -------
    RunResult
        With ``table``, ``counts`` and ``complete``; the rows, ``to_arrow()`` and ``to_pandas()`` read the table.

    Raises
    ------
    SourceError, InvalidInputError
        An input does not exist, or an argument is wrong.
    NotCalibratedError
        The model has no γ of this weighting, and none was given.
    ModelError, BackendUnavailableError
        The model cannot be opened.
    OutputError
        The table exists already, belongs to other settings, or cannot be written.

    Examples
    --------
    >>> import fiqx_trt as fx
    >>> done = fx.plq_files(["photos/"], "plq")     # doctest: +SKIP
    >>> done.table, done.complete                       # doctest: +SKIP
    (PosixPath('plq/plq.csv'), True)
    """
    mode = choose_mode(resume=resume, overwrite=overwrite, retry=retry_failed)
    settings = PlqSettings(
        model=model,
        faces=FaceOptions(aligned, detector, select, min_face, confidence),
        runtime=RuntimeOptions(backend, device=device, threads=threads),
        contract=dict(contract or {}),
        maps=maps,
        pictures=pictures,
        colors=colors,
        smooth=smooth,
        weights=weights,
        per=per,
        gamma=gamma,
        preset=preset,
        clip=clip,
        method=method,
        options=options,
    )
    selected = Inputs.of(inputs, column=column)
    call = python_call("fiqx_trt.plq_files", selected.names, out, settings)
    with open_run(settings, selected, Path(out) / PLQ_TABLE, mode=mode, call=call, batch=batch) as run:
        return run.work(report=report, stop=stop)
