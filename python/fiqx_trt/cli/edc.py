"""``edc``: how errors fall when the comparisons of the worst images are left out, by every method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fiqx_trt.cli import options as o
from fiqx_trt.cli.console import say
from fiqx_trt.cli.edc_pairs import PairOptions, comparisons_of, similarities_of
from fiqx_trt.cli.edc_results import Outcome, figure_names, print_results, write_results
from fiqx_trt.errors import InvalidInputError, OutputError

if TYPE_CHECKING:
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
OUTPUTS = ("summary.json", "curves.csv", "bands.csv", "det.csv", "det.png", "det.npz", "report.html")

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


def edc(
    scores: Scores,
    out: o.OutDirectory,
    more: MoreScores = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Pairs: a,b,label[,similarity or distance], lines 'a b label', or the list of LFW, CPLFW or InsightFace "
            "(lfw.bin); told from the file.",
            rich_help_panel=PAIRS_PANEL,
            show_default=False,
        ),
    ] = None,
    templates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The pairs compare templates; this lists their images: name, template, medium (ijbc_face_tid_mid.txt).",
            rich_help_panel=PAIRS_PANEL,
            show_default=False,
        ),
    ] = None,
    separator: Annotated[
        str,
        typer.Option(
            help="Of the pairs file: comma or blank; auto looks at it.", rich_help_panel=PAIRS_PANEL
        ),
    ] = "auto",
    similarity: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=WORD",
            help="Column of the pairs file with the comparison scores: NAME=higher (means more alike) or NAME=lower "
            "(distances), where its name does not say.",
            rich_help_panel=PAIRS_PANEL,
            show_default=False,
        ),
    ] = None,
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
        list[float] | None,
        typer.Option(
            metavar="X",
            help="False match rate that fixes the threshold; may be repeated.  [default: 0.001]",
            rich_help_panel=CURVES_PANEL,
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="T",
            help="A threshold fixed elsewhere; a distance where the pairs hold distances.",
            rich_help_panel=CURVES_PANEL,
            show_default=False,
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
    det: Annotated[
        list[float] | None,
        typer.Option(
            metavar="X",
            help="Discard fractions whose DET curves are drawn.  [default: 0 0.1 0.2 0.3]",
            rich_help_panel=CURVES_PANEL,
            show_default=False,
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
    backend: o.Backend = "auto",
    precision: o.Precision = "auto",
    device: o.Device = "auto",
    batch: o.Batch = 32,
    threads: o.Threads = None,
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Draw error-versus-discard and DET curves of any number of methods: figures, CSV, partial areas and report.html.

    Where the pairs have no similarity, the model embeds the images, once: the embeddings stay beside the result.

    Exit status: 0 done, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.evaluate.det import DISCARDS
    from fiqx_trt.evaluate.joining import join_tables
    from fiqx_trt.evaluate.method_curves import EdcOptions, compare_at_rates, det_of_methods
    from fiqx_trt.evaluate.score_tables import parse_directions, read_score_tables
    from fiqx_trt.figures.edc import SCALES

    limits, rates = tuple(limit or (0.2, 0.3)), tuple(fmr or (1e-3,))
    discards = tuple(DISCARDS if det is None else det)
    _check(limits, discards, scale, SCALES, until)
    names = [name for position, rate in enumerate(rates) for name in figure_names(position, rate)]
    refuse_existing(out, (*OUTPUTS, *names), overwrite=overwrite)
    tables = join_tables(
        read_score_tables(
            [*scores, *(more or ())], methods=method or (), directions=parse_directions(direction or ())
        )
    )
    say_skipped(tables)
    source = PairOptions(pairs, templates, separator, similarity, identities, impostors, seed)
    compared = comparisons_of(source, tables, quiet=quiet)
    if compared.comparisons.similarity is None:
        runtime = o.RuntimeOptions(backend, precision, device, threads)
        fields = o.model_fields(
            mean=mean, std=std, color=color, template=template, input_size=input_size, tap=tap
        )
        faces = o.FaceOptions(aligned, detector, select, min_face, confidence)
        keep = embeddings or out / "embeddings.npz"
        compared = similarities_of(
            compared, model, fields, runtime, faces, keep, batch=batch, overwrite=overwrite, quiet=quiet
        )
    fixed = -threshold if threshold is not None and compared.distances else threshold
    options = EdcOptions(rates[0], fixed, recompute, axis, missing, limits, replicates, seed)
    results = compare_at_rates(
        compared.comparisons,
        compared.tables.methods,
        rates,
        options,
        progress=None if quiet else lambda name: say(f"curve of {name}"),
    )
    curves = det_of_methods(results, compared.tables.methods, discards)
    outcome = Outcome(results, curves, compared, skipped_notes(tables))
    write_results(outcome, out, until=until, scale=scale)
    if not quiet:
        print_results(outcome, out)


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
    notes = list(tables.joined)
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


def _check(
    limits: Sequence[float], discards: Sequence[float], scale: str, scales: Sequence[str], until: float
) -> None:
    for limit in limits:
        if not 0.0 < limit <= 1.0:
            raise InvalidInputError(f"--limit is {limit:g}; give a discard fraction above 0 and at most 1")
    for discard in discards:
        if not 0.0 <= discard < 1.0:
            raise InvalidInputError(f"--det is {discard:g}; give discard fractions of at least 0 and below 1")
    if scale not in scales:
        raise InvalidInputError(f"--scale is {scale!r}; choose one of {', '.join(scales)}")
    if not 0.0 < until <= 1.0:
        raise InvalidInputError(f"--until is {until:g}; give a discard fraction above 0 and at most 1")
