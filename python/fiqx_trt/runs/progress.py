"""How a run reports how far it is."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress"]


class Progress(Protocol):
    """Receives how far a run is, after every batch."""

    def __call__(self, *, done: int, failed: int) -> None:
        """Take the number of rows that this run has made, and how many of them failed."""
        ...
