"""The cache of built engines.

A plan is executable code. It is loaded only where its side-car file, written by this program beside it, has its
SHA-256 and its key, and where both files belong to this user and nobody else may write them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fiqx_trt.cache import Cache, cache_dir
from fiqx_trt.files import read_private, write_atomic

__all__ = ["CachedEngine", "EngineCache", "key_of"]

logger = logging.getLogger(__name__)

PROGRAM, FORMAT = "fiqx_trt", 1
_SUFFIXES = (".plan", ".json", ".lock", ".timings", ".npz", ".sha256")


@dataclass(frozen=True)
class CachedEngine:
    """One engine in the cache: its key, size, and the content of its side-car (empty where it is unreadable)."""

    key: str
    nbytes: int
    about: Mapping[str, Any]


def key_of(parts: Mapping[str, object]) -> str:
    """Return the key of everything that an engine depends on."""
    text = json.dumps({name: str(value) for name, value in parts.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class EngineCache:
    """The folder of engines: the given one, or ``engines`` in the package's cache; without either nothing is kept."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = cache_dir("engines") if folder is None else folder
        self._kept = Cache(self.folder)

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Lock a key, so that one of several processes builds an engine and the others load it."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):  # a folder that cannot be written: each builds its own
                file = stack.enter_context(self._files(key)[2].open("a"))
                fcntl.flock(file, fcntl.LOCK_EX)  # released when the file closes, and when the process dies
            yield

    def load(self, key: str) -> bytes | None:
        """Return a complete plan that this program wrote; None and a log entry for any other."""
        plan, sidecar, _ = self._files(key)
        if self.folder is None or not (plan.exists() or sidecar.exists()):
            return None
        content = b""
        try:
            content = read_private(plan)
            reason = _mismatch(json.loads(read_private(sidecar)), key, content)
        except OSError as error:
            reason = f"{error.filename}: {error.strerror}"
        except (ValueError, RecursionError) as error:
            reason = str(error) or type(error).__name__
        if reason:
            logger.warning("the cached engine %s is not used (%s) and built again", plan, reason)
            return None
        return content

    def store(self, key: str, plan: bytes, about: Mapping[str, object]) -> None:
        """Keep a plan; a folder that cannot be written is a warning, not an error."""
        if self.folder is None:
            return
        file, sidecar, _ = self._files(key)
        content = {
            "program": PROGRAM,
            "format": FORMAT,
            "key": key,
            "sha256": hashlib.sha256(plan).hexdigest(),
            "nbytes": len(plan),
            "built": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            **{
                name: value if isinstance(value, (int, float)) else str(value)
                for name, value in about.items()
            },
        }
        try:
            sidecar.unlink(missing_ok=True)  # a plan is never beside the side-car of another
            write_atomic(file, plan, private=True)
            write_atomic(sidecar, json.dumps(content, indent=1).encode(), private=True)
        except OSError as error:
            logger.warning("the engine is not kept and will be built again next time: %s", error)

    def discard(self, key: str) -> None:
        """Delete a plan."""
        for file in self._files(key)[:2]:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)

    def timings(self, key: str) -> bytes | None:
        """Return the timing cache kept under a key, if any."""
        return self._kept.read(f"{key}.timings")

    def store_timings(self, key: str, timings: bytes) -> None:
        """Keep a timing cache, so that the next engine of this card and version is built faster."""
        self._kept.write(f"{key}.timings", timings)

    def results(self, key: str, make: Callable[[], bytes]) -> bytes:
        """Return the reference results of a self-test, from the cache or computed now."""
        return self._kept.get(f"{key}.npz", make)

    def entries(self) -> list[CachedEngine]:
        """Return the engines, by label, precision and batch."""
        engines = []
        for plan in [] if self.folder is None else self.folder.glob("*.plan"):
            about: Mapping[str, Any] = {}
            with contextlib.suppress(OSError, ValueError, RecursionError):
                read = json.loads(read_private(self._files(plan.stem)[1]))
                about = read if isinstance(read, dict) else {}
            engines.append(CachedEngine(plan.stem, plan.stat().st_size, about))
        return sorted(
            engines, key=lambda e: [str(e.about.get(n, "")) for n in ("label", "precision", "batch")]
        )

    def clear(self) -> tuple[int, int]:
        """Delete everything; return the number of engines and their bytes."""
        engines = self.entries()
        for file in [] if self.folder is None else self.folder.iterdir():
            if file.suffix in _SUFFIXES:
                file.unlink(missing_ok=True)
        return len(engines), sum(entry.nbytes for entry in engines)

    def _files(self, key: str) -> tuple[Path, Path, Path]:
        """Return the files of a key: plan, side-car and lock."""
        folder = self.folder or Path(os.devnull)
        return folder / f"{key}.plan", folder / f"{key}.json", folder / f"{key}.lock"


def _mismatch(sidecar: Any, key: str, content: bytes) -> str | None:
    if not isinstance(sidecar, dict) or sidecar.get("program") != PROGRAM or sidecar.get("format") != FORMAT:
        return "its side-car file is not of this program"
    if sidecar.get("key") != key:
        return "its side-car file belongs to another engine"
    if sidecar.get("sha256") != hashlib.sha256(content).hexdigest():
        return "its content is not what was written"
    return None
