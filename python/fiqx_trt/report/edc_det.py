"""The part of the report of ``edc`` that shows both errors of the comparisons left at some discard fractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fiqx_trt.report.html import Figure, Table
from fiqx_trt.report.parts import drawn, method_name, rate

if TYPE_CHECKING:
    from fiqx_trt.evaluate.det import DetCurve
    from fiqx_trt.evaluate.method_curves import EdcResult
    from fiqx_trt.figures.canvas import Picture

__all__ = ["det_part", "det_table"]


def det_table(results: Sequence[EdcResult], curves: Mapping[str, Sequence[DetCurve]]) -> Table:
    """Return the FNMR of what is left, its threshold fixed anew, at the first target false match rate.

    Parameters
    ----------
    results
        One for each false match rate; the first counts. Where a threshold was given, 1 in 1,000 is shown.
    curves
        Method → DET curves.
    """
    target = results[0].point.target_fmr or 1e-3
    directions = {one.name: one.higher_is_better for one in results[0].methods}
    shown = next(iter(curves.values()))
    rows = [
        [method_name(name, higher=directions[name]), *(rate(one.at(target)) for one in of_method)]
        for name, of_method in curves.items()
    ]
    header = ["method", *(f"{100 * one.wanted:g} % discarded" for one in shown)]
    return Table(
        f"FNMR at FMR {target:g} of what is left.",
        header,
        rows,
        "Here the threshold belongs to the comparisons left, not to all. A dash: too few impostor comparisons are left for this "
        "rate.",
    )


def det_part(curves: Mapping[str, Sequence[DetCurve]], picture: Picture) -> Figure:
    """Return the figure of DET curves."""
    spoken = "; ".join(
        f"{name}: {', '.join(f'{100 * one.wanted:g} % discarded' for one in of_method)}"
        for name, of_method in curves.items()
    )
    return drawn(
        picture,
        "det",
        alt=f"Detection error trade-off curves, one panel per method, one line per discard fraction. {spoken}.",
        caption="DET curves of the comparisons left when the worst images are discarded (ISO/IEC 29794-1:2024, clause 11).",
        reading="The lower a line, the fewer errors of both kinds at any threshold. A good method moves the whole line down as "
        "images leave; lines on top of each other say that it does not know which images fail. Lines end where the impostor "
        "comparisons left resolve no smaller rate.",
    )
