"""``amva``: how the activation maps of high- and low-quality faces vary."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from fiqx_trt import __version__
from fiqx_trt.cli import options as o
from fiqx_trt.cli.console import open_progress, say, table, warnings_shown
from fiqx_trt.cli.edc import Directions, Scores, Selected, refuse_existing, say_skipped, skipped_notes
from fiqx_trt.errors import InvalidInputError

if TYPE_CHECKING:
    from fiqx_trt.amva import Amva
    from fiqx_trt.evaluate.score_tables import ScoreTables
    from fiqx_trt.faces.prepare import FacePreparer, FaceRecord
    from fiqx_trt.faces.sources import Source
    from fiqx_trt.figures.amva import Look
    from fiqx_trt.figures.canvas import Picture
    from fiqx_trt.models import Model
    from fiqx_trt.report.amva import MapsMade
    from fiqx_trt.runs.options import CamOptions
    from fiqx_trt.runs.progress import Progress
    from fiqx_trt.statistics import CompactMaps

__all__ = ["amva"]


def amva(
    inputs: o.Inputs,
    scores: Scores,
    out: o.OutDirectory,
    method: Selected = None,
    direction: Directions = None,
    fraction: Annotated[float, typer.Option(help="Size of the groups H and L, of all images scored.")] = 0.1,
    replicates: Annotated[int, typer.Option(help="Bootstrap bands of mean and variation; 0: none.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    examples: Annotated[int, typer.Option(min=0, help="Faces of each group to show.")] = 4,
    colors: Annotated[str, typer.Option(help="uniform, or jet as in the papers.")] = "uniform",
    target: o.Target = None,
    weights: o.ChannelWeights = None,
    preset: o.CamPreset = None,
    align_corners: o.AlignCorners = None,
    layer: o.Layer = None,
    model: o.ModelName = o.DEFAULT_MODEL,
    aligned: o.Aligned = False,
    detector: o.DetectorName = None,
    min_face: o.MinFace = None,
    confidence: o.Confidence = None,
    null: o.NullSeparated = False,
    column: o.Column = None,
    mean: o.Mean = None,
    std: o.Std = None,
    color: o.Color = None,
    template: o.Template = None,
    input_size: o.InputSize = None,
    tap: o.Tap = None,
    backend: o.Backend = "auto",
    precision: o.Precision = "auto",
    device: o.Device = "auto",
    threads: o.Threads = None,
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Compare the activation maps of the best and the worst images: mean, median, variation, differences (Fu & Damer).

    Writes every map as data (``<method>.npz``, ``between.npz``), ``summary.json``, the paper's figures 2 to 6, and a page
    that explains all of it, ``report.html``.
    Exit status: 0 done, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.amva import analyse, members, quality_groups, save_amva
    from fiqx_trt.evaluate.score_tables import parse_directions, read_score_tables
    from fiqx_trt.faces.sources import iter_sources
    from fiqx_trt.figures.amva import Look
    from fiqx_trt.figures.canvas import save_pictures
    from fiqx_trt.report.amva import amva_page
    from fiqx_trt.report.parts import save_page
    from fiqx_trt.runs.options import CamOptions
    from fiqx_trt.runs.record import RunRecord

    looks = {"uniform": Look(), "jet": Look.papers()}
    if colors not in looks:
        raise InvalidInputError(f"--colors is {colors!r}; choose one of {', '.join(looks)}")
    refuse_existing(out, ["summary.json"], overwrite=overwrite)
    tables = read_score_tables(scores, methods=method or (), directions=parse_directions(direction or ()))
    say_skipped(tables)
    values = tables.matrix(tables.listed)
    groups = quality_groups(
        tables.listed, values, higher_is_better=tables.higher_is_better, fraction=fraction
    )
    wanted = {tables.listed[i]: int(i) for i in members(groups)}
    runtime = o.RuntimeOptions(backend, precision, device, threads)
    fields = o.model_fields(
        mean=mean, std=std, color=color, template=template, input_size=input_size, tap=tap
    )
    options = CamOptions(target, weights, preset, align_corners, layer)
    shown = {int(i) for group in groups.values() for half in (group.high, group.low) for i in half[:examples]}
    with o.open_model(model, runtime, fields) as opened, open_progress(len(wanted), quiet=quiet) as report:
        faces = o.FaceOptions(aligned, detector, min_face=min_face, confidence=confidence)
        preparer = faces.preparer(opened.spec, runtime)
        sources = _members(iter_sources(inputs, null_separated=null, column=column), set(wanted))
        found = _activation_maps(opened, options, preparer, sources, wanted, shown, report)
        _require_all(found, wanted)
        settings = {"bootstrap samples": replicates, "seed": seed, **faces.parameters}
        made = _made(opened, options, found, tables, settings)
    result = analyse(
        tables.listed,
        groups,
        found.joined(),
        rows=found.rows(),
        replicates=replicates,
        seed=seed,
        examples=examples,
    )
    run = {"version": __version__, "command": shlex.join(sys.argv), **dict(made.facts)}
    pictures = _figures(result, found, values, examples, looks[colors])
    written = [*save_amva(result, out, run=run), *save_pictures(pictures, out)]
    written.append(save_page(amva_page(result, pictures, RunRecord(sys.argv, warnings_shown()), made), out))
    if not quiet:
        _print(result, found)
        say(f"in {out}: {', '.join(sorted(path.name for path in written))}")


@dataclass
class _Found:
    """The maps of the groups' images, small, and the faces that will be shown."""

    positions: list[int] = field(default_factory=list)
    maps: list[CompactMaps] = field(default_factory=list)
    faces: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    correlations: list[NDArray[np.float64]] = field(default_factory=list)
    channels: list[NDArray[np.float64]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    def rows(self) -> NDArray[np.int64]:
        """Position in the score table of every map."""
        return np.array(self.positions, np.int64)

    def joined(self) -> CompactMaps:
        """All maps as one."""
        from fiqx_trt.statistics import CompactMaps

        grids = np.concatenate([part.grids for part in self.maps])
        return CompactMaps(grids, self.maps[0].size)


def _members(sources: Iterator[Source], wanted: set[str]) -> Iterator[Source]:
    """Yield the inputs that are in a group, each once."""
    left = set(wanted)
    for source in sources:
        if source.path in left:
            left.discard(source.path)
            yield source


def _activation_maps(
    model: Model,
    options: CamOptions,
    preparer: FacePreparer,
    sources: Iterator[Source],
    wanted: dict[str, int],
    shown: set[int],
    report: Progress,
) -> _Found:
    from fiqx_trt.faces.batch import iter_batches

    found = _Found()
    for records in iter_batches(sources, preparer, batch=8):
        usable = [record for record in records if record.image is not None]
        found.failures.update((r.path, r.error) for r in records if r.image is None)
        if usable:
            _add(found, model, options, usable, wanted, shown)
        report(done=len(found.positions) + len(found.failures), failed=len(found.failures))
    return found


def _add(
    found: _Found,
    model: Model,
    options: CamOptions,
    records: Sequence[FaceRecord],
    wanted: dict[str, int],
    shown: set[int],
) -> None:
    images = [record.image for record in records if record.image is not None]
    result = options.maps(model, np.stack(images))
    found.maps.append(result.compact())
    found.correlations.append(result.uniform_correlation)
    found.channels.append(result.effective_channels)
    for record, image in zip(records, images, strict=True):
        position = wanted[record.path]
        found.positions.append(position)
        if position in shown:
            found.faces[position] = image


def _require_all(found: _Found, wanted: dict[str, int]) -> None:
    """Refuse to go on without the map of a group's image: the groups would no longer be what they are called."""
    missing = set(wanted) - {path for path, position in wanted.items() if position in set(found.positions)}
    if missing:
        first = min(missing)
        why = found.failures.get(first, "it is not among the inputs")
        raise InvalidInputError(
            f"{len(missing)} of the {len(wanted)} images in the groups have no map; the first is {first!r}: {why}. "
            "Give the inputs and the face options that the scores were made with"
        )


def _figures(
    result: Amva,
    found: _Found,
    values: Mapping[str, NDArray[np.float64]],
    examples: int,
    look: Look,
) -> dict[str, Picture]:
    from fiqx_trt.figures.amva import amva_figures, example_images, face_rows

    positions = example_images(result, count=examples)
    place = {position: row for row, position in enumerate(found.positions)}
    maps = found.joined().take(np.array([place[int(i)] for i in positions], np.int64)).pixels()
    faces = [found.faces[int(i)] for i in positions]
    rows = face_rows(result, positions, faces, maps, values) if examples else []
    return amva_figures(result, rows=rows, look=look)


def _made(
    model: Model, options: CamOptions, found: _Found, tables: ScoreTables, settings: Mapping[str, object]
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
        np.concatenate(found.correlations),
        np.concatenate(found.channels),
        facts,
        [*skipped_notes(tables), *model_cautions(model.spec)],
        [score_table(tables)],
        found.positions,
    )


def _print(result: Amva, found: _Found) -> None:
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
    correlation, channels = np.concatenate(found.correlations), np.concatenate(found.channels)
    say(
        f"maps against plain mean activation: correlation {np.nanmean(correlation):.4f} on average; "
        f"effective channels {np.nanmean(channels):.0f} on average"
    )
