"""Serialise native code: one thread at a time, in the process that opened the object, and not during program exit."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections import Counter
from collections.abc import Iterator
from typing import NoReturn

from fiqx_trt.errors import InferenceError, InvalidInputError

__all__ = ["Turns", "before_the_end", "refuse_pickling"]

LONGEST_WAIT = 60.0
"""Seconds that the end of the program waits for a native run; a device that hangs must not keep it for ever."""


class Turns:
    """The lock of one native object, which messages call `what`."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.RLock()
        self._process = os.getpid()

    @property
    def foreign(self) -> bool:
        """Whether this process is a fork of the one that opened the object."""
        return os.getpid() != self._process

    @contextlib.contextmanager
    def take(self) -> Iterator[None]:
        """Lock the object; other threads wait.

        Raises
        ------
        InferenceError
            This process is a fork: the object's threads exist only in the parent, and the call would wait for ever.
        """
        if self.foreign:
            raise InferenceError(
                f"this {self._what} was opened in process {self._process} and does not work in a fork of it. Start workers "
                "with multiprocessing.get_context('spawn') and open the model in each of them"
            )
        with before_the_end(), self._lock:
            yield


@contextlib.contextmanager
def before_the_end() -> Iterator[None]:
    """Run native code: the program does not exit meanwhile, and a daemon thread that starts during exit waits here."""
    _the_end.enter()
    try:
        yield
    finally:
        _the_end.leave()


def refuse_pickling(what: str) -> NoReturn:
    """Raise InvalidInputError: an open native object cannot be sent to another process; the message says what to send."""
    raise InvalidInputError(
        f"{what} cannot be pickled or copied: it holds memory and threads of this process. Send the model's name or path, "
        "and open it in each worker with fiqx_trt.load_model"
    )


class _End:
    """Starts no native run while the interpreter exits, and waits for those that run.

    A daemon thread is stopped where it takes the interpreter's lock. Where that happens below C++, in a backend's return, the
    process would abort.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self._change = threading.Condition()
        self._runs: Counter[int] = Counter()  # per thread, one within the other
        self._ending = False

    def enter(self) -> None:
        own = threading.get_ident()
        with self._change:
            while self._ending and not self._runs[own] and own != threading.main_thread().ident:
                self._change.wait()  # until the process is gone
            self._runs[own] += 1

    def leave(self) -> None:
        own = threading.get_ident()
        with self._change:
            self._runs[own] -= 1
            if not self._runs[own]:
                del self._runs[own]
                self._change.notify_all()

    def come(self) -> None:
        with self._change:
            self._ending = True
            self._change.wait_for(lambda: not +self._runs, LONGEST_WAIT)


_the_end = _End()
atexit.register(_the_end.come)
os.register_at_fork(after_in_child=_the_end.begin)
