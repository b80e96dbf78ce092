"""A run over inputs: its settings, the loop, the rows and files of each face, and what a program calls.

================  ==================================================================
module            does
================  ==================================================================
`options`         options that kinds of runs share: faces, runtime, activation map
`settings`        the settings of each kind of run: scores, plq, cam
`file_run`        a run into a table file: opens model and table, runs, returns a result
`loop`            the loop over all faces
`score_rows`      face records to rows of scores
`explained_rows`  face records to rows of explained faces: `plq_rows`, `cam_rows`
`face_files`      maps and pictures of a face (`face_picture`), beside the table
`record`          the record of a run: call, model, settings
`run_result`      what a run into files did
`score_files`     what the command ``score`` does, for a program; likewise `plq_files`, `cam_files`
`face_scorer`     a scorer that a program keeps, pickles and calls with pictures
`score`           ``fx.score``: pictures to scores in one call
`result`          scores in memory, for a program to read and a person to look at
================  ==================================================================

The names here are loaded when they are first used, so that a command which only declares options loads no network.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fiqx_trt.runs.loop import score_table
    from fiqx_trt.runs.score_rows import Scorer

__all__ = ["Scorer", "score_table"]

_HOME = {"Scorer": "fiqx_trt.runs.score_rows", "score_table": "fiqx_trt.runs.loop"}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
