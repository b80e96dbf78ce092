"""Error-versus-discard results as files: curves and bands as tidy CSV, everything else as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fiqx_trt.evaluate.curves import PartialArea
from fiqx_trt.evaluate.det import DetCurve
from fiqx_trt.evaluate.method_curves import EdcResult, MethodCurve
from fiqx_trt.files import write_csv

__all__ = [
    "BEST",
    "RANDOM",
    "edc_summary",
    "write_curves",
    "write_det",
]

#: What the two curves beside the methods are called in files and figures.
BEST, RANDOM = "(best possible)", "(random)"
CURVE_COLUMNS = (
    "method",
    "discard",
    "fnmr",
    "fmr",
    "threshold",
    "quality",
    "genuine",
    "impostor",
    "target_fmr",
)
BAND_COLUMNS = ("method", "discard", "low", "high", "target_fmr")
DET_COLUMNS = ("method", "discard", "target_fmr", "threshold", "fmr", "fnmr", "genuine", "impostor")
#: What the areas are called here, and elsewhere.
AREA_WORDS = {
    "raw": "area under the FNMR from no discard to the limit",
    "normalised": "raw / limit: the mean FNMR up to the limit",
    "relative": "normalised / FNMR without discard; FROQ, eDifFIQA and others call this the normalised pAUC",
    "minus_best": "raw minus the area of the best possible order",
}


def write_curves(results: Sequence[EdcResult], folder: Path) -> list[Path]:
    """Write ``curves.csv``, one row per step of every method and rate, and ``bands.csv`` where there are bands."""
    curves, bands = folder / "curves.csv", folder / "bands.csv"
    write_csv(curves, CURVE_COLUMNS, (row for result in results for row in _steps(result)))
    if not any(one.bands for result in results for one in result.methods):
        return [curves]
    write_csv(bands, BAND_COLUMNS, (row for result in results for row in _bands(result)))
    return [curves, bands]


def write_det(curves: Mapping[str, Sequence[DetCurve]], path: Path) -> None:
    """Write the DET curves of all methods, one row per point."""
    write_csv(path, DET_COLUMNS, _points(curves))


def _points(curves: Mapping[str, Sequence[DetCurve]]) -> Iterator[Sequence[object]]:
    for name, of_method in curves.items():
        for one in of_method:
            arrays = (one.target, one.threshold, one.fmr, one.fnmr)
            for cells in zip(*(array.tolist() for array in arrays), strict=True):
                yield (name, one.discard, *cells, one.genuine, one.impostor)


def _steps(result: EdcResult) -> Iterator[Sequence[object]]:
    target = result.point.target_fmr
    for name, curve in [*((one.name, one.curve) for one in result.methods), (RANDOM, result.random)]:
        arrays = (getattr(curve, column).tolist() for column in CURVE_COLUMNS[1:-1])
        for cells in zip(*arrays, strict=True):
            yield (name, *cells, target)
    for discard, fnmr in zip(result.best.discard.tolist(), result.best.fnmr.tolist(), strict=True):
        yield (BEST, discard, fnmr, None, result.point.threshold, None, None, None, target)


def _bands(result: EdcResult) -> Iterator[Sequence[object]]:
    for one in result.methods:
        if one.bands is not None:
            arrays = (one.bands.grid.tolist(), one.bands.low.tolist(), one.bands.high.tolist())
            for cells in zip(*arrays, strict=True):
                yield (one.name, *cells, result.point.target_fmr)


def edc_summary(result: EdcResult) -> dict[str, Any]:
    """Return the numbers of a result: threshold, rates and partial areas."""
    point, options = result.point, result.options
    return {
        "comparisons": len(result.comparisons),
        "genuine": result.comparisons.genuine_count,
        "impostor": result.comparisons.impostor_count,
        "repeated_pairs": result.comparisons.duplicates,
        "dropped_comparisons": result.dropped,
        "threshold": point.threshold,
        "threshold_rule": _rule(result),
        "target_fmr": point.target_fmr,
        "fmr": point.fmr,
        "fnmr": point.fnmr,
        "axis": options.fraction,
        "missing": options.missing,
        "seed": options.seed,
        "methods": {one.name: _method(one) for one in result.methods},
        "best_possible": {
            "areas": [
                {"limit": limit, "raw": area, "normalised": area / limit}
                for limit, area in zip(options.limits, result.best_areas, strict=True)
            ]
        },
        "random": {"areas": [_area(area) for area in result.random_areas]},
        "words": AREA_WORDS,
        "notes": list(result.notes),
    }


def _rule(result: EdcResult) -> str:
    if result.point.target_fmr is None:
        return "given"
    return "recomputed at every step" if result.options.recompute else "fixed on all comparisons"


def _method(one: MethodCurve) -> dict[str, Any]:
    areas = [_area(area) for area in one.areas]
    if one.bands is not None:
        for row, low, high in zip(
            areas, one.bands.area_low.tolist(), one.bands.area_high.tolist(), strict=True
        ):
            row |= {"raw_low": low, "raw_high": high}
    return {
        "better": "higher" if one.higher_is_better else "lower",
        "images_without_quality": one.missing,
        "steps": len(one.curve.discard),
        "band_level": None if one.bands is None else one.bands.level,
        "band_replicates": None if one.bands is None else len(one.bands.areas),
        "areas": areas,
    }


def _area(area: PartialArea) -> dict[str, float]:
    return {
        "limit": area.limit,
        "raw": area.raw,
        "normalised": area.normalised,
        "relative": area.relative,
        "minus_best": area.above_best,
    }
