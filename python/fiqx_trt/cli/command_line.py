"""The command line that is run, for the records of results."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fiqx_trt.cli.console import warnings_shown

if TYPE_CHECKING:
    from fiqx_trt.runs.record import RanModel, RunRecord

__all__ = ["command_line", "command_record", "remember_arguments"]

_arguments: list[str] = []


def remember_arguments(arguments: Sequence[str]) -> None:
    """Keep the arguments of the command that begins."""
    _arguments[:] = arguments


def command_line() -> list[str]:
    """Return the program and the arguments of the command that runs."""
    return [sys.argv[0], *_arguments]


def command_record(model: RanModel | None = None) -> RunRecord:
    """Return the record of the command that runs, with the warnings that reached the user."""
    from fiqx_trt.runs.record import RunRecord

    return RunRecord(command_line(), warnings_shown(), model)
