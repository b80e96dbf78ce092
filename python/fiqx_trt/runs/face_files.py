"""Write the map and picture of each face in threads, while the network runs; a row is released after its files are written.

::

    with FaceFiles(Path("out"), pictures="jpg") as files:
        files.begin(table.numbers())
        files.add(row, arrays={"map": quality_map}, save=picture.save)   # row["maps"], row["picture"] name the files
        table.append(files.written())                                    # rows whose files are on disk, in order
        table.append(files.finish())                                     # waits for the others

So a killed run leaves no row without its files. Files without a row are written again when the run is resumed.
"""

from __future__ import annotations

import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError, OutputError
from fiqx_trt.files import npz_bytes, write_unsynced
from fiqx_trt.rows import Column
from fiqx_trt.rows.schema import starts_input
from fiqx_trt.runs.colors import Drawing
from fiqx_trt.runs.thumbs import ThumbFile

__all__ = ["PICTURES", "FaceFiles", "safe_name"]

#: What the pictures can be.
PICTURES = ("jpg", "png", "none")
UNCHANGED = Drawing()
#: Faces whose files may wait for a thread; while there are more, `FaceFiles.add` waits itself.
WAITING = 64
_OWN_FILES = re.compile(r"\d{6,}(-[A-Za-z0-9-]+)?\.(jpg|png|npz)")

Row = dict[str, "str | int | float | None"]
Save = Callable[[Path], None]


def safe_name(number: int, path: str, face: int = 0) -> str:
    r"""Return a file name without suffix, unique for number and face, of characters that every file system accepts.

    Parameters
    ----------
    number
        Position of the input in the run, from 0.
    path
        The input; letters and digits of its name are kept.
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


class FaceFiles:
    """Writer of float maps and pictures, one file of each kind per face, in ``maps/`` and ``pictures/``; a context manager.

    Parameters
    ----------
    out
        Folder of the table.
    maps
        Whether to write ``.npz`` files.
    pictures
        ``"jpg"``, ``"png"`` or ``"none"``.
    thumbs
        Takes the small pictures for the page of the run; ``None`` where none is made.
    drawing
        How the maps are drawn.

    Raises
    ------
    InvalidInputError
        The kind of picture is unknown.
    DependencyError
        Pictures cannot be drawn on this machine.
    """

    def __init__(
        self,
        out: Path,
        *,
        maps: bool = True,
        pictures: str = "jpg",
        thumbs: ThumbFile | None = None,
        drawing: Drawing = UNCHANGED,
    ) -> None:
        if pictures not in PICTURES:
            raise InvalidInputError(
                f"--pictures is {pictures!r}; choose one of {', '.join(PICTURES)} (in Python: pictures=…)"
            )
        if pictures != "none":
            import fiqx_trt.runs.face_picture  # noqa: F401 -- raises here if matplotlib is missing
        self._maps = out / "maps" if maps else None
        self._pictures = out / "pictures" if pictures != "none" else None
        self._kind = pictures
        self.thumbs = thumbs
        self.drawing = drawing
        self._threads = ThreadPoolExecutor(max(2, (os.cpu_count() or 1) // 4), "fiqx-files")
        self._room = threading.Semaphore(WAITING)
        self._rows: deque[tuple[Row, Future[None] | None]] = deque()
        self._numbers: Iterator[int] = iter(())
        self._number = 0
        self._before: Row | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that name a face's files within their folders."""
        return Column("picture", "str"), Column("maps", "str")

    @property
    def parameters(self) -> Mapping[str, str | bool | float]:
        """Settings that must be equal when a run is resumed."""
        drawn = {} if self._kind == "none" else {f"files.{k}": v for k, v in asdict(self.drawing).items()}
        return {"files.maps": self._maps is not None, "files.pictures": self._kind, **drawn}

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that files are written to; empty where none are."""
        return tuple(folder for folder in (self._maps, self._pictures) if folder is not None)

    def begin(self, numbers: Iterator[int], *, clear: bool = False) -> None:
        """Create the folders.

        Parameters
        ----------
        numbers
            Position in the run, from 0, of every input whose rows will be added
            (:meth:`fiqx_trt.rows.TableWriter.numbers`); it is in the files' names.
        clear
            Remove the files of an earlier run; files with other kinds of names are kept.

        Raises
        ------
        OutputError
            A folder cannot be written.
        """
        self._numbers, self._before = numbers, None
        for folder in self.folders:
            _prepare(folder, clear=clear)

    def number_of(self, row: Row) -> int:
        """Return the position in the run of the next row's input; called once for every row, in input order."""
        if starts_input(self._before, row):
            self._number = next(self._numbers)
        self._before = row
        return self._number

    def add(
        self,
        row: Row,
        *,
        arrays: Mapping[str, Any] | None = None,
        save: Save | None = None,
        tile: Callable[[], NDArray[np.uint8]] | None = None,
    ) -> None:
        """Add the next row, and queue the files of its face, if there are any.

        Parameters
        ----------
        row
            The row; the names of the files are written into it. Rows are added in input order.
        arrays
            Name → array, written to the ``.npz`` file.
        save
            Writes the picture to a path; called in another thread.
        tile
            Draws the small picture, RGB; called in another thread.
        """
        number, face = self.number_of(row), int(row["face"] or 0)
        name = safe_name(number, str(row["path"]), face)
        jobs: list[Callable[[], None]] = []
        if self._pictures is not None and save is not None:
            row["picture"] = f"{name}.{self._kind}"
            jobs.append(partial(save, self._pictures / f"{name}.{self._kind}"))
        if self._maps is not None and arrays is not None:
            row["maps"] = f"{name}.npz"
            jobs.append(partial(_write_maps, self._maps / f"{name}.npz", arrays))
        if self.thumbs is not None and tile is not None:
            jobs.append(partial(_add_tile, self.thumbs, number, face, tile))
        self._rows.append((row, self._submit(jobs) if jobs else None))

    def written(self) -> list[Row]:
        """Return the next rows whose files are on disk, in the order they were added.

        Raises
        ------
        OutputError
            A file could not be written.
        """
        rows = []
        while self._rows and ((job := self._rows[0][1]) is None or job.done()):
            if job is not None:
                job.result()
            rows.append(self._rows.popleft()[0])
        return rows

    def finish(self) -> list[Row]:
        """Wait for all files and return the remaining rows.

        Raises
        ------
        OutputError
            A file could not be written.
        """
        for _, job in self._rows:
            if job is not None:
                job.result()
        return self.written()

    def __enter__(self) -> FaceFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self.thumbs is not None:
            self.thumbs.close()

    def _submit(self, jobs: list[Callable[[], None]]) -> Future[None]:
        self._room.acquire()
        job = self._threads.submit(_work, jobs)
        job.add_done_callback(lambda _: self._room.release())
        return job


def _write_maps(path: Path, arrays: Mapping[str, Any]) -> None:
    write_unsynced(path, npz_bytes(arrays))


def _add_tile(thumbs: ThumbFile, number: int, face: int, tile: Callable[[], NDArray[np.uint8]]) -> None:
    thumbs.add(number, face, tile())


def _work(jobs: list[Callable[[], None]]) -> None:
    for job in jobs:
        job()


def _prepare(folder: Path, *, clear: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir() if clear else ():
            if _OWN_FILES.fullmatch(file.name):
                file.unlink()
    except OSError as error:
        raise OutputError(
            f"cannot write into {folder}: {error.strerror or error}; choose another folder"
        ) from error
