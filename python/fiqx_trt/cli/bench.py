"""``bench``: how many images per second this machine does, step by step and as a whole."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.command_line import command_record
from fiqx_trt.cli.console import say, table, tell

if TYPE_CHECKING:
    from fiqx_trt.models import Model
    from fiqx_trt.runs.options import FaceOptions, RuntimeOptions
    from fiqx_trt.throughput.measure import Throughput
    from fiqx_trt.throughput.pictures import Material

__all__ = ["bench"]

PLANNED = 10_000_000

Pictures = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="IN",
        help="Pictures to measure with, named as for score; the first 128 with a face are taken. "
        "Default: synthetic faces, made for the measurement.",
        show_default=False,
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Measure this only (beside embed, which everything is compared with); may be repeated: serfiq, serfiq-100, "
        "scorecam, plq, decode, detect, align, prepare, score.",
        show_default=False,
    ),
]
Seconds = Annotated[
    float, typer.Option(metavar="S", help="Time for each of them, in five rounds; one run at least.")
]
JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json", metavar="FILE", help="Write every number as JSON as well.", rich_help_panel=o.OUTPUT_PANEL
    ),
]


def bench(
    *,
    inputs: Pictures = None,
    only: Only = None,
    seconds: Seconds = 4.0,
    model: g.ModelGroup,
    faces: g.LargestFaceGroup,
    column: o.Column = None,
    runtime: g.RuntimeGroup,
    batch: o.Batch = 32,
    json_file: JsonFile = None,
    output: g.ResultGroup,
) -> None:
    """Measure throughput: images per second of every step and of the whole, to plan a long run.

    Each row is also given relative to the plain embedding, measured in turns with it: that ratio stays when the machine
    is busier or another one; the absolute figures are this machine's, now.
    """
    from fiqx_trt.errors import InvalidInputError
    from fiqx_trt.files import require_absent, write_json
    from fiqx_trt.throughput.measure import measure
    from fiqx_trt.throughput.subjects import BASELINE, Bench, choose

    names = choose(only)
    if not 0 < seconds < math.inf:
        raise InvalidInputError(f"--seconds is {seconds:g}; give more than 0")
    if json_file is not None:
        require_absent(json_file, overwrite=output.overwrite)
    if not inputs and (column or faces != g.LargestFaceGroup()):
        raise InvalidInputError(
            "--aligned, --detector, --min-face, --confidence and --column are about given pictures; name some"
        )
    with (
        tempfile.TemporaryDirectory(prefix="fiqx-bench-") as folder,
        model.open(runtime) as opened,
    ):
        source = _Made(inputs or [], column, faces, runtime, Path(folder))
        material = source.material(opened)
        bench_ = Bench(opened, material, Path(folder), batch, runtime.threads or 2)
        results = measure(
            bench_.subject(BASELINE),
            [bench_.subject(name) for name in names if only or bench_.suits(name)],
            seconds=seconds,
            notice=(lambda _: None) if output.quiet else say,
        )
        setting = _setting(opened, material, batch, runtime.threads)
    _show(setting, results)
    if json_file is not None:
        content = {**setting, "seconds": seconds, "subjects": [_numbers(result) for result in results]}
        write_json(json_file, content, ascii_only=True)


@dataclass(frozen=True)
class _Made:
    inputs: Sequence[str]
    column: str | None
    faces: FaceOptions
    runtime: RuntimeOptions
    folder: Path

    def material(self, model: Model) -> Material:
        """Return the user's pictures, or made ones."""
        from fiqx_trt.faces.sources import iter_sources
        from fiqx_trt.throughput.pictures import given_material, made_material

        if not self.inputs:
            return made_material(model.spec.input_size, model.spec.template, self.folder)
        preparer = self.faces.preparer(model.spec, self.runtime)
        sources = iter_sources(self.inputs, column=self.column)
        return given_material(sources, preparer, threads=self.runtime.threads or 2)


def _setting(model: Model, material: Material, batch: int, threads: int | None) -> dict[str, Any]:
    from fiqx_trt.runs.record import RanModel
    from fiqx_trt.runtime.machine import cpu_count, cpu_signature

    return {
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **command_record(RanModel.of(model)).summary(),
        "processor": cpu_signature(),
        "processor_threads": cpu_count(),
        "batch": batch,
        "threads": threads or cpu_count(),
        "decoding_threads": threads or 2,
        "pictures": material.about,
    }


def _show(setting: dict[str, Any], results: Sequence[Throughput]) -> None:
    title = (
        f"{setting['model']} on {setting['backend']}, {setting['device']}, {setting['precision']}; batch {setting['batch']}; "
        f"{setting['threads']} threads for the network, {setting['decoding_threads']} that decode"
    )
    header = ("measured", "images/s", "rounds", "of embed", "rounds", "10 million")
    table(title, header, [_row(result) for result in results])
    typer.echo("")
    for result in results:
        tell(f"{result.name:<11} {result.what}")
    tell(f"\nWith {setting['pictures']}.")
    typer.echo(
        f"Images/s are this machine's ({setting['processor_threads']} processor threads) now, {setting['measured']}, medians of "
        "rounds; what else runs on it changes them. The ratios to embed were taken in turns with it."
    )
    for result in results:
        if result.error:
            tell(f"{result.name} was not measured: {result.error}")


def _row(result: Throughput) -> tuple[str, ...]:
    if result.error:
        return (result.name, "–", "", "–", "", "–")
    return (
        result.name,
        _figure(result.rate),
        _spread(result.rates),
        _figure(result.ratio),
        _spread(result.ratios) if result.name != "embed" else "",
        _duration(PLANNED / result.rate),
    )


def _figure(value: float) -> str:
    """Write three digits or more, without an exponent.

    Examples
    --------
    >>> _figure(12345.6), _figure(1.234), _figure(0.05678)
    ('12,346', '1.23', '0.0568')
    """
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{digits}f}"


def _spread(values: Sequence[float]) -> str:
    return f"{_figure(min(values))}–{_figure(max(values))}" if len(values) > 1 else "one round"


def _duration(seconds: float) -> str:
    """Write a time to plan with.

    Examples
    --------
    >>> _duration(1800), _duration(50_000), _duration(1e6), _duration(1e9)
    ('30 min', '13.9 h', '11.6 days', '31.7 years')
    """
    for unit, name in ((86400.0 * 365, "years"), (86400.0, "days"), (3600.0, "h")):
        if seconds >= 2 * unit:
            return f"{_figure(seconds / unit)} {name}"
    return f"{seconds / 60:.0f} min"


def _numbers(result: Throughput) -> dict[str, Any]:
    measured = not result.error
    return {
        "name": result.name,
        "what": result.what,
        "images_per_second": result.rate if measured else None,
        "of_embed": result.ratio if measured else None,
        "rounds": [
            {"images_per_second": rate, "of_embed": ratio}
            for rate, ratio in zip(result.rates, result.ratios, strict=True)
        ],
        "images": result.images,
        "error": result.error or None,
    }
