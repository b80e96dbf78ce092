"""The folder of an agreement of methods: table, figures, page and summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.evaluate.overlap import COEFFICIENTS
from fiqx_trt.figures.canvas import Look, in_formats, save_pictures
from fiqx_trt.figures.correlations import correlation_figure
from fiqx_trt.figures.overlap import overlap_figure
from fiqx_trt.files import write_csv, write_json
from fiqx_trt.report.overlap import overlap_page
from fiqx_trt.report.parts import save_page
from fiqx_trt.runs.record import RunRecord

if TYPE_CHECKING:
    from fiqx_trt.evaluate import Agreement
    from fiqx_trt.evaluate.score_tables import ScoreTables

__all__ = ["write_overlap"]

COLUMNS = ("method_a", "method_b", "overlap_top", "overlap_bottom")


def write_overlap(
    agreement: Agreement,
    tables: ScoreTables,
    settings: Mapping[str, Any],
    out: Path,
    record: RunRecord | None = None,
    *,
    notes: Sequence[str] = (),
    look: Look | None = None,
) -> None:
    """Write the table, figures, page and, last, ``summary.json`` into a folder.

    Parameters
    ----------
    agreement
        The result.
    tables
        The scores.
    settings
        Options that change a number; ``fraction``, ``level`` and ``replicates`` among them.
    out
        The folder; made if missing.
    record
        The command.
    notes
        Notes on the score tables: columns and rows that are not used.
    look
        Colours and formats of the figures.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    record, look = record or RunRecord(), look or Look()
    out.mkdir(parents=True, exist_ok=True)
    columns = [*COLUMNS, *(f"{kind}{end}" for kind in COEFFICIENTS for end in ("", "_low", "_high"))]
    write_csv(out / "overlap.csv", columns, agreement.rows())
    pictures = {
        "overlap": overlap_figure(
            agreement.methods, agreement.top, agreement.bottom, fraction=settings["fraction"], look=look
        ),
        "correlations": correlation_figure(
            agreement.methods, agreement.spearman, agreement.kendall, level=settings["level"], look=look
        ),
    }
    pictures = in_formats(pictures, look.formats)
    save_pictures(pictures, out)
    save_page(overlap_page(agreement, tables, settings, pictures, record, notes), out)
    methods = {
        one.name: {"file": str(one.source), "column": one.column, "better": one.direction}
        for one in tables.methods
    }
    write_json(
        out / "summary.json",
        {
            **record.summary(),
            "images": agreement.images,
            "images_left_out": agreement.left_out,
            "group": agreement.group,
            **settings,
            "methods": methods,
            "columns_without_direction": list(tables.skipped),
            "overlap_top": agreement.top.tolist(),
            "overlap_bottom": agreement.bottom.tolist(),
            **{kind: _values(getattr(agreement, kind)) for kind in COEFFICIENTS},
        },
    )


def _values(rows: Sequence[Sequence[Any]]) -> list[list[dict[str, float]]]:
    return [[{"value": cell.value, "low": cell.low, "high": cell.high} for cell in row] for row in rows]
