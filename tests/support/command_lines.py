"""The real parser of the command line, without running a command."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from fiqx_trt.cli.main import app


@functools.cache
def program() -> Any:
    """The command line as the parser knows it."""
    return get_command(app)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command and group of commands, by its words."""

    def walk(words: tuple[str, ...], command: Any) -> Iterator[tuple[str, Any]]:
        yield " ".join(words), command
        for name, child in getattr(command, "commands", {}).items():
            yield from walk((*words, name), child)

    return walk((), program())


def parse(line: str) -> tuple[str, Any]:
    """Parse a line ``fiqx-trt …`` as the program does; return the words of its command and the values."""
    first, *arguments = shlex.split(line)
    assert first == "fiqx-trt", line
    command, name, words = program(), "", list[str]()
    while hasattr(command, "commands"):
        name, *arguments = arguments
        words.append(name)
        command = command.commands[name]
    return " ".join(words), command.make_context(name, arguments).params
