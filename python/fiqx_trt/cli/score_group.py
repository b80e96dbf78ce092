"""The score tables of the commands that judge quality methods, as one group of options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fiqx_trt.cli.console import say

if TYPE_CHECKING:
    from fiqx_trt.evaluate.score_tables import ScoreTables

__all__ = ["MoreScores", "ScoreGroup", "say_skipped", "skipped_notes"]

Scores = Annotated[
    list[Path],
    typer.Option("--scores", "-s", metavar="FILE", help="Score table; may be repeated.", show_default=False),
]
MoreScores = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", help="Further score tables.", show_default=False),
]
Selected = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help="Column to use, or FILE:COLUMN; may be repeated. Default: all whose direction is known.",
        show_default=False,
    ),
]
Directions = Annotated[
    list[str] | None,
    typer.Option(
        "--direction",
        metavar="NAME=WORD",
        help="Direction of a foreign column: NAME=higher or NAME=lower is better. Never guessed.",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class ScoreGroup:
    """The score tables, which of their columns count, and which way they point."""

    scores: Scores
    method: Selected = None
    direction: Directions = None

    def read(self, more: Sequence[Path] | None = None) -> ScoreTables:
        """Read the tables, and further ones.

        Raises
        ------
        InvalidInputError, SourceError
            A table cannot be read, or a column is unknown or has no direction.
        """
        from fiqx_trt.evaluate.score_tables import parse_directions, read_score_tables

        return read_score_tables(
            [*self.scores, *(more or ())],
            methods=self.method or (),
            directions=parse_directions(self.direction or ()),
        )


def say_skipped(tables: ScoreTables) -> None:
    """Print which columns and rows of the score tables are not used, also with --quiet."""
    for note in skipped_notes(tables):
        say(note)


def skipped_notes(tables: ScoreTables) -> list[str]:
    """Return which columns and rows of the score tables are not used, and why."""
    notes = list(tables.joined)
    if tables.skipped:
        notes.append(
            f"left out, direction unknown: {', '.join(tables.skipped)} (give --direction NAME=higher or NAME=lower to use "
            "them)"
        )
    if tables.further_faces:
        notes.append(
            f"{tables.further_faces} rows of second and further faces are left out: pairs name pictures, not faces"
        )
    return notes
