"""TensorRT's log: its last lines are kept for error messages, and all are passed on to :mod:`logging`."""

from __future__ import annotations

import functools
import logging
from collections import deque
from typing import Any

__all__ = ["get_logger", "tail"]

logger = logging.getLogger(__name__)

KEPT = 200
_WARNING = 2  # severities in order: internal error, error, warning, info, verbose


@functools.cache
def get_logger(trt: Any) -> Any:
    """Return the one logger of a process; TensorRT keeps the first one it gets."""

    class Tail(trt.ILogger):  # type: ignore[misc]
        """Keeps warnings and errors. Called from TensorRT's own threads; must never raise."""

        def __init__(self) -> None:
            super().__init__()
            self.lines: deque[str] = deque(maxlen=KEPT)

        def log(self, severity: Any, msg: str) -> None:
            try:
                if int(severity.value) <= _WARNING:
                    self.lines.append(" ".join(str(msg).split()))
                logger.debug("%s: %s", severity.name, msg)
            except Exception:  # the C++ caller cannot take an exception
                return

    return Tail()


def tail(log: Any, count: int = 3) -> str:
    """Return the last lines that the log kept, for an error's text, and forget all of them."""
    lines = list(log.lines)[-count:]
    log.lines.clear()
    return " | ".join(lines) or "its log says nothing"
