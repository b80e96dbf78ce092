"""``name x1 y1 … x5 y5 score``, as ``ijbc_name_5pts_score.txt`` has it: where the face is, and how sure the detector was.

The points are read by ``--landmarks`` (:mod:`fiqx_trt.importers.landmarks`); here the score is.
"""

from __future__ import annotations

from pathlib import Path

from fiqx_trt.importers.base import Collector, ImportedScores, number, read_lines

__all__ = ["read_ijb_score", "split_points"]

COLUMN = "detection_score"


def split_points(text: str) -> tuple[str, list[str], str] | None:
    """Return name, ten coordinates and score of such a line; ``None`` for any other line.

    A name without a dot, or one that is a number, cannot be told from a coordinate, so it is no such line.

    Examples
    --------
    >>> split_points("1.jpg 46 62 87 62 68 90 51 110 83 110 0.99")[2]
    '0.99'
    """
    fields = text.split()
    if len(fields) != 12 or "." not in fields[0] or number(fields[0]) is not None:
        return None
    if any(number(field) is None for field in fields[1:]):
        return None
    return fields[0], fields[1:11], fields[11]


def read_ijb_score(path: Path) -> ImportedScores:
    """Read the detector's scores of IJB's list of landmarks; column ``detection_score``, higher is better."""
    rows = Collector(path)
    for line, text in read_lines(path):
        found = split_points(text)
        if found is None:
            raise rows.error(line, f"{text[:80]!r} is not 'name x1 y1 … x5 y5 score', as in IJB's list")
        rows.add(line, found[0], {COLUMN: number(found[2]) or 0.0})
    return rows.result({COLUMN: True})
