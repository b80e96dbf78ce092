"""``experiment``: the investigations of the pixel-quality paper on a user's own faces."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fiqx_trt.cli import options as o
from fiqx_trt.cli.console import open_progress, say, table, warnings_shown
from fiqx_trt.errors import InvalidInputError
from fiqx_trt.runs.settings import gamma_field

if TYPE_CHECKING:
    from fiqx_trt.experiments.deletion_study import DeletionStudy
    from fiqx_trt.experiments.face_set import FaceSet
    from fiqx_trt.models import Model
    from fiqx_trt.runs.record import RunRecord

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
    inputs: o.Inputs,
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
    colors: Annotated[
        bool, typer.Option("--colors/--no-colors", help="Compare twelve colours of masks as well.")
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
    model: o.ModelName = o.DEFAULT_MODEL,
    aligned: o.Aligned = False,
    detector: o.DetectorName = None,
    select: o.Select = "largest",
    min_face: o.MinFace = None,
    confidence: o.Confidence = None,
    mean: o.Mean = None,
    std: o.Std = None,
    color: o.Color = None,
    template: o.Template = None,
    input_size: o.InputSize = None,
    tap: o.Tap = None,
    alpha: o.Alpha = None,
    r: o.Middle = None,
    backend: o.Backend = "auto",
    device: o.Device = "auto",
    threads: o.Threads = None,
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Cover random squares of every face: whether the covered area loses pixel quality, and the face quality (T 5.2)."""
    from fiqx_trt.experiments.mask_study import MaskOptions, study_masks
    from fiqx_trt.models.gradients import WEIGHTS
    from fiqx_trt.report.study_folder import start_folder, write_masks

    runtime = o.RuntimeOptions(backend, "auto", device, threads)
    found = o.FaceOptions(aligned, detector, select, min_face, confidence)
    contract = o.model_fields(
        mean=mean, std=std, color=color, template=template, input_size=input_size, tap=tap
    )
    options = MaskOptions(
        weights or list(WEIGHTS), _sizes(sizes), repeats, colors, pointing, min_quality, seed, cast(Any, per)
    )
    start_folder(out, overwrite=overwrite)
    with o.open_model(model, runtime, {**contract, **_fields(alpha, r, None)}) as opened:
        faces = _faces(opened, inputs, found, runtime, limit)
        with open_progress(None, quiet=quiet) as progress:
            study = study_masks(
                opened, faces, options, progress=lambda done, total: progress(done=done, failed=0)
            )
    write_masks(study, out, _record())
    if not quiet:
        summary = study.summary()
        _mask_table(summary)
        say(
            f"best at finding the masks: {summary['ranking'][0]['weights']}; wrote {out}, see report.html there"
        )


