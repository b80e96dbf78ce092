"""Progress of a run in parts: a bar over its units on a terminal, otherwise a line every ten seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fiqx_trt.cli.console import say

if TYPE_CHECKING:
    from fiqx_trt.distributed.driver import Standing

__all__ = ["open_unit_progress", "standing_line"]

EVERY_SECONDS = 10.0


@contextmanager
def open_unit_progress(*, quiet: bool) -> Iterator[Callable[[Standing], None]]:
    """Show how far a run is; nothing when quiet."""
    if quiet:
        yield lambda standing: None
    elif sys.stderr.isatty():
        with _bar() as bar:
            yield bar
    else:
        yield _lines()


def standing_line(standing: Standing, seconds: float) -> str:
    """Return one line about how far a run is after some seconds.

    Examples
    --------
    >>> from fiqx_trt.distributed.driver import Standing
    >>> standing_line(Standing(made=5, units=20, images=1000, failed=3, workers=2), 10.0)
    '5 of 20 units, 1000 images, 100.0 images/s, 3 failed, 2 workers, 30 s left'
    """
    known = standing.units is not None
    of = f" of {standing.units}" if known else ""
    left = (standing.units or 0) - standing.made
    rest = f", {left * seconds / standing.made:.0f} s left" if known and standing.made else ""
    rate = standing.images / max(seconds, 1e-9)
    workers = f"{standing.workers} worker{'' if standing.workers == 1 else 's'}"
    return f"{standing.made}{of} units, {standing.images} images, {rate:.1f} images/s, {standing.failed} failed, {workers}{rest}"


def _lines() -> Callable[[Standing], None]:
    start = last = time.monotonic()

    def tell(standing: Standing) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= EVERY_SECONDS:
            last = now
            say(standing_line(standing, now - start))

    return tell


@contextmanager
def _bar() -> Iterator[Callable[[Standing], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    start = time.monotonic()
    with RichProgress(
        BarColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task("", total=None)

        def update(standing: Standing) -> None:
            text = standing_line(standing, time.monotonic() - start)
            progress.update(task, completed=standing.made, total=standing.units, description=text)

        yield update
