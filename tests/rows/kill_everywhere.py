"""Kill a run at every system call that changes a file, resume it each time, and compare the bytes.

Run as a program (``kill_everywhere.py SUFFIX MODE FOLDER``), because it forks. Exits with 1 and a message if
a result differs. MODE: ``new`` (nothing there before), ``overwrite`` or ``retry`` (a complete table is).
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from rows.tables import GROUPS, REPAIRED, run

CALLS = ("open", "write", "ftruncate", "fsync", "replace", "unlink")


def kill_at(number: int) -> None:
    """Make the `number`-th call the last; a write gets half of its bytes done."""
    seen = 0

    def guard(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **options: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == number:
                if name == "write":
                    call(args[0], bytes(args[1])[: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **options)

        return guarded

    for name in CALLS:
        setattr(os, name, guard(name, getattr(os, name)))


def in_child(action: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def prepare(out: Path, whole: Path | None) -> None:
    """Begin with an empty folder, or with the complete table `whole` in it."""
    shutil.rmtree(out.parent, ignore_errors=True)
    out.parent.mkdir(parents=True)
    for name in ("", ".meta.json") if whole else ():
        shutil.copy(f"{whole}{name}", f"{out}{name}")


def has_begun(out: Path, mode: str, wanted: bytes) -> bool:
    """Say whether the killed run left a trace; before that, a resume finds the old table complete."""
    record = out.with_name(out.name + ".partial.meta.json")
    return mode == "new" or record.exists() or out.read_bytes() == wanted


def check(number: int, out: Path, mode: Any, wanted: bytes, whole: Path | None) -> str | None:
    """Kill the run at the `number`-th call, resume it, say what went wrong; None if it was not killed."""
    groups = GROUPS if mode == "new" else REPAIRED

    def work() -> None:
        kill_at(number)
        run(out, mode=mode, groups=groups)

    prepare(out, whole)
    before = None if mode == "new" else out.read_bytes()
    status = in_child(work)
    if out.exists() and out.read_bytes() not in (before, wanted):
        return "the output is neither the old nor the new table"
    if status == 0:
        return None
    if os.WTERMSIG(status) != signal.SIGKILL:
        return "the run failed by itself"
    begun = has_begun(out, mode, wanted)
    again: Any = "retry" if mode == "retry" and not begun else "resume"
    if in_child(lambda: run(out, mode=again, groups=groups)):
        return "resume failed"
    if out.read_bytes() != (wanted if begun or mode == "retry" else before):
        return "the resumed table differs"
    left = sorted(path.name for path in out.parent.iterdir())
    return "" if left == [out.name, out.name + ".meta.json"] else f"files left over: {left}"


def main(suffix: str, mode: str, folder: Path) -> str:
    if suffix == ".parquet":
        import fiqx_trt.rows.parquet  # noqa: F401  (once, not in each child)
    wanted, whole = folder / f"wanted{suffix}", None if mode == "new" else folder / f"whole{suffix}"
    if in_child(lambda: run(wanted, groups=GROUPS if mode == "new" else REPAIRED)):
        return "the whole run failed"
    if whole and in_child(lambda: run(whole)):
        return "cannot prepare"
    for number in count(1):
        wrong = check(number, folder / "run" / f"s{suffix}", mode, wanted.read_bytes(), whole)
        if wrong:
            return f"killed at call {number}: {wrong}"
        if wrong is None:
            return "" if number > 15 else f"only {number} calls"
    return ""


if __name__ == "__main__":
    message = main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    print(message)
    sys.exit(bool(message))
