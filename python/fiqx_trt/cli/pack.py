"""``pack``: pictures into numbered tar shards."""

from __future__ import annotations

from typing import Annotated

import typer

from fiqx_trt.cli import groups as g
from fiqx_trt.cli import options as o
from fiqx_trt.cli.console import open_progress, say
from fiqx_trt.cli.signals import exit_code, stop_on_signals
from fiqx_trt.cli.table_run import EXIT_SOME_FAILED, GO_ON

__all__ = ["pack"]


def pack(
    *,
    pictures: g.InputGroup,
    out: Annotated[
        str,
        typer.Option(
            "--out", "-o", metavar="DIR", help="Folder of the shards: a path or a URL.", show_default=False
        ),
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="How the names of the shards begin: NAME-000000.tar.")
    ] = "shard",
    per_shard: Annotated[
        int, typer.Option("--pictures", metavar="N", min=1, help="Pictures in a shard, at most.")
    ] = 4096,
    share: o.ShareOfUnits = None,
    resume: o.Resume = False,
    quiet: o.Quiet = False,
) -> None:
    """Pack pictures into numbered tar shards, which are read as one stream each; every picture keeps its bytes.

    A picture that cannot be read is left out and named in DIR/_fiqx/left-out-*.jsonl. Files that hold many pictures become shards
    of their own.

    Exit status: 0 all packed, 3 some pictures left out, 2 wrong usage, 1 could not run, 130 interrupted, 143 terminated.
    """
    from fiqx_trt.distributed.pack import pack_pictures, shard_name
    from fiqx_trt.distributed.run import Share

    with open_progress(None, quiet=quiet) as report, stop_on_signals() as stop:
        done = pack_pictures(
            pictures,
            out,
            name=name,
            pictures=per_shard,
            resume=resume,
            share=None if share is None else Share.parse(share),
            report=report,
            stop=stop,
        )
    if not quiet:
        say(f"{out}: {done.pictures} pictures packed; {done.done} of {done.shards} shards")
        if done.left_out:
            say(
                f"{done.left_out} pictures could not be read and are left out; _fiqx/left-out-*.jsonl names them"
            )
        if done.stopped:
            say(GO_ON)
        elif done.complete:
            first, last = shard_name(name, 0), f"{done.shards - 1:06d}"
            say(f"read them with '{out.rstrip('/')}/{first.replace('000000', f'{{000000..{last}}}')}'")
    if done.stopped:
        raise typer.Exit(exit_code(stop))
    raise typer.Exit(EXIT_SOME_FAILED if done.left_out else 0)