def inpaint(
    inputs: o.Inputs,
    out: o.OutDirectory,
    weights: OneWeighting = "l1",
    per: Per = "intensity",
    seeds: Annotated[int, typer.Option(min=2, help="Seeds over which quality is averaged.")] = 10,
    limit: Limit = None,
    model: o.ModelName = o.DEFAULT_MODEL,
    aligned: o.Aligned = False,
    detector: o.DetectorName = None,
    select: o.Select = "largest",
    min_face: o.MinFace = None,
    confidence: o.Confidence = None,
    mean: o.Mean = None,
    std: o.Std = None,
    color: o.Color = None,
    template: o.Template = None,
    input_size: o.InputSize = None,
    tap: o.Tap = None,
    alpha: o.Alpha = None,
    r: o.Middle = None,
    gamma: o.Gamma = None,
    backend: o.Backend = "auto",
    device: o.Device = "auto",
    threads: o.Threads = None,
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Fill in the least useful area of every face: whether the face gains quality (T 5.1)."""
    from fiqx_trt.experiments.inpainting_study import study_inpainting
    from fiqx_trt.report.study_folder import start_folder, write_inpainting

    runtime = o.RuntimeOptions(backend, "auto", device, threads)
    found = o.FaceOptions(aligned, detector, select, min_face, confidence)
    contract = o.model_fields(
        mean=mean, std=std, color=color, template=template, input_size=input_size, tap=tap
    )
    start_folder(out, overwrite=overwrite)
    with o.open_model(model, runtime, {**contract, **_fields(alpha, r, gamma, per)}) as opened:
        faces = _faces(opened, inputs, found, runtime, limit)
        study = study_inpainting(opened, faces, weights=weights, per=per, seeds=seeds)
    write_inpainting(study, out, _record())
    if not quiet:
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
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="The picture that keeps the rules.")],
    inputs: o.Inputs,
    out: o.OutDirectory,
    weights: OneWeighting = "l1",
    per: Per = "intensity",
    limit: Limit = None,
    model: o.ModelName = o.DEFAULT_MODEL,
    aligned: o.Aligned = False,
    detector: o.DetectorName = None,
    min_face: o.MinFace = None,
    confidence: o.Confidence = None,
    mean: o.Mean = None,
    std: o.Std = None,
    color: o.Color = None,
    template: o.Template = None,
    input_size: o.InputSize = None,
    tap: o.Tap = None,
    alpha: o.Alpha = None,
    r: o.Middle = None,
    gamma: o.Gamma = None,
    backend: o.Backend = "auto",
    device: o.Device = "auto",
    threads: o.Threads = None,
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Put a person's reference beside pictures that break its rules: what became less useful, and where (T 5.3)."""
    from fiqx_trt.experiments.compare import study_comparison
    from fiqx_trt.report.study_folder import start_folder, write_comparison

    runtime = o.RuntimeOptions(backend, "auto", device, threads)
    found = o.FaceOptions(aligned, detector, "largest", min_face, confidence)
    contract = o.model_fields(
        mean=mean, std=std, color=color, template=template, input_size=input_size, tap=tap
    )
    start_folder(out, overwrite=overwrite)
    with o.open_model(model, runtime, {**contract, **_fields(alpha, r, gamma, per)}) as opened:
        first = _faces(opened, [reference], found, runtime, 1, purpose="the reference")
        others = _faces(opened, inputs, found, runtime, limit)
        study = study_comparison(opened, first + others, weights=weights, per=per)
    write_comparison(study, out, _record())
    if not quiet:
        shown = [
            (r["name"], f"{r['quality']:.2f}", f"{r['similarity']:.2f}", r["summary"]) for r in study.rows()
        ]
        table("Reference (first) and violations", ("picture", "quality", "cosine", "regions"), shown)
        say(f"wrote {out}, see report.html there")


def deletion(
    inputs: o.Inputs,
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
    cells: Annotated[int, typer.Option(min=2, help="Cells per side of the face.")] = 8,
    steps: Annotated[int, typer.Option(min=1, help="Steps between nothing and everything.")] = 16,
    randoms: Annotated[int, typer.Option(min=1, help="Random orders that make chance.")] = 5,
    replicates: Annotated[int, typer.Option(min=2, help="Bootstrap replicates of the bands.")] = 1000,
    seed: Seed = 0,
    limit: Limit = None,
    model: o.ModelName = o.DEFAULT_MODEL,
    aligned: o.Aligned = False,
    detector: o.DetectorName = None,
    select: o.Select = "largest",
    min_face: o.MinFace = None,
    confidence: o.Confidence = None,
    mean: o.Mean = None,
    std: o.Std = None,
    color: o.Color = None,
    template: o.Template = None,
    input_size: o.InputSize = None,
    tap: o.Tap = None,
    alpha: o.Alpha = None,
    r: o.Middle = None,
    gamma: o.Gamma = None,
    backend: o.Backend = "auto",
    device: o.Device = "auto",
    threads: o.Threads = None,
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Remove and show cells of faces in the order of maps, of a centre prior, of mean maps and of chance: what maps are worth."""
    from fiqx_trt.evaluate.identities import identities_of
    from fiqx_trt.experiments.deletion import DeletionOptions
    from fiqx_trt.experiments.deletion_study import study_deletion
    from fiqx_trt.report.study_folder import start_folder, write_deletion

    runtime = o.RuntimeOptions(backend, "auto", device, threads)
    found = o.FaceOptions(aligned, detector, select, min_face, confidence)
    contract = o.model_fields(
        mean=mean, std=std, color=color, template=template, input_size=input_size, tap=tap
    )
    options = DeletionOptions(
        cells, steps, randoms, tuple(dict.fromkeys(fills)) if fills else None, seed, replicates
    )
    start_folder(out, overwrite=overwrite)
    with o.open_model(model, runtime, {**contract, **_fields(alpha, r, gamma)}) as opened:
        faces = _faces(opened, inputs, found, runtime, limit)
        people = None if identities is None else identities_of(faces.paths, identities)
        with open_progress(None, quiet=quiet) as progress:
            study = study_deletion(
                opened,
                faces,
                maps=None if maps is None else tuple(dict.fromkeys(maps)),
                weights=weights,
                people=people,
                options=options,
                progress=lambda done, total: progress(done=done, failed=0),
            )
    write_deletion(study, out, _record())
    if not quiet:
        _area_table(study)
        for line in study.verdicts:
            say(line)
        say(f"wrote {out}, see report.html there")


def _record() -> RunRecord:
    from fiqx_trt.runs.record import RunRecord

    return RunRecord(sys.argv, warnings_shown())


def _fields(
    alpha: float | None, r: float | None, gamma: float | None, per: str = "intensity"
) -> dict[str, Any]:
    fields = o.model_fields(alpha=alpha, r=r)
    return fields if gamma is None else {**fields, gamma_field(per): gamma}


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise InvalidInputError(f"--sizes is {text!r}; give pixels with commas between, such as 10,20,30")
    return list(dict.fromkeys(sizes))


def _faces(
    model: Model,
    inputs: Sequence[str],
    options: o.FaceOptions,
    runtime: o.RuntimeOptions,
    limit: int | None,
    *,
    purpose: str = "the inputs",
) -> FaceSet:
    from fiqx_trt.experiments.face_set import collect_faces
    from fiqx_trt.faces.sources import iter_sources

    preparer = options.preparer(model.spec, runtime)
    faces = collect_faces(iter_sources(inputs), preparer, limit=limit, threads=runtime.threads or 2)
    if not len(faces):
        raise InvalidInputError(
            f"no face was found in {purpose}; give pictures of faces, or crops with --aligned"
        )
    return faces


def _mask_table(summary: dict[str, Any]) -> None:
    names = [row["weights"] for row in summary["ranking"]]
    rows = []
    for size, entry in summary["sizes"].items():
        found = [entry["weights"][name] for name in names]
        cells = [
            f"{_percent(f['loss_inside_positive'])}  {f['mean_loss_inside']:+.3f} / {f['mean_loss_outside']:+.3f}"
            for f in found
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
    return "–" if share["share"] is None else f"{100 * share['share']:.0f} %"
