"""Scoring: from face records to the rows of a table, the loop over all inputs, and what a program calls.

=============  ==================================================================
module         does
=============  ==================================================================
`options`      the settings of a run as objects
`scorer`       face records to rows
`run`          the loop over all inputs
`files`        inputs into a table file; what the command ``score`` does
`face_scorer`  a scorer that a program keeps, pickles and calls with pictures
`score`        ``fx.score``: pictures to scores in one call
`result`       the scores, for a program to read and a person to look at
=============  ==================================================================

The names here are loaded when they are first used, so that a command which only declares options loads no network.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fiqx_trt.scoring.run import score_table
    from fiqx_trt.scoring.scorer import Scorer

__all__ = ["Scorer", "score_table"]

_HOME = {"Scorer": "fiqx_trt.scoring.scorer", "score_table": "fiqx_trt.scoring.run"}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
