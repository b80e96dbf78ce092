"""Scoring: from face records to the rows of a table, and the loop over all inputs."""

from __future__ import annotations

from fiqx_trt.scoring.run import score_table
from fiqx_trt.scoring.scorer import Scorer

__all__ = ["Scorer", "score_table"]
