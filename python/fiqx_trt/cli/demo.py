"""``demo``: the whole tool once, on the default model and a sample photo."""

from __future__ import annotations

from pathlib import Path

from fiqx_trt.cli import options as o
from fiqx_trt.cli.command_line import command_record
from fiqx_trt.cli.console import say, table, tell

__all__ = ["demo"]


def demo(
    out: o.OutDirectory = Path("demo-out"),
    overwrite: o.Overwrite = False,
    quiet: o.Quiet = False,
) -> None:
    """Score and explain a sample face and ever worse copies of it; needs no GPU."""
    from fiqx_trt.demo import run_demo

    notice = (lambda text: None) if quiet else say
    result = run_demo(out, overwrite=overwrite, notice=notice, record=command_record())
    rows = [
        (step.kind, f"{step.level:.0%}", f"{step.raw:.4f}", f"{step.scaled:.2f}", f"{step.similarity:.2f}")
        for step in result.steps
    ]
    table(
        "Quality of one face, made worse step by step (SER-FIQ)",
        ("degradation", "strength", "Q", "scaled", "cosine to untouched"),
        rows,
    )
    tell(f"\nIn {out}: {', '.join(result.written)}")
    tell(f"Open {out / result.written[0]}: it explains all of them.")
