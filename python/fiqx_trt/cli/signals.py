"""Handle Ctrl-C and SIGTERM: the first stops a run after the rows in flight, the second stops it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from fiqx_trt.cli.console import say
from fiqx_trt.errors import reraise_interruption

__all__ = ["Stop", "Terminated", "exit_code", "stop_on_signals", "terminable"]

EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143  # 128 and the signal's number, as shells have it


class Terminated(KeyboardInterrupt):
    """Raised on SIGTERM."""


class Stop:
    """The request to stop a run, and the signal that made it."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self.signal is not None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note the first signal; raise KeyboardInterrupt on the second."""
        if self.signal is not None:
            raise _error(number)
        self.signal = number
        say("stopping after the rows in flight; once more stops at once")


def exit_code(cause: KeyboardInterrupt | Stop) -> int:
    """Return the exit status of a command that a signal ended."""
    terminated = isinstance(cause, Terminated) or getattr(cause, "signal", None) == signal.SIGTERM
    return EXIT_TERMINATED if terminated else EXIT_INTERRUPTED


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Yield the request to stop, which the first Ctrl-C or SIGTERM makes."""
    stop = Stop()
    with _handling(signal.SIGINT, stop.handle), _handling(signal.SIGTERM, stop.handle):
        yield stop


@contextmanager
def terminable() -> Iterator[None]:
    """Raise :class:`Terminated` on SIGTERM, so that temporary files are removed and a message is printed.

    A signal that an error hides is raised in its place.
    """
    with _handling(signal.SIGTERM, _terminate):
        try:
            yield
        except Exception as error:
            reraise_interruption(error)
            raise


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _error(number)


def _error(number: int) -> KeyboardInterrupt:
    return Terminated() if number == signal.SIGTERM else KeyboardInterrupt()


@contextmanager
def _handling(number: int, handler: object) -> Iterator[None]:
    with ExitStack() as stack:
        ours = threading.current_thread() is threading.main_thread()
        if ours and signal.getsignal(number) is not signal.SIG_IGN:
            stack.callback(signal.signal, number, signal.signal(number, handler))  # type: ignore[arg-type]
        yield
