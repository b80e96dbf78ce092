"""``calibrate``: the scales of a model's quality and pixel quality, from a set of faces."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.console import open_progress, say
from fiqx_trt.cli.parts_run import StudyRuns

if TYPE_CHECKING:
    from fiqx_trt.experiments.model_calibration import ModelCalibration
    from fiqx_trt.quality.serfiq import SerFiq
    from fiqx_trt.runs.settings import ScoreSettings

__all__ = ["calibrate"]

#: The raw quality has no scale: so a job in parts goes on where another one has written the sidecar.
UNSCALED = {"alpha": 1.0, "r": 0.0}


def calibrate(
    *,
    model: o.ModelName = o.DEFAULT_MODEL,
    estimator: o.Estimator = "closed-form",
    weights: Annotated[
        str, typer.Option(help="Weighting of the quality node that both γ are for: l1, sum, signed, exact.")
    ] = "l1",
    pixels: Annotated[
        bool, typer.Option("--pixels/--no-pixels", help="Measure γ and what is usual at every pixel as well.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the numbers, write nothing.")] = False,
    contract: g.ContractGroup,
    faces: g.FaceGroup,
    pictures: g.InputGroup,
    runtime: g.RuntimeGroup,
    engine: g.StudyEngineGroup,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make the parts anew.", rich_help_panel=o.PARTS_PANEL)
    ] = False,
    quiet: o.Quiet = False,
) -> None:
    """Measure α, r, γ and the percentiles of a model on typical faces and write them into its sidecar.

    With ``--parts RUN/`` and ``--engine`` or ``--share`` the faces are scored in parts, by many workers, and the numbers are the
    same; the same command goes on after an interruption.
    """
    from fiqx_trt.experiments.model_calibration import calibrate_model
    from fiqx_trt.models.load import update_sidecar
    from fiqx_trt.models.stored import refuse_stored
    from fiqx_trt.quality.serfiq import SerFiq
    from fiqx_trt.runs.options import open_model
    from fiqx_trt.runs.settings import ScoreSettings

    if not dry_run:
        refuse_stored(model)
    if engine.wanted:
        settings = ScoreSettings(
            model=model,
            faces=faces,
            runtime=runtime,
            contract=contract.contract,
            options={"serfiq": {"estimator": estimator}},
        )
        runs = StudyRuns(pictures, engine.require_parts(), engine, overwrite, quiet)
        unscaled = replace(settings, contract={**settings.contract, **UNSCALED})
        measured = _in_parts(settings, unscaled, runs, SerFiq(estimator=estimator), weights, pixels=pixels)
    else:
        with (
            open_model(model, runtime, contract.contract) as opened,
            open_progress(None, quiet=quiet) as progress,
        ):
            measured = calibrate_model(
                pictures.sources(),
                opened,
                faces.preparer(opened.spec, runtime),
                estimator=estimator,
                weights=weights,
                pixels=pixels,
                threads=runtime.threads or 2,
                report=progress,
            )
    typer.echo(f"alpha = {measured.alpha:g}\nr = {measured.r:g}\nfaces = {len(measured.qualities)}")
    if (scales := measured.pixels) is not None:
        typer.echo(
            f"gamma = {scales.gamma:g}\ngamma_contrast = {scales.gamma_contrast:g}\nweights = {scales.weights}"
        )
    if not dry_run:
        say(f"wrote {update_sidecar(model, contract.contract, measured.fields())}")


def _in_parts(
    settings: ScoreSettings,
    unscaled: ScoreSettings,
    runs: StudyRuns,
    method: SerFiq,
    weights: str,
    *,
    pixels: bool,
) -> ModelCalibration:
    from fiqx_trt.distributed.studies import calibration_faces
    from fiqx_trt.experiments.model_calibration import conclude_calibration
    from fiqx_trt.models.gradients import check_weights

    check_weights(weights)
    found = calibration_faces(runs, unscaled, pixels=pixels)
    with settings.open_model() as opened:
        return conclude_calibration(opened, method, found.qualities, found.sample, weights=weights)
