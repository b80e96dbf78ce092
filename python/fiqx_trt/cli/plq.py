"""``plq``: which pixels make a face useful to a recogniser, for every face."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, cast

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.table_run import TableRun
from fiqx_trt.errors import InvalidInputError

__all__ = ["Gamma", "PresetName", "WeightsName", "gamma_field", "plq", "preset_fields"]

WeightsName = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="NAME",
        help="Weighting of the quality node: l1, sum, signed, exact. (Default: l1, or the preset's.)",
        show_default=False,
    ),
]
Gamma = Annotated[
    float | None,
    typer.Option(
        metavar="G", help="Scale of the pixel quality; default: the model's.", rich_help_panel=o.MODEL_PANEL
    ),
]
PerName = Annotated[
    str | None,
    typer.Option(
        "--per",
        metavar="NAME",
        help="What P is measured by: contrast or intensity (the paper's). (Default: contrast; intensity with --gamma, --preset.)",
        show_default=False,
    ),
]
PresetName = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="The paper's α, r, γ and weighting: arcface or facenet.",
        rich_help_panel=o.MODEL_PANEL,
    ),
]


def plq(
    *,
    out: o.OutDirectory,
    weights: WeightsName = None,
    per: PerName = None,
    clip: Annotated[
        float | None,
        typer.Option(
            metavar="NORM", help="Largest norm of a gradient; longer ones are shortened and marked."
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="Quality method behind the maps.")] = "serfiq",
    serfiq: g.SerFiqGroup,
    files: g.FileGroup,
    colors: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Colours of P: blue-yellow, told apart in grey too, or red-green (the paper's).",
        ),
    ] = "blue-yellow",
    model: g.ModelGroup,
    gamma: Gamma = None,
    preset: PresetName = None,
    faces: g.FaceGroup,
    pictures: g.InputGroup,
    runtime: g.GradientRuntimeGroup,
    batch: o.Batch = 32,
    output: g.OutputGroup,
) -> None:
    """Explain every face: float maps, a picture each, a table that says which regions serve less than usual, and report.html.

    Gradients run in float32. Exit status: 0 every row ok, 3 finished but some rows failed, 2 wrong usage, 1 could not run,
    130 interrupted, 143 terminated.
    """
    from fiqx_trt.explain.deviation import missing_usual
    from fiqx_trt.explain.plq import PlqExplainer
    from fiqx_trt.quality import create_method
    from fiqx_trt.report.plq import plq_page
    from fiqx_trt.runs.face_files import FaceFiles
    from fiqx_trt.runs.options import open_model
    from fiqx_trt.runs.plq_rows import PlqRows

    quality = create_method(method, serfiq.options)
    per = per or ("intensity" if preset is not None or gamma is not None else None)
    fields, weighting = preset_fields(preset, weights, alpha=model.alpha, r=model.r, gamma=gamma, per=per)
    run = TableRun(pictures, faces, runtime, output, batch)
    with (
        FaceFiles(out, maps=files.maps, pictures=files.pictures) as written,
        open_model(model.model, runtime, {**model.contract, **fields}) as opened,
    ):
        explainer = PlqExplainer(opened, cast(Any, weighting), clip=clip, method=quality, per=cast(Any, per))
        notes = [missing] if (missing := missing_usual(opened.spec, explainer.weights)) else []
        ran = (
            f"gradients in fp32; per {explainer.per}, weighting {explainer.weights}, γ = {explainer.gamma:g}"
        )
        page = partial(plq_page, method=method)
        run.into(
            out / "plq.csv",
            PlqRows(explainer, written, colors=colors),
            opened,
            files=written,
            page=page,
            ran=ran,
            notes=notes,
        )


def preset_fields(
    preset: str | None,
    weights: str | None,
    *,
    alpha: float | None,
    r: float | None,
    gamma: float | None,
    per: str | None = None,
) -> tuple[dict[str, float], str]:
    """Return α, r and the γ of a definition that were given or are the preset's, and the weighting.

    Raises
    ------
    InvalidInputError
        The preset is unknown, or its γ belongs to another weighting or definition.
    """
    from fiqx_trt.models.calibration import PRESETS

    scale = gamma_field(per)
    given = {"alpha": alpha, "r": r, scale: gamma}
    fields = {name: value for name, value in given.items() if value is not None}
    if preset is None:
        return fields, weights or "l1"
    if preset not in PRESETS:
        raise InvalidInputError(f"no preset is called {preset!r}; there are {', '.join(PRESETS)}")
    numbers = PRESETS[preset]
    if weights not in (None, numbers.weights) and gamma is None:
        raise InvalidInputError(
            f"γ of the preset {preset} belongs to the weighting {numbers.weights!r}; give --gamma with --weights {weights}"
        )
    if per == "contrast" and gamma is None:
        raise InvalidInputError(
            f"γ of the preset {preset} belongs to the paper's definition, --per intensity; give --gamma with --per contrast"
        )
    standard = {"alpha": numbers.alpha, "r": numbers.r, scale: numbers.gamma}
    return {**standard, **fields}, weights or numbers.weights


def gamma_field(per: str | None) -> str:
    """Return the field of the spec that the γ of a definition is."""
    return "gamma_contrast" if per == "contrast" else "gamma"
