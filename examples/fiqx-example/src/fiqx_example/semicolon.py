"""A score-file format: ``path;score`` a line, with a decimal point or comma, as European spreadsheets write it.

Blank lines and lines that begin with ``#`` are skipped. ``nan`` is a face without a score. The file does not say whether higher
is better, so the user must (``--direction``).
"""

from __future__ import annotations

from pathlib import Path

from fiqx_trt.importers import Collector, ImportedScores, number, read_lines

__all__ = ["read_semicolon"]


def read_semicolon(path: Path) -> ImportedScores:
    """Read a file.

    Raises
    ------
    SourceError
        It cannot be read, holds no scores, or breaks the grammar; the message names the line.
    """
    scores = Collector(path)
    for line, text in read_lines(path):
        if text.startswith("#"):
            continue
        name, semicolon, digits = text.rpartition(";")
        value = number(digits.replace(",", "."))
        if not semicolon or value is None:
            raise scores.error(line, f"{text[:60]!r} is not 'path;score'")
        scores.add(line, name.strip(), {"score": value})
    return scores.result({"score": None})
