"""Models in object stores: a copy in the cache, made once for each state of the object."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from pathlib import Path

from fiqx_trt.cache import cache_dir
from fiqx_trt.errors import ModelError, OutputError
from fiqx_trt.faces.storage import is_url, open_url, url_version
from fiqx_trt.files import replacing
from fiqx_trt.models.spec import sidecar_path

__all__ = ["refuse_stored", "stored_model"]


def stored_model(url: str) -> Path:
    """Return a local copy of a model in an object store; the sidecar beside it is copied too.

    The graph has to be one object: external data is not fetched.

    Raises
    ------
    ModelError
        There is no such object, or no folder to keep the copy in.
    StorageError, SourceError
        The store cannot be reached, or the scheme is unknown.
    """
    name = Path(url.rpartition("/")[2]).name
    version = url_version(url)
    if version is None or not name:
        raise ModelError(f"no model {url!r}: there is no such object")
    beside = f"{url.rpartition('/')[0]}/{sidecar_path(Path(name)).name}"
    described = url_version(beside)
    folder = cache_dir("stored")
    if folder is None:
        raise ModelError(
            f"the model {url} cannot be kept on this machine; set FIQX_CACHE_DIR to a folder of your own"
        )
    key = hashlib.sha256(repr((url, version, described)).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    copy = folder / key / name
    if not copy.is_file():
        with tempfile.TemporaryDirectory(dir=folder) as made:
            _fetch(url, Path(made, key, name))
            if described is not None:
                _fetch(beside, sidecar_path(Path(made, key, name)))
            with contextlib.suppress(OSError):  # another process has put it there meanwhile
                Path(made, key).rename(folder / key)
    return copy


def refuse_stored(model: str | Path) -> None:
    """Raise OutputError where a sidecar would be written beside a model in an object store."""
    if is_url(str(model)):
        raise OutputError(
            f"{model} is in an object store, where no sidecar is written; download it, write the sidecar, and upload both"
        )


def _fetch(url: str, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    try:
        with open_url(url, ahead=True) as stream, replacing(path) as file:
            shutil.copyfileobj(stream, file, 1 << 20)
    except FileNotFoundError as error:
        raise ModelError(f"{url} was removed while it was fetched") from error
