"""``overlap``: which images several methods agree on, and how far."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli.command_line import command_record
from fiqx_trt.cli.console import say, table
from fiqx_trt.cli.score_group import MoreScores, ScoreGroup, say_skipped, skipped_notes

if TYPE_CHECKING:
    from fiqx_trt.evaluate import Agreement

__all__ = ["overlap"]

#: What the command writes.
OUTPUTS = (
    "summary.json",
    "overlap.csv",
    "overlap.png",
    "overlap.npz",
    "correlations.png",
    "correlations.npz",
    "report.html",
)


def overlap(
    *,
    scores: ScoreGroup,
    more: MoreScores = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Folder for report.html, figures, CSV and JSON; default: print only.",
            show_default=False,
        ),
    ] = None,
    fraction: Annotated[
        float, typer.Option(help="Share of the images in the groups of the best and the worst.")
    ] = 0.1,
    identities: Annotated[
        str | None,
        typer.Option(
            metavar="folder|FILE",
            help="Resample people instead of images: the name of the image's folder, or a table path,identity.",
            show_default=False,
        ),
    ] = None,
    replicates: Annotated[
        int, typer.Option(help="Bootstrap replicates of the correlations; 0: no intervals.")
    ] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    level: Annotated[float, typer.Option(help="Confidence level of the intervals.")] = 0.95,
    figure: g.FigureGroup,
    output: g.ResultGroup,
) -> None:
    """Compare methods on the images all of them scored: shared best and worst images, and rank correlations.

    Exit status: 0 done, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.evaluate import agreement, identity_codes
    from fiqx_trt.evaluate.identities import identities_of
    from fiqx_trt.evaluate.joining import join_tables

    if out is not None:
        output.require_free(out, OUTPUTS)
    tables = join_tables(scores.read(more))
    say_skipped(tables)
    paths = tables.listed
    agreed = agreement(
        tables.matrix(paths),
        paths,
        higher_is_better=tables.higher_is_better,
        fraction=fraction,
        replicates=replicates,
        seed=seed,
        level=level,
        identity=None if identities is None else identity_codes(identities_of(paths, identities)),
    )
    if agreed.left_out:
        say(f"{agreed.left_out} of {len(paths)} images lack a score of some method and are left out")
    if out is not None:
        from fiqx_trt.report.overlap_folder import write_overlap

        settings = {"fraction": fraction, "replicates": replicates, "seed": seed, "level": level}
        write_overlap(
            agreed,
            tables,
            {**settings, "identities": identities},
            out,
            command_record(),
            notes=skipped_notes(tables),
            look=figure.look,
        )
    if not output.quiet:
        _print(agreed, fraction)
        if out is not None:
            say(f"in {out}: {', '.join(OUTPUTS)}")


def _print(agreement: Agreement, fraction: float) -> None:
    rows = [
        (
            str(row[0]),
            str(row[1]),
            f"{row[2]:.3f}",
            f"{row[3]:.3f}",
            f"{row[4]:.3f} [{row[5]:.3f}, {row[6]:.3f}]",
            f"{row[7]:.3f} [{row[8]:.3f}, {row[9]:.3f}]",
        )
        for row in agreement.rows()
    ]
    share = f"{100 * fraction:g} %"
    table(
        f"{agreement.images} images, groups of {agreement.group}",
        ("method", "method", f"best {share} shared", f"worst {share} shared", "Spearman ρ", "Kendall τ-b"),
        rows,
    )
