"""Ctrl-C while the commands are being loaded: the process ends at once, with one line."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

__all__ = ["INTERRUPTED", "begin", "end"]

INTERRUPTED = 130
_before: list[Any] = []


def begin() -> None:
    """End the process at the next Ctrl-C, until :func:`end`; where Ctrl-C is ignored it stays ignored.

    An exception would not do: a native module that is interrupted while it is loaded raises ImportError, and the parser of the
    command line ends without a word.
    """
    before = signal.getsignal(signal.SIGINT)
    if before not in (signal.SIG_IGN, None):
        _before.append(before)
        signal.signal(signal.SIGINT, _leave)


def end() -> None:
    """Take Ctrl-C as before :func:`begin`; nothing where that was not called."""
    while _before:
        signal.signal(signal.SIGINT, _before.pop())


def _leave(number: int, frame: FrameType | None) -> None:
    """End the process; nothing has been opened or written yet."""
    os.write(2, b"error: interrupted\n")
    os._exit(INTERRUPTED)
