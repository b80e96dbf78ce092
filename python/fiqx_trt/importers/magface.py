"""MagFace's ``feat.list``: a path and the 512 numbers of an embedding per line; the quality is their norm."""

from __future__ import annotations

import math
from pathlib import Path

from fiqx_trt.importers.base import Collector, ImportedScores, number, read_lines

__all__ = ["read_magface"]

FEATURES = 512


def read_magface(path: Path) -> ImportedScores:
    """Read a feature list of MagFace; column ``magface`` = ‖e‖, higher is better (Meng et al., CVPR 2021).

    Line by line, so the memory grows with the number of images and not with the size of their embeddings.

    Raises
    ------
    SourceError
        A line is malformed or contradicts another; the message names the line.
    """
    rows = Collector(path)
    for line, text in read_lines(path):
        # Split from the right: a path may contain blanks.
        name, *fields = text.rsplit(maxsplit=FEATURES)
        if len(fields) != FEATURES:
            raise rows.error(line, f"{len(fields)} numbers instead of {FEATURES} after the path")
        rows.add(line, name.strip(), {"magface": _norm(rows, line, fields)})
    return rows.result({"magface": True})


def _norm(rows: Collector, line: int, fields: list[str]) -> float:
    total = []
    for position, field in enumerate(fields, 1):
        value = number(field)
        if value is None:
            raise rows.error(line, f"number {position} of the embedding is {field[:40]!r}")
        total.append(value * value)
    return math.sqrt(math.fsum(total)) if not any(map(math.isnan, total)) else math.nan
