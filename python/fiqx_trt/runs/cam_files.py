"""Inputs into activation maps, pictures and a table: what the command ``cam`` does, for a program to call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.runs.colors import DEFAULT_COLORS
from fiqx_trt.runs.file_run import open_run
from fiqx_trt.runs.options import CamOptions, FaceOptions, Inputs, RuntimeOptions, choose_mode
from fiqx_trt.runs.record import python_call
from fiqx_trt.runs.settings import CAM_TABLE, CamSettings
from fiqx_trt.zoo import DEFAULT_MODEL

if TYPE_CHECKING:
    from fiqx_trt.runs.progress import Progress
    from fiqx_trt.runs.run_result import RunResult

__all__ = ["cam_files"]


def cam_files(
    inputs: Sequence[str | Path] | str | Path,
    out: str | Path,
    model: str | Path = DEFAULT_MODEL,
    *,
    target: str | None = None,
    weights: str | None = None,
    preset: str | None = None,
    align_corners: bool | None = None,
    layer: str | None = None,
    maps: bool = True,
    pictures: str = "jpg",
    colors: str = DEFAULT_COLORS,
    smooth: float = 0.0,
    grid: bool = False,
    aligned: bool = False,
    detector: str | None = None,
    select: str = "largest",
    min_face: float | None = None,
    confidence: float | None = None,
    column: str | None = None,
    contract: Mapping[str, Any] | None = None,
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    batch: int = 8,
    threads: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    retry_failed: bool = False,
    report: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> RunResult:
    """Draw the activation map of every face, as the command ``cam`` does: the same files and bytes, without the page.

    Parameters
    ----------
    inputs
        Files, folders, globs, archives, lists or tables; see :mod:`fiqx_trt.faces.sources`.
    out
        A folder: the table ``cam.csv``, float maps in ``maps/`` and pictures in ``pictures/``.
    target, weights, preset, align_corners, layer
        As for :func:`fiqx_trt.scorecam`.
    maps
        Whether to write the float maps, an ``.npz`` file per face.
    pictures
        Pictures of face, map and overlay: ``"jpg"``, ``"png"`` or ``"none"``.
    colors
        Colours of the maps in them: ``"uniform"``, or ``"papers"``.
    smooth
        Standard deviation, in pixels, of the Gaussian that smooths the maps in them; the stored maps stay as they are.
    grid
        Whether the small grid of each map is a column (:class:`fiqx_trt.runs.settings.CamSettings`).
    model, aligned, detector, select, min_face, confidence, contract, backend, precision, device, batch, threads
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
    ModelError, BackendUnavailableError
        The model cannot be opened.
    OutputError
        The table exists already, belongs to other settings, or cannot be written.

    Examples
    --------
    >>> import fiqx_trt as fx
    >>> done = fx.cam_files(["photos/"], "cam")     # doctest: +SKIP
    >>> done.table, done.complete                       # doctest: +SKIP
    (PosixPath('cam/cam.csv'), True)
    """
    mode = choose_mode(resume=resume, overwrite=overwrite, retry=retry_failed)
    settings = CamSettings(
        model=model,
        faces=FaceOptions(aligned, detector, select, min_face, confidence),
        runtime=RuntimeOptions(backend, precision, device, threads),
        contract=dict(contract or {}),
        maps=maps,
        pictures=pictures,
        colors=colors,
        smooth=smooth,
        cam=CamOptions(target, weights, preset, align_corners, layer),
        grid=grid,
    )
    selected = Inputs.of(inputs, column=column)
    call = python_call("fiqx_trt.cam_files", selected.names, out, settings)
    with open_run(settings, selected, Path(out) / CAM_TABLE, mode=mode, call=call, batch=batch) as run:
        return run.work(report=report, stop=stop)
