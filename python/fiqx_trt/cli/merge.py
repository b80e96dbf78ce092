"""``merge``: the parts of a run as one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fiqx_trt.cli import options as o
from fiqx_trt.cli.console import say

if TYPE_CHECKING:
    from fiqx_trt.rows import Mode

__all__ = ["merge"]


def merge(
    *,
    run: Annotated[
        str,
        typer.Argument(metavar="RUN/", help="Folder of a run in parts: a path or a URL.", show_default=False),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Table to write: .csv, .jsonl or .parquet; also s3:// and the like.",
            show_default=False,
        ),
    ],
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Write the parts of a run as one table: byte for byte the table of a run without parts."""
    from fiqx_trt.distributed.merge import merge_into_store, merge_parts
    from fiqx_trt.faces.storage import is_url

    mode: Mode = "overwrite" if overwrite else "new"
    record = merge_into_store(run, out, mode=mode) if is_url(out) else merge_parts(run, Path(out), mode=mode)
    if not quiet:
        counts = ", ".join(f"{count} {status}" for status, count in record.counts.items()) or "no rows"
        say(f"{out}: {counts}")
