"""Interfaces of the objects that make the rows of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fiqx_trt.rows import Column, Row

if TYPE_CHECKING:
    from fiqx_trt.faces.prepare import FaceRecord

__all__ = ["Maker", "RowMaker"]


class RowMaker(Protocol):
    """Make rows of face records; :class:`fiqx_trt.runs.Scorer` is one."""

    def measure(self, records: Sequence[FaceRecord]) -> Any:
        """Run the network on the next records, and return what :meth:`rows` needs."""
        ...

    def rows(self, records: Sequence[FaceRecord], measured: Any) -> Sequence[Row]:
        """Take records and the result of :meth:`measure`; return the rows that may be written now, in input order.

        Called in another thread, batch after batch, while the network runs on the next batch.
        """
        ...

    def finish(self) -> Sequence[Row]:
        """Return the rows that :meth:`rows` held back."""
        ...


class Maker(RowMaker, Protocol):
    """Make rows, and describe their columns and the settings they depend on."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns after those that every table has."""
        ...

    @property
    def parameters(self) -> Mapping[str, object]:
        """All settings that change a row."""
        ...

    @property
    def ran(self) -> str:
        """How the network ran, as text for the summary of the run."""
        ...

    def notes(self) -> Sequence[str]:
        """Return what a reader should know before reading the numbers."""
        ...
