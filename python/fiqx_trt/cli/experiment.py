"""``experiment``: the investigations of the pixel-quality paper on a user's own faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.command_line import command_record
from fiqx_trt.cli.console import open_progress, say, table
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.runs.settings import gamma_field
from fiqx_trt.text import percent

if TYPE_CHECKING:
    from fiqx_trt.experiments.deletion_study import DeletionStudy

__all__ = ["compare", "deletion", "inpaint", "masks"]

Weightings = Annotated[
    list[str] | None,
    typer.Option(
        "--weights",
        metavar="NAME",
        help="Weighting to compare; may be repeated. (Default: all four.)",
        show_default=False,
    ),
]
OneWeighting = Annotated[
    str, typer.Option("--weights", metavar="NAME", help="Weighting: l1, sum, signed, exact.")
]
Per = Annotated[
    str,
    typer.Option("--per", metavar="NAME", help="What P is measured by: intensity (the paper's) or contrast."),
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="Use the first N faces.")]
Seed = Annotated[int, typer.Option(help="Seed of what is drawn at random.")]


def masks(
    *,
    out: o.OutDirectory,
    weights: Weightings = None,
    per: Per = "intensity",
    sizes: Annotated[
        str, typer.Option(metavar="LIST", help="Sides of the masks in pixels of a 112-pixel face.")
    ] = "10,20,30,40,50",
    repeats: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Masks per face and size. (Default: enough for 200 of each size.)",
            show_default=False,
        ),
    ] = None,
    mask_colors: Annotated[
        bool,
        typer.Option("--mask-colors/--no-mask-colors", help="Compare twelve colours of masks as well."),
    ] = True,
    pointing: Annotated[
        bool,
        typer.Option(
            "--pointing/--no-pointing",
            help="Disturb squares and regions in four ways as well, to see whether the deviation points at them.",
        ),
    ] = True,
    min_quality: Annotated[
        float, typer.Option(metavar="Q", help="Mask only faces of at least this scaled quality.")
    ] = 0.0,
    seed: Seed = 0,
    limit: Limit = None,
    figure: g.FigureGroup,
    model: g.ModelGroup,
    faces: g.FaceGroup,
    pictures: g.InputGroup,
    runtime: g.GradientRuntimeGroup,
    output: g.ResultGroup,
) -> None:
    """Cover random squares of every face: whether they lose pixel quality, and the face quality (Terhörst et al., 5.2)."""
    from fiqx_trt.experiments.face_set import read_faces
    from fiqx_trt.experiments.mask_study import MaskOptions, study_masks
    from fiqx_trt.models.gradients import WEIGHTS
    from fiqx_trt.report.study_folder import start_folder, write_masks

    options = MaskOptions(
        weights or list(WEIGHTS),
        _sizes(sizes),
        repeats,
        mask_colors,
        pointing,
        min_quality,
        seed,
        cast(Any, per),
    )
    look = figure.look
    start_folder(out, overwrite=output.overwrite)
    with model.open(runtime) as opened:
        collected = read_faces(pictures.sources(), opened, faces, runtime, limit=limit)
        with open_progress(None, quiet=output.quiet) as progress:
            study = study_masks(
                opened, collected, options, progress=lambda done, _: progress(done=done, failed=0)
            )
    write_masks(study, out, command_record(), look=look)
    if not output.quiet:
        summary = study.summary()
        _mask_table(summary)
        say(
            f"best at finding the masks: {summary['ranking'][0]['weights']}; wrote {out}, see report.html there"
        )


def inpaint(
    *,
    out: o.OutDirectory,
    weights: OneWeighting = "l1",
    per: Per = "intensity",
    seeds: Annotated[int, typer.Option(min=2, help="Seeds over which quality is averaged.")] = 10,
    limit: Limit = None,
    figure: g.FigureGroup,
    model: g.ModelGroup,
    gamma: o.Gamma = None,
    faces: g.FaceGroup,
    pictures: g.InputGroup,
    runtime: g.GradientRuntimeGroup,
    output: g.ResultGroup,
) -> None:
    """Fill in the least useful area of every face: whether the face gains quality (Terhörst et al., 5.1)."""
    from fiqx_trt.experiments.face_set import read_faces
    from fiqx_trt.experiments.inpainting_study import study_inpainting
    from fiqx_trt.report.study_folder import start_folder, write_inpainting

    look = figure.look
    start_folder(out, overwrite=output.overwrite)
    with model.open(runtime, **_gamma_of(per, gamma)) as opened:
        collected = read_faces(pictures.sources(), opened, faces, runtime, limit=limit)
        study = study_inpainting(opened, collected, weights=weights, per=per, seeds=seeds)
    write_inpainting(study, out, command_record(), look=look)
    if not output.quiet:
        rows = [
            (
                name,
                *(
                    _percent(entry[kind][word])
                    for kind in ("paired", "as_printed")
                    for word in ("improved", "fallen", "within")
                ),
            )
            for name, entry in study.summary()["inpainters"].items()
        ]
        words = ("improved", "fallen", "within")
        header = ("inpainter", *(f"{w}, seed by seed" for w in words), *(f"{w}, as the paper" for w in words))
        table("Quality after filling in the least useful area", header, rows)
        say(f"wrote {out}, see report.html there")


def compare(
    *,
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="The picture that keeps the rules.")],
    out: o.OutDirectory,
    weights: OneWeighting = "l1",
    per: Per = "intensity",
    limit: Limit = None,
    figure: g.FigureGroup,
    model: g.ModelGroup,
    gamma: o.Gamma = None,
    faces: g.LargestFaceGroup,
    pictures: g.InputGroup,
    runtime: g.GradientRuntimeGroup,
    output: g.ResultGroup,
) -> None:
    """Put a person's reference beside pictures that break its rules: what got less useful, and where (Terhörst et al., 5.3)."""
    from fiqx_trt.experiments.compare import study_comparison
    from fiqx_trt.experiments.face_set import read_faces
    from fiqx_trt.faces.sources import iter_sources
    from fiqx_trt.report.study_folder import start_folder, write_comparison

    look = figure.look
    start_folder(out, overwrite=output.overwrite)
    with model.open(runtime, **_gamma_of(per, gamma)) as opened:
        first = read_faces(
            iter_sources([reference]), opened, faces, runtime, limit=1, purpose="the reference"
        )
        others = read_faces(pictures.sources(), opened, faces, runtime, limit=limit)
        study = study_comparison(opened, first + others, weights=weights, per=per)
    write_comparison(study, out, command_record(), look=look)
    if not output.quiet:
        shown = [
            (r["name"], f"{r['quality']:.2f}", f"{r['similarity']:.2f}", r["summary"]) for r in study.rows()
        ]
        table("Reference (first) and violations", ("picture", "quality", "cosine", "regions"), shown)
        say(f"wrote {out}, see report.html there")


