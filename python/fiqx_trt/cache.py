"""A cache of files that can be made again: converted models, tuned settings, engines.

``FIQX_CACHE_DIR`` is the folder; otherwise it is ``fiqx_trt`` below ``XDG_CACHE_HOME`` or ``~/.cache``, and where none
of these can be used one below the system's temporary folder. It may be deleted at any time.

Cached files determine scores, so they are read only where no other user can have written them: each part is a folder of
this user (or the superuser) that nobody else may write, and no link. Each file has its SHA-256 beside it, and a reader
gets the bytes that were hashed. A file that fails these checks is made again; without a usable folder nothing is kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from fiqx_trt.files import not_private, read_private, write_atomic

__all__ = ["HASH_SUFFIX", "Cache", "cache_dir"]

logger = logging.getLogger(__name__)

#: Suffix of the file with the hash, in the format of ``sha256sum``.
HASH_SUFFIX = ".sha256"
_NO_HASH = "it has no hash file"


def cache_dir(part: str) -> Path | None:
    """Return the folder of one part of the cache (``"models"``, ``"runtime"`` …); it is created if missing.

    The folder belongs to this user, and nobody else may write it. Where the user's cache cannot be used, it is one below the
    system's temporary folder; where that cannot be used either, None. One warning is logged for either.
    """
    reasons: list[str] = []
    for base, shared in ((_user_folder(), False), (_temporary_folder(), True)):
        if base is None:
            continue
        reason = _own(base, part, shared=shared)
        if reason is None:
            if reasons:
                _warn(f"{reasons[0]}; {base} is used. Set FIQX_CACHE_DIR to choose a folder")
            return base / part
        reasons.append(f"the cache folder {base / part} cannot be used ({reason})")
    reason = reasons[0] if reasons else "no folder for the cache is known (no home, no temporary folder)"
    _warn(f"{reason}; nothing is kept between runs. Set FIQX_CACHE_DIR to a folder of your own")
    return None


class Cache:
    """One folder of the cache, from :func:`cache_dir`: bytes by name, each with its hash. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return the content of a name; make and keep it where it is missing or fails the checks."""
        data = self.read(name)
        if data is None:
            data = make()
            self.write(name, data)
        return data

    def read(self, name: str) -> bytes | None:
        """Return the content of a name as it was written; None where it is missing or fails the checks."""
        if self.folder is None:
            return None
        data, reason = _checked(self.folder / name)
        if reason:  # another process may have written the content and not yet its hash
            with _locked(self.folder, fcntl.LOCK_SH):
                data, reason = _checked(self.folder / name)
        if reason == _NO_HASH:  # by an earlier version, or its writer was killed
            logger.info("the cached file %s is made again (%s)", self.folder / name, reason)
        elif reason:
            _warn(f"the cached file {self.folder / name} is not used and made again ({reason})")
        return data

    def write(self, name: str, data: bytes) -> bool:
        """Keep a content; return whether that succeeded, and log one warning where it did not."""
        if self.folder is None:
            return False
        file = self.folder / name
        line = f"{hashlib.sha256(data).hexdigest()}  {name}\n"
        try:
            with _locked(self.folder, fcntl.LOCK_EX):
                write_atomic(file, data, private=True)
                write_atomic(_hash_file(file), line.encode(), private=True)
        except OSError as error:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
            _warn(
                f"{name} cannot be kept in {self.folder} ({error.strerror or error}); it is used from memory and made again"
                " in the next run. Make room there, or set FIQX_CACHE_DIR to another folder"
            )
            return False
        return True


def _hash_file(file: Path) -> Path:
    return file.with_name(file.name + HASH_SUFFIX)


def _checked(file: Path) -> tuple[bytes | None, str]:
    """Return a file's content and ``""``, or None and the failed check (``""``: the file does not exist)."""
    try:
        data = read_private(file)
        hash_line = read_private(_hash_file(file)).decode("utf-8", "replace")
    except FileNotFoundError as error:
        return None, _NO_HASH if str(error.filename).endswith(HASH_SUFFIX) else ""
    except OSError as error:
        return None, error.strerror or str(error)
    if hash_line != f"{hashlib.sha256(data).hexdigest()}  {file.name}\n":
        return None, "its content is not what was written"
    return data, ""


@contextlib.contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """Lock a folder, so that a content and its hash are written together; file systems without locks are used without one."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, fd)
            fcntl.flock(fd, how)
        yield


def _user_folder() -> Path | None:
    named = os.environ.get("FIQX_CACHE_DIR")
    if named:
        return Path(os.path.realpath(named))
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):  # noqa: PTH117 -- an environment variable, by the specification absolute or ignored
        return Path(os.path.realpath(base)) / "fiqx_trt"
    try:
        return Path(os.path.realpath(Path.home())) / ".cache" / "fiqx_trt"
    except RuntimeError:  # no HOME, and nobody of that number in the list of users
        return None


def _temporary_folder() -> Path | None:
    try:
        return Path(os.path.realpath(tempfile.gettempdir())) / f"fiqx_trt-{os.geteuid()}"
    except OSError:
        return None


def _own(base: Path, part: str, *, shared: bool) -> str | None:
    """Make the folder of a part where it is missing; return why it cannot be used, or None.

    Below a folder that all users `shared`, another one may have made the base beforehand.
    """
    folder = base / part
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = _foreign(base) if shared else None
        if reason is None:
            folder.mkdir(mode=0o700, exist_ok=True)
            reason = _foreign(folder)
    except OSError as error:
        return error.strerror or str(error)
    return reason


def _foreign(folder: Path) -> str | None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return "it is a link" if stat.S_ISLNK(status.st_mode) else "it is no folder"
    reason = not_private(status)
    return f"{reason}; make it yours with chown and chmod go-w" if reason else None


@functools.cache
def _warn(text: str) -> None:
    logger.warning("%s", text)
