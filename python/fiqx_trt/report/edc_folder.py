"""The folder of error-versus-discard curves: tables, figures, page and summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.evaluate.edc_files import edc_summary, write_curves, write_det
from fiqx_trt.figures.canvas import FORMATS, Look, in_formats, save_pictures
from fiqx_trt.figures.det import det_figure
from fiqx_trt.figures.edc import edc_figure
from fiqx_trt.files import write_json
from fiqx_trt.report.edc import EdcFindings, edc_page
from fiqx_trt.report.parts import save_page
from fiqx_trt.runs.record import RunRecord

if TYPE_CHECKING:
    from fiqx_trt.evaluate.det import DetCurve
    from fiqx_trt.evaluate.method_curves import EdcResult
    from fiqx_trt.evaluate.score_tables import ScoreTables

__all__ = ["EdcOutcome", "figure_names", "write_edc"]


@dataclass(frozen=True)
class EdcOutcome:
    """The results of a run.

    Parameters
    ----------
    results
        One for each false match rate.
    det
        Method → DET curves; empty where there are no impostor comparisons.
    tables
        The scores.
    similarity
        The origin of the similarities, as JSON values; ``source`` is a sentence.
    notes
        Notes on the pairs.
    input_notes
        Notes on the score tables: columns and rows that are not used.
    """

    results: Sequence[EdcResult]
    det: Mapping[str, Sequence[DetCurve]]
    tables: ScoreTables
    similarity: Mapping[str, Any]
    notes: Sequence[str] = ()
    input_notes: Sequence[str] = ()


def figure_names(position: int, rate: float) -> tuple[str, str]:
    """Return the files of the figure of one rate: the first is ``edc.png``.

    Examples
    --------
    >>> figure_names(0, 0.01), figure_names(1, 0.001)
    (('edc.png', 'edc.npz'), ('edc-fmr-0.001.png', 'edc-fmr-0.001.npz'))
    """
    stem = f"edc-fmr-{rate:g}" if position else "edc"
    return f"{stem}.png", f"{stem}.npz"


def write_edc(
    outcome: EdcOutcome,
    out: Path,
    record: RunRecord | None = None,
    *,
    until: float = 0.95,
    scale: str = "linear",
    look: Look | None = None,
) -> None:
    """Write tables, figures, page and, last, ``summary.json`` into a folder.

    Parameters
    ----------
    outcome
        The results.
    out
        The folder; made if missing.
    record
        The command.
    until, scale
        Right end of the figure, and its vertical axis (:func:`fiqx_trt.figures.edc.edc_figure`).
    look
        Resolution and formats of the figures.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    record, look = record or RunRecord(), look or Look()
    out.mkdir(parents=True, exist_ok=True)
    for old in [
        out / "bands.csv",
        *out.glob("det.*"),
        *(file for kind in ("png", "npz", *FORMATS) for file in out.glob(f"edc-fmr-*.{kind}")),
    ]:
        old.unlink(missing_ok=True)  # of an earlier result with identities, or with other rates
    write_curves(outcome.results, out)
    pictures = {
        figure_names(position, result.options.fmr)[0].removesuffix(".png"): edc_figure(
            result, until=until, scale=scale, look=look
        )
        for position, result in enumerate(outcome.results)
    }
    pictures = in_formats(pictures, look.formats)
    det_picture = replace(det_figure(outcome.det, look=look), formats=look.formats) if outcome.det else None
    save_pictures(pictures, out)
    if det_picture is not None:
        write_det(outcome.det, out / "det.csv")
        det_picture.save(out / "det")
    findings = EdcFindings(outcome.results, pictures, outcome.det, det_picture)
    notes = [*outcome.input_notes, *outcome.notes]
    save_page(edc_page(findings, outcome.tables, outcome.similarity, out, record, notes), out)
    _write_summary(outcome, record, out)


def _write_summary(outcome: EdcOutcome, record: RunRecord, out: Path) -> None:
    summaries = [edc_summary(result) for result in outcome.results]
    columns = {one.name: {"file": str(one.source), "column": one.column} for one in outcome.tables.methods}
    write_json(
        out / "summary.json",
        {
            **record.summary(),
            "scores": columns,
            "columns_without_direction": list(outcome.tables.skipped),
            "similarity": dict(outcome.similarity),
            "input_notes": [*outcome.tables.joined, *outcome.notes],
            **summaries[0],
            **({"operating_points": summaries} if len(summaries) > 1 else {}),
        },
    )
