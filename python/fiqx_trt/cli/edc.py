"""``edc``: how errors fall when the comparisons of the worst images are left out, by every method."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fiqx_trt.cli import options as o
from fiqx_trt.cli.console import open_progress, say, table, warnings_shown
from fiqx_trt.errors import InvalidInputError, OutputError

if TYPE_CHECKING:
    from fiqx_trt.evaluate import Comparisons
    from fiqx_trt.evaluate.experiment import EdcResult
    from fiqx_trt.evaluate.score_tables import ScoreTables

__all__ = [
    "Directions",
    "MoreScores",
    "Scores",
    "Selected",
    "edc",
    "refuse_existing",
    "say_skipped",
    "skipped_notes",
]

PAIRS_PANEL, CURVES_PANEL = "Comparisons", "Curves"
#: What the command writes; bands.csv only where identities are known.
OUTPUTS = ("summary.json", "curves.csv", "bands.csv", "edc.png", "edc.npz", "report.html")

Scores = Annotated[
    list[Path],
    typer.Option("--scores", "-s", metavar="FILE", help="Score table; may be repeated.", show_default=False),
]
MoreScores = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[FILE...]", help="Further score tables.", show_default=False),
]
Selected = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help="Column to use, or FILE:COLUMN; may be repeated.  [default: all whose direction is known]",
        show_default=False,
    ),
]
Directions = Annotated[
    list[str] | None,
    typer.Option(
        "--direction",
        metavar="NAME=WORD",
        help="Direction of a foreign column: NAME=higher or NAME=lower is better. Never guessed.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class PairOptions:
    """Where comparisons come from."""

    pairs: Path | None
    separator: str
    identities: str | None
    impostors: int | None
    seed: int


def edc(
    scores: Scores,
    out: o.OutDirectory,
    more: MoreScores = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Pairs: a,b,label[,similarity].",
            rich_help_panel=PAIRS_PANEL,
            show_default=False,
        ),
    ] = None,
    separator: Annotated[
        str, typer.Option(help="Of the pairs file: comma or blank.", rich_help_panel=PAIRS_PANEL)
    ] = "comma",
    identities: Annotated[
        str | None,
        typer.Option(
            metavar="folder|FILE",
            help="Who is on each image: the name of its folder, or a table path,identity. Makes pairs where no file is given, "
            "and bands.",
            rich_help_panel=PAIRS_PANEL,
            show_default=False,
        ),
    ] = None,
    impostors: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Impostor pairs to draw; default: ten per genuine pair.",
            rich_help_panel=PAIRS_PANEL,
        ),
    ] = None,
    embeddings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz",
            help="Where embeddings are kept; default: embeddings.npz in the output folder.",
            rich_help_panel=PAIRS_PANEL,
            show_default=False,
        ),
    ] = None,
    method: Selected = None,
    direction: Directions = None,
    fmr: Annotated[
        float, typer.Option(help="False match rate that fixes the threshold.", rich_help_panel=CURVES_PANEL)
    ] = 1e-3,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="T", help="A threshold fixed elsewhere.", rich_help_panel=CURVES_PANEL, show_default=False
        ),
    ] = None,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Fix it anew at every step.", rich_help_panel=CURVES_PANEL)
    ] = False,
    axis: Annotated[
        str, typer.Option(help="What is counted: comparisons or genuine.", rich_help_panel=CURVES_PANEL)
    ] = "comparisons",
    missing: Annotated[
        str,
        typer.Option(
            help="Compared images without a score: error, worst (leave first), drop (their comparisons do not count, for "
            "any method).",
            rich_help_panel=CURVES_PANEL,
        ),
    ] = "error",
    limit: Annotated[
        list[float] | None,
        typer.Option(
            metavar="X", help="Limits of the partial areas.  [default: 0.2 0.3]", rich_help_panel=CURVES_PANEL
        ),
    ] = None,
    replicates: Annotated[
        int, typer.Option(help="Bootstrap over people for the bands; 0: none.", rich_help_panel=CURVES_PANEL)
    ] = 200,
    seed: Annotated[int, typer.Option(help="Of impostor pairs, bootstrap and random discard.")] = 0,
    until: Annotated[
        float, typer.Option(help="Right end of the figure.", rich_help_panel=CURVES_PANEL)
    ] = 0.95,
    scale: Annotated[
        str, typer.Option(help="Vertical axis: linear or log.", rich_help_panel=CURVES_PANEL)
    ] = "linear",
    model: o.ModelName = "dlib-resnet",
    aligned: o.Aligned = False,
    detector: o.DetectorName = None,
    select: o.Select = "largest",
    mean: o.Mean = None,
    std: o.Std = None,
    color: o.Color = None,
    template: o.Template = None,
    input_size: o.InputSize = None,
    tap: o.Tap = None,
    backend: o.Backend = "auto",
    precision: o.Precision = "auto",
    device: o.Device = "auto",
    batch: o.Batch = 32,
    threads: o.Threads = None,
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Draw error-versus-discard curves of any number of methods: figure, CSV, partial areas and report.html.

    Where the pairs have no similarity, the model embeds the images, once: the embeddings stay beside the result.

    Exit status: 0 done, 2 wrong usage, 1 could not run, 130 interrupted.
    """
    from fiqx_trt.evaluate.experiment import EdcOptions, compare_methods
    from fiqx_trt.evaluate.score_tables import parse_directions, read_score_tables
    from fiqx_trt.report.edc_figures import SCALES, edc_figure

    limits = tuple(limit or (0.2, 0.3))
    options = EdcOptions(fmr, threshold, recompute, axis, missing, limits, replicates, seed)
    _check(options.limits, scale, SCALES, until)
    refuse_existing(out, OUTPUTS, overwrite=overwrite)
    tables = read_score_tables(
        [*scores, *(more or ())], methods=method or (), directions=parse_directions(direction or ())
    )
    say_skipped(tables)
    source = PairOptions(pairs, separator, identities, impostors, seed)
    comparisons = _comparisons(source, tables, quiet=quiet)
    told: dict[str, Any] = {"source": str(pairs)}
    if comparisons.similarity is None:
        runtime = o.RuntimeOptions(backend, precision, device, threads)
        fields = o.model_fields(
            mean=mean, std=std, color=color, template=template, input_size=input_size, tap=tap
        )
        faces = o.FaceOptions(aligned, detector, select)
        keep = embeddings or out / "embeddings.npz"
        comparisons, told = _with_similarity(
            comparisons, model, fields, runtime, faces, keep, batch=batch, overwrite=overwrite, quiet=quiet
        )
    result = compare_methods(
        comparisons, tables.methods, options, progress=None if quiet else lambda name: say(f"curve of {name}")
    )
    picture = edc_figure(result, until=until, scale=scale)
    _write(result, tables, told, out, picture)
    if not quiet:
        _summarise(result, out)


