"""Help that lists what is installed, other packages' names among them, looked up only when help is printed; with examples."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from fiqx_trt.cli.examples import examples_text

__all__ = ["ExampleGroup", "ListingCommand"]


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


#: What an option takes, where it has no word of its own.
METAVARS: Mapping[object, str] = {bool: "", str: "NAME", int: "N", float: "X", Path: "FILE"}


class ListingCommand(TyperCommand):
    """A command in whose help ``{methods}``, ``{detectors}``, ``{formats}`` and ``{backends}`` become the names there are.

    An option without a metavar gets one by its type, a switch shows none, and examples stand at the end.
    """

    def __init__(self, *arguments: Any, **values: Any) -> None:
        super().__init__(*arguments, **values)
        annotated = {} if self.callback is None else inspect.signature(self.callback).parameters
        for option in self.params:
            if option.metavar is None and option.name in annotated:
                option.metavar = METAVARS.get(_kind(annotated[option.name].annotation))

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option ``--help``, which takes no value."""
        return _switch(super().get_help_option(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        options: list[Any] = [one for one in self.params if getattr(one, "help", None)]
        for option in options:
            for mark in NAMES:
                if mark in option.help:
                    option.help = option.help.replace(mark, NAMES[mark]())
        super().format_help(ctx, formatter)
        typer.echo(examples_text(_words(ctx)))


class ExampleGroup(TyperGroup):
    """A group of commands whose help ends with examples."""

    def __init__(self, *arguments: Any, **values: Any) -> None:
        super().__init__(*arguments, **values)
        for option in self.params:
            _switch(option)

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option ``--help``, which takes no value."""
        return _switch(super().get_help_option(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        super().format_help(ctx, formatter)
        typer.echo(examples_text(_words(ctx)))


def _switch(option: Any) -> Any:
    """Let an option that takes no value show none."""
    if getattr(option, "is_flag", False):
        option.metavar = ""
    return option


def _kind(annotation: Any) -> object:
    """Return the type of an option's value: of ``Annotated[int | None, …]`` it is ``int``; nothing of a list."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 and typing.get_origin(annotation) is not list else annotation


def _words(ctx: Any) -> str:
    """Return the words of a command line that choose the command, without the program's name."""
    names: list[str] = []
    while ctx.parent is not None:
        names.insert(0, ctx.info_name)
        ctx = ctx.parent
    return " ".join(names)
