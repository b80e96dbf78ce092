"""Pair files of other programs: ``img1 img2 label`` and ``img1 img2 label score``, separated by blanks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fiqx_trt.errors import SourceError
from fiqx_trt.importers.base import number, read_lines

__all__ = ["LABELS", "ImportedPair", "read_pair_list"]

#: How files write that two images show one person, or two.
LABELS = {
    **dict.fromkeys(("1", "genuine", "mated", "same", "true"), True),
    **dict.fromkeys(("0", "impostor", "nonmated", "non-mated", "different", "false"), False),
}


@dataclass(frozen=True)
class ImportedPair:
    """One line of a pair file; ``similarity`` is ``None`` where the file has none."""

    first: str
    second: str
    genuine: bool
    similarity: float | None


def read_pair_list(path: Path) -> list[ImportedPair]:
    """Read a pair file in which every line has three fields, or every line four.

    Paths cannot contain blanks in this format. Repetitions are kept; whoever compares decides about them.

    Raises
    ------
    SourceError
        A line is malformed; the message names it.
    """
    pairs: list[ImportedPair] = []
    width = 0
    for line, text in read_lines(path):
        fields = text.split()
        width = width or len(fields)
        if len(fields) not in (3, 4) or len(fields) != width:
            raise _error(
                path, line, f"{len(fields)} fields; 'img1 img2 label' or 'img1 img2 label score' was expected"
            )
        genuine = LABELS.get(fields[2].lower())
        if genuine is None:
            raise _error(
                path, line, f"the label is {fields[2][:40]!r}; 1 (genuine) or 0 (impostor) was expected"
            )
        pairs.append(ImportedPair(fields[0], fields[1], genuine, _similarity(path, line, fields)))
    if not pairs:
        raise SourceError(f"{path} holds no pairs")
    return pairs


def _similarity(path: Path, line: int, fields: list[str]) -> float | None:
    if len(fields) == 3:
        return None
    value = number(fields[3])
    if value is None or value != value:
        raise _error(path, line, f"the score is {fields[3][:40]!r}; a finite number was expected")
    return value


def _error(path: Path, line: int, what: str) -> SourceError:
    return SourceError(f"{path}, line {line}: {what}")
