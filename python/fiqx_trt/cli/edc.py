"""``edc``: how errors fall when the comparisons of the worst images are left out, by every method."""

from __future__ import annotations

from typing import Annotated

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.command_line import command_record
from fiqx_trt.cli.console import say
from fiqx_trt.cli.edc_curves import CurveGroup
from fiqx_trt.cli.edc_pairs import PairGroup, comparisons_of, similarities_of
from fiqx_trt.cli.edc_results import print_results
from fiqx_trt.cli.score_group import MoreScores, ScoreGroup, say_skipped, skipped_notes

__all__ = ["edc"]

#: What the command writes; bands.csv only where identities are known.
OUTPUTS = ("summary.json", "curves.csv", "bands.csv", "det.csv", "det.png", "det.npz", "report.html")


def edc(
    *,
    scores: ScoreGroup,
    out: o.OutDirectory,
    more: MoreScores = None,
    pairs: PairGroup,
    curves: CurveGroup,
    figure: g.CurveFigureGroup,
    seed: Annotated[int, typer.Option(help="Seed of impostor pairs, bootstrap and random discard.")] = 0,
    model: g.ModelGroup,
    faces: g.FaceGroup,
    runtime: g.RuntimeGroup,
    batch: o.Batch = 32,
    output: g.ResultGroup,
) -> None:
    """Draw error-versus-discard and DET curves of any number of methods: figures, CSV, partial areas and report.html.

    Where the pairs have no similarity, the model embeds the images, once: the embeddings stay beside the result.

    Exit status: 0 done, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.evaluate.joining import join_tables
    from fiqx_trt.evaluate.method_curves import compare_at_rates, det_of_methods
    from fiqx_trt.report.edc_folder import EdcOutcome, figure_names, write_edc

    curves.check()
    look = figure.look
    names = [name for position, rate in enumerate(curves.rates) for name in figure_names(position, rate)]
    output.require_free(out, (*OUTPUTS, *names))
    tables = join_tables(scores.read(more))
    say_skipped(tables)
    compared = comparisons_of(pairs, tables, seed=seed, quiet=output.quiet)
    if compared.comparisons.similarity is None:
        cache = pairs.embeddings or out / "embeddings.npz"
        compared = similarities_of(compared, model, runtime, faces, cache, batch=batch, output=output)
    results = compare_at_rates(
        compared.comparisons,
        compared.tables.methods,
        curves.rates,
        curves.options(seed, distances=compared.distances),
        progress=None if output.quiet else lambda name: say(f"curve of {name}"),
    )
    det = det_of_methods(results, compared.tables.methods, curves.discards)
    outcome = EdcOutcome(
        results, det, compared.tables, compared.origin, compared.notes, skipped_notes(tables)
    )
    write_edc(outcome, out, command_record(), until=curves.until, scale=curves.scale, look=look)
    if not output.quiet:
        print_results(outcome, out, distances=compared.distances)
