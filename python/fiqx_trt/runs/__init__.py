"""A run over inputs: its settings, the loop, the rows and files of each face, and what a program calls.

================  ==================================================================
module            does
================  ==================================================================
`options`         the settings of a run as objects
`loop`            the loop over all inputs
`score_rows`      face records to rows of scores
`explained_rows`  face records to rows of explained faces: `plq_rows`, `cam_rows`
`face_files`      maps and pictures of a face, beside the table
`score_files`     inputs into a table file; what the command ``score`` does
`face_scorer`     a scorer that a program keeps, pickles and calls with pictures
`score`           ``fx.score``: pictures to scores in one call
`result`          the scores, for a program to read and a person to look at
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
