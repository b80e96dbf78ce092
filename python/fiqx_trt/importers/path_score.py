"""``path score`` lines, as CR-FIQA and GraFIQs write them: split at the last blank, paths may hold blanks."""

from __future__ import annotations

from pathlib import Path

from fiqx_trt.importers.base import Collector, ImportedScores, number, read_lines

__all__ = ["read_cr_fiqa", "read_grafiqs", "read_path_score"]


def read_path_score(path: Path) -> ImportedScores:
    """Read ``path score`` lines of any program; column ``score``, whose direction the user must say."""
    return _read(path, "score", None)


def read_cr_fiqa(path: Path) -> ImportedScores:
    """Read a score file of CR-FIQA; column ``cr_fiqa``, higher is better."""
    return _read(path, "cr_fiqa", True)


def read_grafiqs(path: Path) -> ImportedScores:
    """Read a score file of GraFIQs; column ``grafiqs``.

    The program writes plain sums of gradient magnitudes, one file per block, and leaves the direction to the
    evaluation; so the user must say it.
    """
    return _read(path, "grafiqs", None)


def _read(path: Path, column: str, higher_is_better: bool | None) -> ImportedScores:
    rows = Collector(path)
    for line, text in read_lines(path):
        fields = text.rsplit(maxsplit=1)
        if len(fields) != 2:
            raise rows.error(line, f"{text[:80]!r} is not a path, a blank and a score")
        score = number(fields[1])
        if score is None:
            raise rows.error(line, f"the score is {fields[1][:40]!r}; a decimal number was expected")
        rows.add(line, fields[0].strip(), {column: score})
    return rows.result({column: higher_is_better})
