"""``assess``: how far quality methods can be trusted with a recogniser."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.command_line import command_record
from fiqx_trt.cli.console import open_progress, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fiqx_trt.experiments.assessment import Assessment
    from fiqx_trt.experiments.assessment_study import AssessmentStudy
    from fiqx_trt.models.validity import Validity
    from fiqx_trt.quality import QualityMethod

__all__ = ["assess"]

#: Fewer faces are an example, and leave what is known of a model alone.
RECORDED_FACES = 30
DEFAULT_METHODS = ("serfiq", "magface", "flip")


def assess(
    *,
    out: o.OutDirectory,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            metavar="NAME",
            help="Quality method: {methods}, or onnx:FILE; may be repeated. (Default: serfiq, magface, flip.)",
            show_default=False,
        ),
    ] = None,
    option: o.MethodOption = None,
    identities: o.Identities = None,
    limit: Annotated[int, typer.Option(min=2, metavar="N", help="Use the first N faces.")] = 400,
    fmr: Annotated[float, typer.Option(metavar="F", help="False match rate of the discard curve.")] = 1e-2,
    replicates: Annotated[int, typer.Option(min=2, help="Bootstrap replicates of the bands.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap and of the probes.")] = 0,
    taps: Annotated[
        bool, typer.Option("--taps", help="Compare the vectors in which serfiq can put its noise as well.")
    ] = False,
    maps: Annotated[
        bool,
        typer.Option(
            "--maps",
            help="Measure what the maps of plq and cam are worth as well, beside plain baselines. (About 950 runs of the network "
            "for each of --map-faces: seconds a face on a processor.)",
        ),
    ] = False,
    map_faces: Annotated[
        int, typer.Option(min=2, metavar="N", help="Faces, spread over all, on which --maps measures.")
    ] = 16,
    record: Annotated[
        bool | None,
        typer.Option(
            "--record/--no-record",
            help=f"Write the result into the model's sidecar. (Default: with {RECORDED_FACES} or more faces.)",
            show_default=False,
        ),
    ] = None,
    figure: g.CurveFigureGroup,
    model: g.ModelGroup,
    faces: g.LargestFaceGroup,
    pictures: g.InputGroup,
    runtime: g.RuntimeGroup,
    output: g.ResultGroup,
) -> None:
    """Measure what quality methods predict: degrade faces in known ways and compare quality with similarity.

    Exit status: 0 done, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.evaluate.identities import identities_of
    from fiqx_trt.experiments.assessment import AssessmentOptions
    from fiqx_trt.experiments.assessment_study import compare_taps, study_assessment
    from fiqx_trt.experiments.face_set import read_faces
    from fiqx_trt.experiments.map_worth import judge_some
    from fiqx_trt.quality import create_methods
    from fiqx_trt.quality.base import parse_options
    from fiqx_trt.report.study_folder import start_folder, write_assessment

    methods = create_methods(method or DEFAULT_METHODS, parse_options(option or ()))
    options = AssessmentOptions(replicates=replicates, seed=seed, fmr=fmr)
    look = figure.look
    start_folder(out, overwrite=output.overwrite)
    with model.open(runtime) as opened:
        collected = read_faces(pictures.sources(), opened, faces, runtime, limit=limit, fewest=2)
        people = None if identities is None else identities_of(collected.paths, identities)
        with open_progress(None, quiet=output.quiet) as progress:
            study = study_assessment(
                opened,
                collected,
                methods,
                people=people,
                options=options,
                progress=lambda done, _: progress(done=done, failed=0),
            )
        if maps:
            with open_progress(None, quiet=output.quiet) as progress:
                judged = judge_some(
                    opened,
                    collected,
                    map_faces,
                    people=people,
                    replicates=replicates,
                    seed=seed,
                    progress=lambda done, _: progress(done=done, failed=0),
                )
            study = replace(study, maps=judged)
    if taps:
        correlations = compare_taps(
            model.model, collected, runtime=runtime, contract=model.contract, people=people, options=options
        )
        study = replace(study, taps=correlations)
    write_assessment(study, out, command_record(), look=look)
    result = study.result
    if not output.quiet:
        _show(result)
        for vector, value in study.taps.items():
            say(
                f"serfiq with noise in {vector}: Spearman {value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"
            )
        for line in study.maps.verdicts if study.maps else ():
            say(line)
        say(f"wrote {out}, see report.html there")
    if record is None and result.faces < RECORDED_FACES:
        say(
            f"not written into the model's sidecar: {result.faces} faces say too little; assess {RECORDED_FACES} or more, "
            "or give --record"
        )
    elif record is not False:
        _record(model, study, methods, pictures.names)


def _show(result: Assessment) -> None:
    from fiqx_trt.report.parts import interval

    tables = {name: one.rows() for name, one in result.methods.items()}
    rows = [
        (row, *(interval(t[row].value, t[row].low, t[row].high, 2) for t in tables.values()))
        for row in next(iter(tables.values()))
    ]
    table("Spearman correlation with the similarity that is left", ("pictures", *tables), rows)


def _record(
    model: g.ModelGroup,
    study: AssessmentStudy,
    methods: Sequence[QualityMethod],
    inputs: Sequence[str],
) -> None:
    from fiqx_trt.experiments.map_worth import measured_worth
    from fiqx_trt.models import load_spec
    from fiqx_trt.models.load import update_sidecar

    known, result, on = load_spec(model.model, model.contract)[0], study.result, " ".join(inputs)[:200]
    measured: dict[str, Any] = {"validity": {**known.validity, **_entries(result, methods, on)}}
    if study.maps is not None:
        measured["map_worth"] = {**known.map_worth, **measured_worth(study.maps, on=on)}
    if result.cosines:
        measured["cosines"] = dict(result.cosines)
    written = update_sidecar(model.model, model.contract, measured)
    say(f"wrote the validity into {written}")


def _entries(result: Assessment, methods: Sequence[QualityMethod], on: str) -> dict[str, Validity]:
    from fiqx_trt.models.validity import Validity
    from fiqx_trt.quality.base import method_parameters

    entries = {}
    for method in methods:
        one = result.methods[method.name]
        headline = one.headline
        entries[method.name] = Validity(
            spearman=round(headline.value, 4),
            low=round(headline.low, 4),
            high=round(headline.high, 4),
            against="own" if one.genuine is None else "genuine",
            faces=result.faces,
            people=result.people,
            untouched=None if one.untouched is None else round(one.untouched.value, 4),
            settings=method_parameters(method),
            on=on,
        )
    return entries
