"""The folder where converted models, tuned settings and engines are kept between runs.

``FIQX_CACHE_DIR`` names it; otherwise it is ``fiqx_trt`` below ``XDG_CACHE_HOME`` or ``~/.cache``. Everything in it can
be made again, so it may be deleted at any time.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

__all__ = ["cache_dir", "write_atomic"]

logger = logging.getLogger(__name__)


def cache_dir(part: str) -> Path:
    """Return the folder of one part of the cache, made when it is missing.

    Parameters
    ----------
    part
        Name of the part: ``"models"``, ``"runtime"`` …

    Returns
    -------
    Path
        An existing folder. Where the user's cache cannot be written, one below the system's temporary folder, and a
        warning is logged.
    """
    base = os.environ.get("FIQX_CACHE_DIR")
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fiqx_trt"
    folder = (Path(base) if base else user) / part
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
        reason = "it is not writable"
    except OSError as error:
        reason = str(error)
    fallback = Path(tempfile.gettempdir()) / f"fiqx_trt-{os.getuid()}" / part
    logger.warning(
        "cannot use the cache folder %s (%s); using %s. Set FIQX_CACHE_DIR to choose one.",
        folder,
        reason,
        fallback,
    )
    fallback.mkdir(parents=True, exist_ok=True)
    return fallback


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part of it.

    Parameters
    ----------
    path
        The file; its folder exists.
    data
        The whole new content.

    Raises
    ------
    OSError
        The file system refuses; nothing is left behind.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 -- the pair of os.fdopen
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
