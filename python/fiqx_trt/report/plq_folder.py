"""The folder of explained faces: float maps in shards, a picture per face, both written while the network runs."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError, OutputError

__all__ = ["PICTURES", "MapShards", "PictureWriter", "safe_name"]

#: What the pictures can be.
PICTURES = ("jpg", "png", "none")
#: Faces in a file of maps: at 150×150 pixels, 23 MB.
SHARD = 128
#: Pictures that may wait for the writer.
WAITING = 64
_OWN_FILES = re.compile(r"maps-\d{6,}\.npz|\d{6,}(-.*)?\.(jpg|png)")


def safe_name(number: int, path: str, face: int = 0) -> str:
    r"""Return a file name, without suffix, that no other number and face has and that every file system takes.

    Parameters
    ----------
    number
        Position of the input in the run, from 0.
    path
        The input; letters and digits of its name are kept so that a person finds it.
    face
        Which face of the input.

    Examples
    --------
    >>> safe_name(7, "photos/Ünï, with\nnewline.JPG"), safe_name(7, "..", 2)
    ('000007-n-with-newline', '000007-face2')
    """
    name = re.split(r"[/\\]", path)[-1]
    stem = re.sub(r"[^A-Za-z0-9]+", "-", name.rsplit(".", 1)[0])[:60].strip("-")
    parts = [f"{number:06d}", *([stem] if stem else []), *([f"face{face}"] if face else [])]
    return "-".join(parts)


def prepare_folder(folder: Path) -> Path:
    """Make a folder and remove what an earlier run wrote into it; files of other names stay.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            if _OWN_FILES.fullmatch(file.name):
                file.unlink()
    except OSError as error:
        raise OutputError(
            f"cannot write into {folder}: {error.strerror or error}; choose another folder"
        ) from error
    return folder


class MapShards:
    """Maps by the hundred in ``maps-000000.npz``, ``maps-000001.npz`` …: memory holds one file's worth.

    A file has the arrays ``maps`` and ``saliency`` (n, H, W) float32, ``quality`` (n,) float64, ``clipped`` (n,) bool,
    ``paths`` and ``faces`` (n,).

    Parameters
    ----------
    folder
        Where to write; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = prepare_folder(folder)
        self._number = 0
        self._waiting: list[dict[str, Any]] = []

    def add(self, **values: Any) -> tuple[str, int]:
        """Take one face's values by array name; return the file they will be in and their position there."""
        self._waiting.append(values)
        place = f"maps-{self._number:06d}.npz", len(self._waiting) - 1
        if len(self._waiting) >= SHARD:
            self.flush()
        return place

    def flush(self) -> None:
        """Write what waits.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        if not self._waiting:
            return
        arrays: dict[str, Any] = {
            name: np.stack([np.asarray(v[name]) for v in self._waiting]) for name in self._waiting[0]
        }
        path = self._folder / f"maps-{self._number:06d}.npz"
        try:
            np.savez(path, **arrays)
        except OSError as error:
            raise OutputError(
                f"cannot write {path}: {error.strerror or error}; choose another folder"
            ) from error
        self._number += 1
        self._waiting = []


class PictureWriter:
    """Draws and writes pictures in a thread of its own; a context manager that waits for the last one.

    Parameters
    ----------
    folder
        Where to write; made if missing.
    kind
        ``"jpg"`` or ``"png"``.

    Raises
    ------
    InvalidInputError
        The kind is unknown.
    """

    def __init__(self, folder: Path, kind: str = "jpg") -> None:
        if kind not in ("jpg", "png"):
            raise InvalidInputError(f"pictures are {kind!r}; choose one of {', '.join(PICTURES)}")
        self._folder = prepare_folder(folder)
        self._kind = kind
        self._jobs: queue.Queue[tuple[Path, Callable[[], NDArray[np.uint8]]] | None] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="fiqx-pictures", daemon=True)
        self._thread.start()

    def add(self, name: str, draw: Callable[[], NDArray[np.uint8]]) -> str:
        """Queue a picture; return its file name.

        Raises
        ------
        OutputError
            An earlier picture could not be written.
        """
        self._raise()
        file = f"{name}.{self._kind}"
        self._jobs.put((self._folder / file, draw))
        return file

    def close(self) -> None:
        """Wait for the pictures queued.

        Raises
        ------
        OutputError
            A picture could not be written.
        """
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()
        self._raise()

    def __enter__(self) -> PictureWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except OutputError:
            if error is None:
                raise

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        from fiqx_trt.report.plq_picture import write_picture

        while (job := self._jobs.get()) is not None:
            if self._error is not None:
                continue  # empties the queue, so that nobody waits for room in it
            try:
                write_picture(job[0], job[1]())
            except BaseException as error:
                self._error = error
