"""Parts of large files that hold many pictures, so that several workers can read one file."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PICTURES", "Piece"]

#: Pictures of a part, where the file can be cut there.
PICTURES = 4096


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file.

    Parameters
    ----------
    first
        Number of its first record or row in the file, from 0.
    begin, end
        Where it is: bytes of a RecordIO file, row groups of a table; `end` does not belong to it.
    """

    first: int
    begin: int
    end: int
