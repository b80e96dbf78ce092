"""What is kept between runs and can be made again: converted models, tuned settings, engines.

``FIQX_CACHE_DIR`` names the folder; otherwise it is ``fiqx_trt`` below ``XDG_CACHE_HOME`` or ``~/.cache``, and where none
of these can be used one below the system's temporary folder. It may be deleted at any time.

What lies there decides scores, so it is believed only where nobody else can have put it there: each part is a folder of
this user (or the superuser) that no other may write, and no link. Each file has its SHA-256 beside it, and what a reader
gets is the very bytes that were hashed. Whatever does not fit is made again; where nothing can be kept, what was made is
used from memory.
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

#: What is added to a file's name for the file of its hash, in the format of ``sha256sum``.
HASH_SUFFIX = ".sha256"
_NO_HASH = "it has no hash file"


def cache_dir(part: str) -> Path | None:
    """Return the folder of one part of the cache, made when it is missing.

    Parameters
    ----------
    part
        Name of the part: ``"models"``, ``"runtime"`` …

    Returns
    -------
    Path or None
        A folder of this user that nobody else may write. Where the user's cache is none, one below the system's
        temporary folder; where that is none either, None. What is not as usual is logged as one warning.
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
    told = reasons[0] if reasons else "no folder for the cache is known (no home, no temporary folder)"
    _warn(f"{told}; nothing is kept between runs. Set FIQX_CACHE_DIR to a folder of your own")
    return None


class Cache:
    """One folder of the cache: bytes by name, each with its hash beside it.

    Parameters
    ----------
    folder
        A folder from :func:`cache_dir`; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return the content of a name, made and kept where it is not there or not to be believed."""
        data = self.read(name)
        if data is None:
            data = make()
            self.write(name, data)
        return data

    def read(self, name: str) -> bytes | None:
        """Return the content of a name as it was written; None where there is none, or none to be believed."""
        if self.folder is None:
            return None
        data, reason = _checked(self.folder / name)
        if reason:  # perhaps another process has written the content and not yet its hash
            with _locked(self.folder, fcntl.LOCK_SH):
                data, reason = _checked(self.folder / name)
        if reason == _NO_HASH:  # by an earlier version, or its writer was killed
            logger.info("the cached file %s is made again (%s)", self.folder / name, reason)
        elif reason:
            _warn(f"the cached file {self.folder / name} is not used and made again ({reason})")
        return data

    def write(self, name: str, data: bytes) -> bool:
        """Keep a content; return whether that worked, and log one warning where it did not."""
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
    """Return a file's content and ``""``, or None and why it is not to be believed (``""``: it is not there)."""
    try:
        data = read_private(file)
        told = read_private(_hash_file(file)).decode("utf-8", "replace")
    except FileNotFoundError as error:
        return None, _NO_HASH if str(error.filename).endswith(HASH_SUFFIX) else ""
    except OSError as error:
        return None, error.strerror or str(error)
    if told != f"{hashlib.sha256(data).hexdigest()}  {file.name}\n":
        return None, "its content is not what was written"
    return data, ""


@contextlib.contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    """Hold a folder, so that a content and its hash belong together; file systems without locks do without."""
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
