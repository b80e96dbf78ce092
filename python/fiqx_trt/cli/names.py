"""Help that lists what is installed, other packages' names among them, looked up only when help is printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from typer.core import TyperCommand

__all__ = ["ListingCommand"]


def _methods() -> str:
    from fiqx_trt.quality.base import METHODS

    return ", ".join(METHODS)


def _detectors() -> str:
    from fiqx_trt.faces.detect import DETECTORS

    return ", ".join(DETECTORS)


def _formats() -> str:
    from fiqx_trt.importers import FORMATS

    return ", ".join(FORMATS)


def _backends() -> str:
    from fiqx_trt.runtime import BACKENDS

    return ", ".join(BACKENDS)


#: What stands in the help of an option for the names of a table.
NAMES: Mapping[str, Callable[[], str]] = {
    "{methods}": _methods,
    "{detectors}": _detectors,
    "{formats}": _formats,
    "{backends}": _backends,
}


class ListingCommand(TyperCommand):
    """A command in whose help ``{methods}``, ``{detectors}``, ``{formats}`` and ``{backends}`` become the names there are."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        options: list[Any] = [one for one in self.params if getattr(one, "help", None)]
        for option in options:
            for mark in NAMES:
                if mark in option.help:
                    option.help = option.help.replace(mark, NAMES[mark]())
        super().format_help(ctx, formatter)
