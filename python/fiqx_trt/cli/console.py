"""Messages, tables and progress of the commands. Tables go to standard output, everything else to standard error."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer

from fiqx_trt.runs.progress import Progress
from fiqx_trt.text import printable

__all__ = ["complain", "configure_logging", "open_progress", "say", "table", "tell", "warnings_shown"]


def say(text: str) -> None:
    """Print one line to standard error; control characters are written as escapes."""
    typer.echo(printable(text), err=True)


def tell(text: str) -> None:
    """Print lines to standard output; control characters are written as escapes."""
    for line in text.split("\n"):
        typer.echo(printable(line))


def complain(text: str) -> None:
    """Print one line to standard error that begins with ``error:``; line breaks become blanks."""
    say(f"error: {_one_line(text)}")


def _one_line(text: str) -> str:
    return " ".join(part for part in re.split(r"[ \t\r\n]+", text) if part)


def table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, whole_names: bool = False
) -> None:
    """Print a small table to standard output; with `whole_names` its first column is never broken."""
    from rich.console import Console
    from rich.table import Table

    grid = Table(title=printable(title) or None, title_justify="left", show_edge=False, pad_edge=False)
    for index, name in enumerate(header):
        grid.add_column(printable(name), overflow="fold", no_wrap=whole_names and index == 0)
    for row in rows:
        grid.add_row(*map(printable, row))
    soft = not sys.stdout.isatty()
    # A name may read like markup, [red], or like an emoji, :boom:.
    Console(file=sys.stdout, soft_wrap=soft, markup=False, emoji=False, highlight=False).print(grid)


class _LineHandler(logging.Handler):
    """Print warnings of the library, one line each, the same text only once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._shown: set[str] = set()
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = printable(_one_line(record.getMessage()))
        if text in self._shown:
            return
        self._shown.add(text)
        if getattr(record, "notice", False):  # a message that is no warning
            say(text)
            return
        if record.levelno >= logging.WARNING:
            self.warnings.append(text)
        say(f"{record.levelname.lower()}: {text}")


def configure_logging() -> None:
    """Print the library's warnings; with ``FIQX_DEBUG`` set, print all its messages."""
    logger = logging.getLogger("fiqx_trt")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    handler = _LineHandler()
    logger.addHandler(handler)
    logger.propagate = False
    logging.captureWarnings(True)  # warnings of other libraries are printed the same way
    others = logging.getLogger("py.warnings")
    others.handlers, others.propagate = [handler], False
    if os.environ.get("FIQX_DEBUG"):
        handler.setLevel(logging.DEBUG)
        logger.setLevel(logging.DEBUG)


def warnings_shown() -> Sequence[str]:
    """Return the library's warnings that were printed; the list grows with later ones."""
    handlers = logging.getLogger("fiqx_trt").handlers
    return next((handler.warnings for handler in handlers if isinstance(handler, _LineHandler)), ())


@contextmanager
def open_progress(total: int | None, *, quiet: bool) -> Iterator[Progress]:
    """Show progress: a bar on a terminal, otherwise a line every ten seconds, nothing when quiet.

    Parameters
    ----------
    total
        Number of inputs; ``None`` if it is not known.
    quiet
        Whether to show nothing.
    """
    if quiet:
        yield lambda *, done, failed: None
    elif sys.stderr.isatty():
        with _bar(total) as bar:
            yield bar
    else:
        yield _PlainLines(total)


class _PlainLines:
    """A line every ten seconds."""

    EVERY_SECONDS = 10.0

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._start = self._last = time.monotonic()

    def __call__(self, *, done: int, failed: int) -> None:
        now = time.monotonic()
        if now - self._last < self.EVERY_SECONDS:
            return
        self._last = now
        rate = done / (now - self._start)
        of = f" of {self._total}" if self._total is not None else ""
        left = f", {(self._total - done) / rate:.0f} s left" if self._total is not None and rate > 0 else ""
        say(f"{done}{of} images, {rate:.1f} images/s, {failed} failed{left}")


@contextmanager
def _bar(total: int | None) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} images/s"),
        TextColumn("{task.fields[failed]} failed"),
        TimeRemainingColumn(),
    )
    start = time.monotonic()
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total, rate="–", failed=0)

        def update(*, done: int, failed: int) -> None:
            rate = done / max(1e-9, time.monotonic() - start)
            progress.update(task, completed=done, rate=f"{rate:.1f}", failed=failed)

        yield update
