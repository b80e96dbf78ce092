"""``calibrate``: the scales of a model's quality and pixel quality, from a set of faces."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.console import open_progress, say

__all__ = ["calibrate"]


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
    quiet: o.Quiet = False,
) -> None:
    """Measure α, r, γ and the percentiles of a model on typical faces and write them into its sidecar."""
    from fiqx_trt.explain.measuring import FaceSample, measure_pixels
    from fiqx_trt.faces.batch import iter_batches
    from fiqx_trt.models.calibration import calibrate_quality, quality_quantiles
    from fiqx_trt.models.gradients import check_weights
    from fiqx_trt.models.load import update_sidecar
    from fiqx_trt.quality.serfiq import SerFiq
    from fiqx_trt.runs.options import open_model

    method = SerFiq(estimator=estimator)
    check_weights(weights)
    raw: list[np.ndarray] = []
    sample = FaceSample()
    done = failed = 0
    with (
        open_model(model, runtime, contract.contract) as opened,
        open_progress(None, quiet=quiet) as progress,
    ):
        preparer = faces.preparer(opened.spec, runtime)
        for records in iter_batches(pictures.sources(), preparer, batch=32, threads=runtime.threads or 2):
            images = [record.image for record in records if record.image is not None]
            if images:
                stack = np.stack(images)
                raw.append(method.score(opened, stack, opened.extract(stack)).raw)
                sample.add(stack, raw[-1])
            done += len(records)
            failed += len(records) - len(images)
            progress(done=done, failed=failed)
        qualities = np.concatenate(raw) if raw else np.zeros(0)
        alpha, r = (
            float(f"{x:.{digits}g}") for x, digits in zip(calibrate_quality(qualities), (4, 5), strict=True)
        )
        measured = (
            measure_pixels(opened, *sample.arrays(), alpha=alpha, r=r, weights=weights) if pixels else None
        )
    typer.echo(f"alpha = {alpha:g}\nr = {r:g}\nfaces = {len(qualities)}")
    note = f"SER-FIQ {estimator} on {len(qualities)} faces"
    fields: dict[str, Any] = {
        "alpha": alpha,
        "r": r,
        "estimator": method.setting,
        "quantiles": quality_quantiles(qualities),
    }
    if measured is not None:
        typer.echo(
            f"gamma = {measured.gamma:g}\ngamma_contrast = {measured.gamma_contrast:g}\nweights = {measured.weights}"
        )
        note += f"; γ for the weighting {measured.weights} on the best {measured.best} of {measured.faces}"
        fields |= {
            "gamma": measured.gamma,
            "gamma_contrast": measured.gamma_contrast,
            "gamma_weights": measured.weights,
            "usual": measured.usual,
        }
    if dry_run:
        return
    say(f"wrote {update_sidecar(model, contract.contract, {**fields, 'calibration': note})}")