def deletion(
    *,
    out: o.OutDirectory,
    weights: OneWeighting = "l1",
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="NAME",
            help="Map to judge; may be repeated: plq, plq-contrast, uniform (plain mean activation), cam (Score-CAM, slow). "
            "(Default: all but cam.)",
            show_default=False,
        ),
    ] = None,
    fills: Annotated[
        list[str] | None,
        typer.Option(
            "--fill",
            metavar="NAME",
            help="What removed cells show; may be repeated: mean (the mean colour), blur, other (another face). (Default: all.)",
            show_default=False,
        ),
    ] = None,
    identities: o.Identities = None,
    cells: Annotated[int, typer.Option(min=2, help="Cells per side into which a face is divided.")] = 8,
    steps: Annotated[int, typer.Option(min=1, help="Steps between the whole face and none of it.")] = 16,
    randoms: Annotated[
        int, typer.Option(min=1, help="Random orders, whose mean curve is called chance.")
    ] = 5,
    replicates: Annotated[int, typer.Option(min=2, help="Bootstrap replicates of the bands.")] = 1000,
    seed: Seed = 0,
    limit: Limit = None,
    figure: g.CurveFigureGroup,
    model: g.ModelGroup,
    gamma: o.Gamma = None,
    faces: g.FaceGroup,
    pictures: g.InputGroup,
    runtime: g.GradientRuntimeGroup,
    output: g.ResultGroup,
) -> None:
    """Remove and show cells of faces in the order of maps, of a centre prior, of mean maps and of chance: what maps are worth."""
    from fiqx_trt.evaluate.identities import identities_of
    from fiqx_trt.experiments.deletion import DeletionOptions
    from fiqx_trt.experiments.deletion_study import study_deletion
    from fiqx_trt.experiments.face_set import read_faces
    from fiqx_trt.report.study_folder import start_folder, write_deletion

    options = DeletionOptions(
        cells, steps, randoms, tuple(dict.fromkeys(fills)) if fills else None, seed, replicates
    )
    look = figure.look
    start_folder(out, overwrite=output.overwrite)
    with model.open(runtime, **_gamma_of("intensity", gamma)) as opened:
        collected = read_faces(pictures.sources(), opened, faces, runtime, limit=limit)
        people = None if identities is None else identities_of(collected.paths, identities)
        with open_progress(None, quiet=output.quiet) as progress:
            study = study_deletion(
                opened,
                collected,
                maps=None if maps is None else tuple(dict.fromkeys(maps)),
                weights=weights,
                people=people,
                options=options,
                progress=lambda done, total: progress(done=done, failed=0),
            )
    write_deletion(study, out, command_record(), look=look)
    if not output.quiet:
        _area_table(study)
        for line in study.verdicts:
            say(line)
        say(f"wrote {out}, see report.html there")


def _gamma_of(per: str, gamma: float | None) -> dict[str, float]:
    """Return the field of the model's contract that a given γ is."""
    return {} if gamma is None else {gamma_field(per): gamma}


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise InvalidInputError(f"--sizes is {text!r}; give pixels with commas between, such as 10,20,30")
    return list(dict.fromkeys(sizes))


def _mask_table(summary: dict[str, Any]) -> None:
    names = [row["weights"] for row in summary["ranking"]]
    rows = []
    for size, entry in summary["sizes"].items():
        entries = [entry["weights"][name] for name in names]
        cells = [
            f"{_percent(f['loss_inside_positive'])}  {f['mean_loss_inside']:+.3f} / {f['mean_loss_outside']:+.3f}"
            for f in entries
        ]
        rows.append((f"{size} px", _percent(entry["quality_loss_positive"]), *cells))
    header = ("mask", "faces that lost quality", *(f"{name}: share, mean inside / outside" for name in names))
    table("Masks that lost pixel quality, the best weighting first", header, rows)


def _area_table(study: DeletionStudy) -> None:
    from fiqx_trt.report.deletion import area_cell

    rows = [
        (one.order, one.fill, one.measure, area_cell(one.deletion), area_cell(one.insertion))
        for one in study.areas
        if one.measure != "quality"
    ]
    header = ("order", "fill", "cosine", "deletion (low is good)", "insertion (high is good)")
    table("Area under the curves", header, rows)


def _percent(share: dict[str, Any]) -> str:
    return percent(share["share"])
