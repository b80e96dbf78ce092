"""Built engines, kept between runs.

A plan is executable code. It is loaded only where its side-car file, written by this program beside it, holds its
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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fiqx_trt.cache import cache_dir, write_atomic

__all__ = ["EngineCache", "Entry", "key_of"]

logger = logging.getLogger(__name__)

PROGRAM, FORMAT = "fiqx_trt", 1
_OTHERS_WRITE = 0o022
_SUFFIXES = (".plan", ".json", ".lock", ".timings")


@dataclass(frozen=True)
class Entry:
    """One engine in the cache: its key, size, and what its side-car tells (empty where it is unreadable)."""

    key: str
    nbytes: int
    about: Mapping[str, Any]


def key_of(parts: Mapping[str, object]) -> str:
    """Return the key of everything that an engine depends on."""
    text = json.dumps({name: str(value) for name, value in parts.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class EngineCache:
    """The folder of engines.

    Parameters
    ----------
    folder
        Where; None for ``engines`` in the package's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = cache_dir("engines") if folder is None else folder

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold a key, so that of several processes one builds and the others then load."""
        with (self.folder / f"{key}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # released when the file closes, and when the process dies
            yield

    def load(self, key: str) -> bytes | None:
        """Return a plan that this program wrote, whole; None for any other, and the log says why."""
        plan, sidecar = self._files(key)
        if not plan.exists() and not sidecar.exists():
            return None
        try:
            reason = _foreign(plan) or _foreign(sidecar)
            content = b"" if reason else plan.read_bytes()
            reason = reason or _mismatch(json.loads(sidecar.read_bytes()), key, content)
        except (OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
        if reason:
            logger.warning("the cached engine %s is not used (%s) and built again", plan, reason)
            return None
        return content

    def store(self, key: str, plan: bytes, about: Mapping[str, object]) -> None:
        """Keep a plan; a folder that cannot be written is a warning, not an error."""
        file, sidecar = self._files(key)
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
            write_atomic(file, plan)
            write_atomic(sidecar, json.dumps(content, indent=1).encode())
        except OSError as error:
            logger.warning("the engine is not kept and will be built again next time: %s", error)

    def discard(self, key: str) -> None:
        """Forget a plan."""
        for file in self._files(key):
            file.unlink(missing_ok=True)

    def timings(self, key: str) -> bytes | None:
        """Return the timing cache kept under a key, if any."""
        try:
            return (self.folder / f"{key}.timings").read_bytes()
        except OSError:
            return None

    def store_timings(self, key: str, timings: bytes) -> None:
        """Keep a timing cache: the next engine of this card and version is built faster."""
        try:
            write_atomic(self.folder / f"{key}.timings", timings)
        except OSError as error:
            logger.warning("the timing cache is not kept: %s", error)

    def entries(self) -> list[Entry]:
        """Return the engines, by label, precision and batch."""
        found = []
        for plan in self.folder.glob("*.plan"):
            about: Mapping[str, Any] = {}
            with contextlib.suppress(OSError, ValueError):
                read = json.loads(self._files(plan.stem)[1].read_bytes())
                about = read if isinstance(read, dict) else {}
            found.append(Entry(plan.stem, plan.stat().st_size, about))
        return sorted(found, key=lambda e: [str(e.about.get(n, "")) for n in ("label", "precision", "batch")])

    def clear(self) -> tuple[int, int]:
        """Delete all of it; return how many engines that were, and how many bytes."""
        engines = self.entries()
        for file in self.folder.iterdir():
            if file.suffix in _SUFFIXES:
                file.unlink(missing_ok=True)
        return len(engines), sum(entry.nbytes for entry in engines)

    def _files(self, key: str) -> tuple[Path, Path]:
        return self.folder / f"{key}.plan", self.folder / f"{key}.json"


def _foreign(file: Path) -> str | None:
    status = file.lstat()
    if (
        status.st_uid != os.getuid()
        or status.st_mode & _OTHERS_WRITE
        or not file.is_file()
        or file.is_symlink()
    ):
        return f"{file.name} does not belong to this user alone"
    return None


def _mismatch(sidecar: Any, key: str, content: bytes) -> str | None:
    if not isinstance(sidecar, dict) or sidecar.get("program") != PROGRAM or sidecar.get("format") != FORMAT:
        return "its side-car file is not of this program"
    if sidecar.get("key") != key:
        return "its side-car file belongs to another engine"
    if sidecar.get("sha256") != hashlib.sha256(content).hexdigest():
        return "its content is not what was written"
    return None
