"""The record of how a result came about."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["RunRecord"]


@dataclass(frozen=True)
class RunRecord:
    """The command behind a result, and the warnings of its run.

    Parameters
    ----------
    command_line
        The program and its arguments; empty where there was none.
    warnings
        What the library warned of. It is read when the page is written, so it may still grow.
    """

    command_line: Sequence[str] = ()
    warnings: Sequence[str] = ()

    @property
    def command(self) -> str:
        """The command as it is typed."""
        return shlex.join(["fiqx-trt", *self.command_line[1:]]) if self.command_line else "called from Python"
