"""One graph in several sessions of one thread each: threads that call it side by side do not wait for each other.

For networks so small that dividing one run over several threads gains less than running one picture on each.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from fiqx_trt.runtime.base import Array, Feeds, Session

__all__ = ["Lanes"]


class Lanes:
    """Sessions of one graph, opened as they are needed.

    Parameters
    ----------
    open_one
        Opens a session; every one gives the same bits.
    most
        How many may be open; further callers wait for one to be free. One alone is opened on a device other than the
        processor.

    Raises
    ------
    FiqxError
        What `open_one` raises, for the first session.
    """

    def __init__(self, open_one: Callable[[], Session], most: int) -> None:
        self._open_one = open_one
        self._first = open_one()
        self._sessions = [self._first]
        self._free = [self._first]
        self._left = most - 1 if self._first.device == "cpu" else 0
        self._changed = threading.Condition()
        self._process = os.getpid()

    def run(self, feeds: Feeds) -> dict[str, Array]:
        """Run the graph in a session that is free; see :meth:`Session.run`."""
        if os.getpid() != self._process:  # a lock held while the process was forked is held for ever
            return self._first.run(feeds)  # refuses, and says why
        session = self._take()
        try:
            return session.run(feeds)
        finally:
            with self._changed:
                self._free.append(session)
                self._changed.notify()

    def close(self) -> None:
        """Close every session; a second call does nothing, nor does one in a fork."""
        if os.getpid() != self._process:
            return
        with self._changed:
            self._left = 0
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    def _take(self) -> Session:
        with self._changed:
            while not self._free and not self._left:
                self._changed.wait()
            if self._free:
                return self._free.pop()
            self._left -= 1
        try:
            session = self._open_one()
        except BaseException:
            with self._changed:
                self._left += 1
                self._changed.notify()
            raise
        with self._changed:
            self._sessions.append(session)
        return session
