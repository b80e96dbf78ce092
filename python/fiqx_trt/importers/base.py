"""What every reader of foreign score files shares: lines with numbers, strict numbers, and the result."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fiqx_trt.errors import ContradictionError, SourceError
from fiqx_trt.files import open_regular

__all__ = ["Collector", "ImportedScores", "number", "read_lines"]

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
NAN = float("nan")


@dataclass(frozen=True)
class ImportedScores:
    """The scores another program wrote.

    Parameters
    ----------
    rows
        Path as written in the file → column → number, in the order of the file; NaN where the program gave
        none.
    higher_is_better
        Column → direction; ``None`` where the format does not settle it and the user must say.
    faces
        Path → (picture, k) where the name of a crop may say that it is the k-th face of a picture. A name
        such as ``ada_2.jpg`` can also be the picture itself, so this is a second choice when paths are
        matched.
    duplicates
        How many identical repetitions of a row were dropped.
    version
        Of the program that wrote the file, where the file says so.
    """

    rows: dict[str, dict[str, float]]
    higher_is_better: Mapping[str, bool | None]
    faces: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    duplicates: int = 0
    version: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.higher_is_better)


def number(text: str) -> float | None:
    """Return a decimal number, NaN for ``nan``, and ``None`` for everything else (``inf``, ``1_0``).

    Examples
    --------
    >>> number(" 1.5e-3 "), number("1_0"), number("inf"), number("1e999")
    (0.0015, None, None, None)
    """
    text = text.strip()
    if NUMBER.fullmatch(text):
        value = float(text)
        return value if abs(value) != float("inf") else None
    return NAN if text.lower() == "nan" else None


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file that are not blank, with their numbers from 1 and without line ends.

    Raises
    ------
    SourceError
        The file cannot be read, or a line is not UTF-8.
    """
    try:
        with open_regular(path) as file:
            for line, raw in enumerate(file, 1):
                try:
                    text = raw.decode("utf-8-sig" if line == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise SourceError(f"{path}, line {line}: not UTF-8 text ({error.reason})") from error
                if text.strip():
                    yield line, text
    except OSError as error:
        raise SourceError(f"cannot read the score file {path}: {error.strerror or error}") from error


class Collector:
    """Gathers rows; identical repetitions collapse, conflicting ones are an error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, dict[str, float]] = {}
        self.duplicates = 0
        self._lines: dict[str, int] = {}

    def error(self, line: int, what: str) -> SourceError:
        """Return an error that names the file and the line."""
        return SourceError(f"{self.path}, line {line}: {what}")

    def add(self, line: int, name: str, values: dict[str, float]) -> None:
        """Add a row."""
        if not name:
            raise self.error(line, "the path is empty")
        known = self.rows.get(name)
        if known is None:
            self.rows[name] = values
            self._lines[name] = line
        elif repr(known) == repr(values):  # repr: NaN equals NaN here
            self.duplicates += 1
        else:
            column = next(key for key in values if repr(values[key]) != repr(known[key]))
            where = f"{self.path}, line {line}" if line else f"{self.path}"
            raise ContradictionError(
                f"{where}: {name!r} has {column} = {values[column]!r}, but {known[column]!r} on line "
                f"{self._lines[name]}; "
                "keep one of the two",
            )

    def result(
        self, higher_is_better: Mapping[str, bool | None], faces: Mapping[str, tuple[str, int]] | None = None
    ) -> ImportedScores:
        """Return the gathered rows."""
        if not self.rows:
            raise SourceError(f"{self.path} holds no scores")
        return ImportedScores(self.rows, higher_is_better, faces or {}, self.duplicates)
