"""A run in parts and the same run without them, for tests that compare the two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fiqx_trt.distributed.merge import merge_parts
from fiqx_trt.distributed.run import PartsResult, score_parts
from fiqx_trt.runs.file_run import open_run
from fiqx_trt.runs.options import Inputs
from fiqx_trt.runs.settings import ScoreSettings

__all__ = ["merged", "parts", "whole"]


def whole(settings: ScoreSettings, inputs: Inputs, out: str) -> bytes:
    """Return the table of a run without parts."""
    with open_run(settings, inputs, Path(out), mode="new", call=["test"], batch=3) as run:
        run.work()
    return Path(out).read_bytes()


def parts(settings: ScoreSettings, inputs: Inputs, location: str = "run/", **options: Any) -> PartsResult:
    return score_parts(settings, inputs, location, call=["test"], **options)


def merged(location: str = "run/", out: str = "merged.csv") -> bytes:
    merge_parts(location, Path(out), mode="overwrite")
    return Path(out).read_bytes()
