"""What a run asks of the objects that make its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fiqx_trt.rows import Column, Row

if TYPE_CHECKING:
    from fiqx_trt.faces.prepare import FaceRecord

__all__ = ["Maker", "RowMaker"]


class RowMaker(Protocol):
    """Makes rows of face records, such as a :class:`fiqx_trt.runs.Scorer`."""

    def measure(self, records: Sequence[FaceRecord]) -> Any:
        """Run the network on the next records, and return what :meth:`rows` needs of it."""
        ...

    def rows(self, records: Sequence[FaceRecord], measured: Any) -> Sequence[Row]:
        """Take records and what was measured; return the rows that may be written now, one per record and in order.

        Called in another thread, one batch after the other, while the network runs on the next.
        """
        ...

    def finish(self) -> Sequence[Row]:
        """Return the rows held back until now."""
        ...


class Maker(RowMaker, Protocol):
    """Makes rows and knows their columns and what they depend on."""

    @property
    def columns(self) -> Sequence[Column]:
        """Columns behind those of every table."""
        ...

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a row."""
        ...

    @property
    def ran(self) -> str:
        """How the network ran, for the summary of the run."""
        ...

    def notes(self) -> Sequence[str]:
        """Return what a reader should know before reading the numbers."""
        ...