def refuse_existing(out: Path, names: Sequence[str], *, overwrite: bool) -> None:
    """Raise when a folder holds an output already, before any work is done."""
    found = [name for name in names if (out / name).exists()]
    if found and not overwrite:
        raise OutputError(
            f"{out / found[0]} exists already; give --overwrite to replace it, or another --out"
        )
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; give a folder as --out")


def say_skipped(tables: ScoreTables) -> None:
    """Say what of the score tables is not used; not even --quiet hides it."""
    for note in skipped_notes(tables):
        say(note)


def skipped_notes(tables: ScoreTables) -> list[str]:
    """Return what of the score tables is not used, and why."""
    notes = []
    if tables.skipped:
        notes.append(
            f"left out, direction unknown: {', '.join(tables.skipped)} (give --direction NAME=higher or NAME=lower to use "
            "them)"
        )
    if tables.further_faces:
        notes.append(
            f"{tables.further_faces} rows of second and further faces are left out: pairs name pictures, not faces"
        )
    return notes


def _check(limits: Sequence[float], scale: str, scales: Sequence[str], until: float) -> None:
    for limit in limits:
        if not 0.0 < limit <= 1.0:
            raise InvalidInputError(f"--limit is {limit:g}; give a discard fraction above 0 and at most 1")
    if scale not in scales:
        raise InvalidInputError(f"--scale is {scale!r}; choose one of {', '.join(scales)}")
    if not 0.0 < until <= 1.0:
        raise InvalidInputError(f"--until is {until:g}; give a discard fraction above 0 and at most 1")


def _comparisons(source: PairOptions, tables: ScoreTables, *, quiet: bool) -> Comparisons:
    from fiqx_trt.evaluate import generate_pairs, identity_codes, read_pairs
    from fiqx_trt.evaluate.identities import identities_of

    if source.pairs is None and source.identities is None:
        raise InvalidInputError(
            "there are no comparisons: give --pairs FILE, or --identities folder where every person has a folder"
        )
    if source.pairs is None:
        images = tables.listed
        people = identities_of(images, str(source.identities))
        made = generate_pairs(images, people, impostors=source.impostors, seed=source.seed)
        if not quiet:
            say(
                f"made {made.genuine_count} genuine and {made.impostor_count} impostor pairs of {len(images)} images"
            )
        return made
    pairs = read_pairs(
        source.pairs,
        separator=source.separator,
        progress=None if quiet else lambda rows: say(f"{rows} pairs read") if rows % 5_000_000 == 0 else None,
    )
    if source.identities is None:
        return pairs
    return pairs.with_identity(identity_codes(identities_of(pairs.paths, source.identities)))


