"""The real parser of the command line, without running a command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from fiqx_trt.cli.main import app


def commands() -> Iterator[tuple[str, Any]]:
    """Every command and group of commands, by its words."""

    def walk(words: tuple[str, ...], command: Any) -> Iterator[tuple[str, Any]]:
        yield " ".join(words), command
        for name, child in getattr(command, "commands", {}).items():
            yield from walk((*words, name), child)

    return walk((), get_command(app))


def parse(line: str) -> tuple[str, Any]:
    """Parse a line ``fiqx-trt …`` as the program does; return the words of its command and the values."""
    program, *arguments = shlex.split(line)
    assert program == "fiqx-trt", line
    command, words, context = get_command(app), [], None
    while hasattr(command, "commands"):
        name, *arguments = arguments
        words.append(name)
        command = command.commands[name]
    context = command.make_context(name, arguments)
    return " ".join(words), context.params
