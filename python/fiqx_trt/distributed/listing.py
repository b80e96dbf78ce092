"""The units of a run's inputs, listed more than once and found to be the same every time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fiqx_trt.errors import OutputError
from fiqx_trt.faces.sources import Container, Source, is_stream, iter_pieces
from fiqx_trt.faces.units import Unit, UnitDigest, cut_units

if TYPE_CHECKING:
    from fiqx_trt.distributed.plan import Plan
    from fiqx_trt.runs.options import Inputs

__all__ = ["Listing", "unchanged"]


class Listing:
    """The inputs of a run, listed as often as wanted; what can be read once only is kept.

    Parameters
    ----------
    inputs
        The inputs.
    loose
        Loose pictures in a unit; ``None``: :data:`fiqx_trt.faces.units.LOOSE`.
    """

    def __init__(self, inputs: Inputs, *, loose: int | None = None) -> None:
        self._inputs, self._loose = inputs, loose
        self._checked = False
        self._kept = (
            list(self._listed()) if any(is_stream(os.fspath(name)) for name in inputs.names) else None
        )

    def _listed(self) -> Iterator[Source | Container]:
        given = self._inputs
        checked, self._checked = self._checked, True
        return iter_pieces(
            given.names, null_separated=given.null_separated, column=given.column, checked=checked
        )

    def units(self) -> Iterator[Unit]:
        """Cut them into units."""
        return cut_units(self._listed() if self._kept is None else self._kept, loose=self._loose)


def unchanged(units: Iterable[Unit], plan: Plan) -> Iterator[Unit]:
    """Yield the units of the plan.

    Raises
    ------
    OutputError
        At the end: the inputs were listed differently than when the run began, so that its parts are not of one list.
    """
    seen = UnitDigest()
    yield from seen.over(units)
    if (seen.count, seen.sha256) != (plan.units, plan.units_sha256):
        raise OutputError("the inputs changed while the run went on; start anew with --overwrite")
