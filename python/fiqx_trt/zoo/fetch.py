"""Fetch the file of a known model, verify it, keep it, and record the consent that its licence requires."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fiqx_trt.cache import HASH_SUFFIX, Cache, cache_dir
from fiqx_trt.errors import LicenceError, ModelError, ModelUnavailableError
from fiqx_trt.files import read_regular, write_atomic
from fiqx_trt.zoo.sources import Patience, UnavailableError, get
from fiqx_trt.zoo.table import KnownModel

__all__ = ["OFFLINE", "Fetched", "fetch", "is_stored", "stored"]

logger = logging.getLogger(__name__)

#: Set to 1, this environment variable forbids the network.
OFFLINE = "FIQX_OFFLINE"


class Fetched(NamedTuple):
    """The bytes of a model's verified file, and its path, beside which a sidecar can be kept; None where there is no cache."""

    data: bytes
    path: Path | None


def stored(entry: KnownModel) -> Fetched | None:
    """Return a model's verified file if it is in the cache, without network access."""
    cache = Cache(cache_dir("models"))
    data = cache.read(entry.stored_name)
    if data is None or hashlib.sha256(data).hexdigest() != entry.sha256:
        return None
    return Fetched(data, _path(cache, entry))


def is_stored(entry: KnownModel) -> bool:
    """Return whether a model's file is in the cache, by the recorded hash; its bytes are verified when it is opened."""
    path = _path(Cache(cache_dir("models")), entry)
    if path is None or not path.is_file():
        return False
    try:
        return path.with_name(path.name + HASH_SUFFIX).read_text(encoding="utf-8").startswith(entry.sha256)
    except OSError:
        return False


def fetch(
    entry: KnownModel,
    *,
    accept_licence: bool = False,
    file: Path | None = None,
    patience: Patience | None = None,
) -> Fetched:
    """Return a model's file, from the cache or from the first source that provides it.

    Parameters
    ----------
    entry
        The model.
    accept_licence
        The user accepts the entry's licence; recorded beside the file, with the date.
    file
        A local copy of the file: it is verified and kept, without network access.
    patience
        Time limits for each source.

    Raises
    ------
    LicenceError
        The licence must be accepted first.
    ModelError
        The given file is another one (the message shows both hashes), or the model comes with a Python package.
    ModelUnavailableError
        No source provides it, or network access is forbidden; the message says how to get it.
    """
    if entry.installed_with:
        raise ModelError(
            f"{entry.name} is not fetched: it comes with the Python package {entry.installed_with} "
            f'(python -m pip install "fiqx-trt[demo]")'
        )
    cache = Cache(cache_dir("models"))
    _consent(entry, cache, accept_licence)
    with _alone(cache, entry):
        fetched = stored(entry) if file is None else None
        if fetched is None:
            data = _brought(entry, file) if file else _from_sources(entry, patience or Patience())
            kept = cache.write(entry.stored_name, data)
            fetched = Fetched(data, _path(cache, entry) if kept else None)
        if accept_licence and entry.consent:
            _record(entry, cache)
    return fetched


def consent_path(entry: KnownModel, folder: Path) -> Path:
    """Return the path of the recorded consent to a model's licence."""
    return folder / f"{entry.name}.licence.json"


def _path(cache: Cache, entry: KnownModel) -> Path | None:
    return None if cache.folder is None else cache.folder / entry.stored_name


def _consent(entry: KnownModel, cache: Cache, accepted: bool) -> None:
    if not entry.consent or accepted:
        return
    if cache.folder is not None and consent_path(entry, cache.folder).is_file():
        return
    raise LicenceError(
        f"{entry.name}: {entry.consent}. If your use is allowed, accept with "
        f"`fiqx-trt model fetch {entry.name} --accept-licence`"
    )


def _record(entry: KnownModel, cache: Cache) -> None:
    if cache.folder is None:
        return
    consent = {
        "model": entry.name,
        "sha256": entry.sha256,
        "licence": entry.licence_weights,
        "accepted": entry.consent,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    text = json.dumps(consent, indent=2, ensure_ascii=False) + "\n"
    write_atomic(consent_path(entry, cache.folder), text.encode(), private=True)


def _brought(entry: KnownModel, file: Path) -> bytes:
    try:
        data = read_regular(file)
    except OSError as error:
        raise ModelError(f"cannot read {file}: {error.strerror or error}") from error
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != entry.sha256:
        size = "" if entry.bytes is None else f"{entry.bytes} bytes, "
        raise ModelError(
            f"{file} is not {entry.file} of {entry.name}: it has {len(data)} bytes, SHA-256 {sha256}; "
            f"wanted {size}SHA-256 {entry.sha256}"
        )
    return data


def _from_sources(entry: KnownModel, patience: Patience) -> bytes:
    if os.environ.get(OFFLINE, "") not in ("", "0"):
        raise _unavailable(entry, f"{OFFLINE} is set")
    logger.warning(
        "fetching %s (%s, %s, licence of the weights %s) from %s",
        entry.name,
        entry.file,
        entry.size,
        entry.licence_weights,
        " or ".join(origin.place for origin in entry.origins),
        extra={"notice": True},
    )
    reasons = []
    for origin in entry.origins:
        try:
            return get(entry, origin, patience)
        except UnavailableError as error:
            reasons.append(f"{origin.place}: {error}")
    raise _unavailable(entry, "; ".join(reasons))


def _unavailable(entry: KnownModel, why: str) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"the model {entry.name} is not on this machine and cannot be fetched ({why}). Run `fiqx-trt model fetch "
        f"{entry.name}` where the network reaches its source, or bring {entry.file} and run `fiqx-trt model fetch "
        f"{entry.name} --from FILE`"
    )


@contextlib.contextmanager
def _alone(cache: Cache, entry: KnownModel) -> Iterator[None]:
    """Let one process at a time fetch a model; the others then find the file."""
    with contextlib.ExitStack() as stack:
        if cache.folder is not None:
            with contextlib.suppress(OSError):
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                fd = os.open(cache.folder / f".{entry.name}.lock", flags, 0o600)
                stack.callback(os.close, fd)
                fcntl.flock(fd, fcntl.LOCK_EX)
        yield