def _with_similarity(
    comparisons: Comparisons,
    name: str,
    fields: Mapping[str, Any],
    runtime: o.RuntimeOptions,
    faces: o.FaceOptions,
    keep: Path,
    *,
    batch: int,
    overwrite: bool,
    quiet: bool,
) -> tuple[Comparisons, dict[str, Any]]:
    """Return the comparisons with cosine similarities of a model, and what to tell about them."""
    from fiqx_trt.evaluate.embeddings import EmbeddingCache, compare_embeddings, embed_images

    with o.open_model(name, runtime, fields) as model:
        spec = model.spec
        contract = {
            key: getattr(spec, key)
            for key in ("input_size", "mean", "std", "color", "template", "embedding", "sha256")
        }
        ran = {"backend": model.backend, "device": model.device, "precision": model.precision}
        configuration = {
            **{f"model.{key}": value for key, value in contract.items()},
            **faces.parameters,
            **ran,
        }
        with open_progress(len(comparisons.paths), quiet=quiet) as progress:
            found = embed_images(
                comparisons.paths,
                model,
                faces.preparer(spec, runtime),
                cache=EmbeddingCache(keep, configuration),
                overwrite=overwrite,
                batch=batch,
                threads=runtime.threads or 2,
                report=lambda done, failed: progress(done=done, failed=failed),
            )
    compared, without = compare_embeddings(comparisons, found)
    if without:
        say(
            f"{len(found.errors)} images have no embedding, and {without} comparisons are left out for it; summary.json "
            "lists the images"
        )
    told = {
        "source": f"cosine of embeddings of {spec.name}",
        "configuration": configuration,
        "embeddings": str(keep),
        "images_without_embedding": dict(found.errors),
        "comparisons_without_embedding": without,
    }
    return compared, told


def _write(result: EdcResult, tables: ScoreTables, told: Mapping[str, Any], out: Path, picture: Any) -> None:
    from fiqx_trt import __version__
    from fiqx_trt.evaluate.edc_files import edc_summary, write_curves, write_json
    from fiqx_trt.report.pages.edc import edc_page
    from fiqx_trt.report.pages.parts import Asked, save_page

    out.mkdir(parents=True, exist_ok=True)
    (out / "bands.csv").unlink(missing_ok=True)  # of an earlier result with identities
    write_curves(result, out)
    picture.save(out / "edc.png")
    asked = Asked(sys.argv, warnings_shown())
    save_page(edc_page(result, tables, told, out, asked, skipped_notes(tables)), out)
    columns = {one.name: {"file": str(one.source), "column": one.column} for one in tables.methods}
    write_json(
        out / "summary.json",
        {
            "command_line": sys.argv,
            "version": __version__,
            "scores": columns,
            "columns_without_direction": list(tables.skipped),
            "similarity": told,
            **edc_summary(result),
        },
    )


def _summarise(result: EdcResult, out: Path) -> None:
    from fiqx_trt.evaluate.edc_files import BEST, RANDOM

    for note in result.notes:
        say(f"note: {note}")
    limits = result.options.limits
    header = [
        "method",
        "better",
        *(f"area to {limit:g}" for limit in limits),
        *("minus best" for _ in limits[:1]),
    ]
    rows = [
        [
            one.name,
            "higher" if one.higher_is_better else "lower",
            *(f"{area.raw:.5f}" for area in one.areas),
            f"{one.areas[0].above_best:.5f}",
        ]
        for one in result.methods
    ]
    rows.append(
        [
            RANDOM,
            "",
            *(f"{a.raw:.5f}" for a in result.random_areas),
            f"{result.random_areas[0].above_best:.5f}",
        ]
    )
    rows.append([BEST, "", *(f"{area:.5f}" for area in result.best_areas), "0.00000"])
    point = result.point
    table(f"threshold {point.threshold:.6g}: FMR {point.fmr:.4g}, FNMR {point.fnmr:.4g}", header, rows)
    say(f"in {out}: report.html, summary.json, curves.csv, edc.png, edc.npz")
