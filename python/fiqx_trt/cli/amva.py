"""``amva``: how the activation maps of high- and low-quality faces vary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.command_line import command_record
from fiqx_trt.cli.console import say, table
from fiqx_trt.cli.member_maps import MapsJob
from fiqx_trt.cli.parts_run import StudyRuns
from fiqx_trt.cli.score_group import ScoreGroup, say_skipped, skipped_notes

if TYPE_CHECKING:
    from fiqx_trt.amva import Amva
    from fiqx_trt.evaluate.score_tables import ScoreTables
    from fiqx_trt.experiments.member_maps import MemberMaps
    from fiqx_trt.figures.amva import Look
    from fiqx_trt.figures.canvas import Picture
    from fiqx_trt.report.amva import MapsMade
    from fiqx_trt.runs.options import CamOptions
    from fiqx_trt.runs.record import RanModel

__all__ = ["amva"]

#: The file that says that the folder holds a result.
RESULT = "summary.json"


def amva(
    *,
    scores: ScoreGroup,
    out: o.OutDirectory,
    fraction: Annotated[
        float, typer.Option(help="Share of the scored images in the groups H (best) and L (worst).")
    ] = 0.1,
    replicates: Annotated[
        int, typer.Option(help="Bootstrap replicates for bands of mean and variation; 0: no bands.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    examples: Annotated[int, typer.Option(min=0, help="Faces of each group to show.")] = 4,
    figure: g.FigureGroup,
    maps: g.CamGroup,
    model: g.ModelGroup,
    faces: g.LargestFaceGroup,
    pictures: g.InputGroup,
    runtime: g.RuntimeGroup,
    output: g.ResultGroup,
    engine: g.StudyEngineGroup,
) -> None:
    """Compare the activation maps of the best and the worst images: mean, median, variation, differences (Fu & Damer).

    Writes every map as data (``<method>.npz``, ``between.npz``), ``summary.json``, the paper's figures 2 to 6, and a page
    that explains all of it, ``report.html``. With ``--engine`` or ``--share`` the maps are made in parts, by many workers, and
    the result is the same; the same command goes on after an interruption.
    Exit status: 0 done, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.amva import analyse, members, quality_groups, save_amva
    from fiqx_trt.figures.canvas import save_pictures
    from fiqx_trt.report.amva import amva_page
    from fiqx_trt.report.parts import save_page

    look = figure.look
    if engine.share is None:
        output.require_free(out, [RESULT])
    tables = scores.read()
    say_skipped(tables)
    values = tables.matrix(tables.listed)
    groups = quality_groups(
        tables.listed, values, higher_is_better=tables.higher_is_better, fraction=fraction
    )
    wanted = {tables.listed[i]: int(i) for i in members(groups)}
    shown = {int(i) for group in groups.values() for half in (group.high, group.low) for i in half[:examples]}
    job = MapsJob(model, faces, pictures, runtime, maps, wanted, shown)
    if engine.wanted:
        runs = StudyRuns(
            pictures, engine.parts or f"{out}/parts/", engine, output.overwrite, output.quiet, batch=8
        )
        mapped, ran = job.in_parts(runs)
        if engine.share is not None and (out / RESULT).exists():  # by the job that was the last one
            raise typer.Exit
    else:
        mapped, ran = job.here(quiet=output.quiet)
    settings = {"bootstrap samples": replicates, "seed": seed, **faces.parameters}
    origin = _maps_made(ran, maps, mapped, tables, settings)
    result = analyse(
        tables.listed,
        groups,
        mapped.maps,
        rows=mapped.positions,
        replicates=replicates,
        seed=seed,
        examples=examples,
    )
    record = command_record(ran)
    figures = _figures(result, mapped, values, examples, look)
    written = [
        *save_amva(result, out, run={**record.summary(), **dict(origin.facts)}),
        *save_pictures(figures, out),
    ]
    written.append(save_page(amva_page(result, figures, record, origin), out))
    if not output.quiet:
        _print(result, mapped)
        say(f"in {out}: {', '.join(sorted(path.name for path in written))}")


def _figures(
    result: Amva,
    mapped: MemberMaps,
    values: Mapping[str, NDArray[np.float64]],
    examples: int,
    look: Look,
) -> dict[str, Picture]:
    from fiqx_trt.figures.amva import amva_figures, example_images, face_rows
    from fiqx_trt.figures.canvas import in_formats

    positions = example_images(result, count=examples)
    place = {int(position): row for row, position in enumerate(mapped.positions)}
    maps = mapped.maps.take(np.array([place[int(i)] for i in positions], np.int64)).pixels()
    faces = [mapped.faces[int(i)] for i in positions]
    rows = face_rows(result, positions, faces, maps, values) if examples else []
    return in_formats(amva_figures(result, rows=rows, look=look), look.formats)


def _maps_made(
    model: RanModel,
    options: CamOptions,
    mapped: MemberMaps,
    tables: ScoreTables,
    settings: Mapping[str, object],
) -> MapsMade:
    """Return how the maps were made, for the report: every choice as it was, also where none was given."""
    from fiqx_trt.explain.recipe import recipe
    from fiqx_trt.report.amva import MapsMade
    from fiqx_trt.report.parts import model_cautions, model_facts, plain, score_table

    chosen = recipe(
        options.preset, target=options.target, weights=options.weights, align_corners=options.align_corners
    )
    maps = {**asdict(chosen), "layer": options.layer or model.spec.features}
    settings = {**settings, **{f"map: {name}": value for name, value in maps.items()}}
    facts = [*((name, plain(value)) for name, value in settings.items()), *model_facts(model)]
    return MapsMade(
        mapped.correlation,
        mapped.channels,
        facts,
        [*skipped_notes(tables), *model_cautions(model.spec)],
        [score_table(tables)],
        mapped.positions.tolist(),
    )


def _print(result: Amva, mapped: MemberMaps) -> None:
    rows = [
        (
            name,
            str(len(one.groups.high)),
            f"{one.maps.am_v_high.mean():.4f}",
            f"{one.maps.am_v_low.mean():.4f}",
            f"{one.maps.d_am_v.mean():.4f}",
        )
        for name, one in result.methods.items()
    ]
    table(
        "Activation-map variation, mean over the pixels",
        ("method", "images", "AM-V H", "AM-V L", "D-AM-V"),
        rows,
    )
    say(
        f"maps against plain mean activation: correlation {np.nanmean(mapped.correlation):.4f} on average; "
        f"effective channels {np.nanmean(mapped.channels):.0f} on average"
    )
