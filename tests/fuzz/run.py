"""Fuzz every reader for a while: ``python -m fuzz.run [--seconds N] [--seed N] [TARGET …]``, from the folder tests.

A reader may return a result or raise a FiqxError, within a time and a memory bound. Everything else is told with the input,
which is kept in the folder of ``--keep``; it becomes an example in ``tests/fuzz/test_examples.py``.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

from fiqx_trt.errors import FiqxError
from fuzz.mutate import mutate
from fuzz.targets import TARGETS, Target

#: Seconds that a reader may take over a small file, and bytes by which the process may grow.
SLOWEST, LARGEST = 5.0, 512 << 20


class TooSlow(BaseException):
    """The time is over."""


def attempt(target: Target, path: Path, data: bytes) -> str | None:
    """Let a reader read some bytes; return what it did that it must not, or None."""
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.setitimer(signal.ITIMER_REAL, SLOWEST)
    try:
        target.read(path)
    except FiqxError:
        pass
    except TooSlow:
        return f"took more than {SLOWEST} s"
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]} ({Path(where.filename).name}:{where.lineno})"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    return f"grew by {grown >> 20} MB" if grown > LARGEST else None


def _slow(number: int, frame: object) -> None:
    raise TooSlow


def fuzz(name: str, seconds: float, seed: int, folder: Path, fault: Callable[[str, bytes], None]) -> int:
    """Mutate the seeds of a target until the time is over; return how many inputs that were."""
    target, draw = TARGETS[name], random.Random(f"{seed} {name}")
    seeds = list(target.seeds())
    path, seen, count = folder / f"input{target.suffix}", set(), 0
    signal.signal(signal.SIGALRM, _slow)
    for data in seeds:
        attempt(target, path, data)  # imports come with the first call
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutate(draw, draw.choice(seeds))
        told = attempt(target, path, data)
        count += 1
        if told is not None and (kind := told.split(":")[0] + told[-30:]) not in seen:
            seen.add(kind)
            fault(told, data)
    return count


def _in_child(name: str, seconds: float, seed: int, keep: Path) -> bool:
    """Fuzz a target in a process of its own, which may die; return whether all was well."""
    memory = Path("/dev/shm")  # many times as fast as a disk
    with tempfile.TemporaryDirectory(prefix="fiqx-fuzz-", dir=memory if memory.is_dir() else None) as scratch:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os._exit(_child(name, seconds, seed, Path(scratch), keep))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status < 0:
            last = next(Path(scratch).glob("input*"))
            kept = keep / f"{name.replace(' ', '-')}-killed{last.suffix}"
            kept.write_bytes(last.read_bytes())
            print(f"{name}: killed by signal {-status}; input in {kept}")
        return status == 0


def _child(name: str, seconds: float, seed: int, scratch: Path, keep: Path) -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # lines of the libraries below
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    faults = 0

    def fault(told: str, data: bytes) -> None:
        nonlocal faults
        faults += 1
        kept = keep / f"{name.replace(' ', '-')}-{faults}{TARGETS[name].suffix}"
        kept.write_bytes(data)
        print(f"{name}: {told}; input in {kept}", flush=True)

    try:
        count = fuzz(name, seconds, seed, scratch, fault)
    except BaseException:
        print(f"{name}: {traceback.format_exc()}", flush=True)
        return 2
    print(f"{name}: {count} inputs, {faults} kinds of fault", flush=True)
    return 1 if faults else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all of them together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "fiqx-fuzz-faults")
    given = parser.parse_args()
    names = given.targets or list(TARGETS)
    if unknown := sorted(set(names) - set(TARGETS)):
        parser.error(f"no target is called {', '.join(unknown)}")
    given.keep.mkdir(parents=True, exist_ok=True)
    well = [_in_child(name, given.seconds / len(names), given.seed, given.keep) for name in names]
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
