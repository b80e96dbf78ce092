"""Small pictures of the faces of a run, kept in one file until the page of the run is made.

The page shows its faces in the order of their quality, which is known when the run ends. So a run appends a small JPEG of every
face, made of the crop that is at hand, and :mod:`fiqx_trt.report.sprites` sorts them afterwards. A file that was cut off, or that
holds pictures of faces whose rows are made again, can be appended to: of two pictures of one face the later counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import OutputError
from fiqx_trt.files import replacing
from fiqx_trt.opencv import cv2

__all__ = ["FOLDER", "MAP_SIDE", "SIDE", "PlacedThumbs", "ThumbFile", "face_tile"]

Pixels = NDArray[np.uint8]

#: Folder of the small pictures, beside the page.
FOLDER = "thumbs"
#: Height of a small picture of a face alone, and of one of face and map, in pixels.
SIDE, MAP_SIDE = 80, 64
QUALITY = 90
#: Before every JPEG: position of the input in the run, which face of it, and the number of bytes.
_HEAD = struct.Struct("<QII")


def face_tile(face: Pixels, side: int = SIDE) -> Pixels:
    """Return a face in the size of a small picture, ``(H, W, 3)`` → ``(side, side, 3)`` uint8."""
    way = cv2.INTER_AREA if min(face.shape[:2]) >= 2 * side else cv2.INTER_LINEAR  # at a fifth of the time
    return cv2.resize(face, (side, side), interpolation=way)  # type: ignore[no-any-return]


class ThumbFile:
    """The file that a run appends the small pictures of its faces to; a context manager, used by several threads.

    Parameters
    ----------
    page
        Folder of the page. Its folder ``thumbs`` is made when the first picture is added.
    table
        The table of the run, where the folder may hold pictures that another run left there: those are not used.
    """

    def __init__(self, page: Path, table: Path | None = None) -> None:
        self.folder = page / FOLDER
        own = "" if table is None else f"-{hashlib.sha256(bytes(table.resolve())).hexdigest()[:12]}"
        self.path = self.folder / f"tiles{own}.bin"
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()

    def add(self, number: int, face: int, tile: Pixels) -> None:
        """Append the picture of a face, ``(H, W, 3)`` uint8 RGB.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        turned = cv2.cvtColor(tile, cv2.COLOR_RGB2BGR)  # a view with negative strides takes twice as long
        data = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        with self._lock, self._told():
            if self._file is None:
                self._file = self._opened()
            self._file.write(_HEAD.pack(number, face, len(data)) + data)

    def discard(self) -> None:
        """Forget all pictures, those of other runs too."""
        self.close()
        for path in self.folder.glob("tiles*.bin"):
            path.unlink(missing_ok=True)

    def settle(self) -> None:
        """Bring the pictures into the order of the faces, each once, so that an interruption leaves no trace.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        self.close()
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            records = list(_records(file))
            last = {(number, face): (at, size) for number, face, at, size in records}
            if list(last) == sorted(last) and len(last) == len(records):
                return
            with self._told(), replacing(self.path) as out:
                for (number, face), (at, size) in sorted(last.items()):
                    file.seek(at)
                    out.write(_HEAD.pack(number, face, size) + file.read(size))

    def close(self) -> None:
        """Write what is waiting; pictures can be added again later.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        file, self._file = self._file, None
        if file is not None:
            with self._told():
                file.close()

    def placed(self) -> PlacedThumbs:
        """Return where the picture of each face is."""
        self.close()
        return PlacedThumbs(self.path)

    def __enter__(self) -> ThumbFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say which file the operating system refuses to write."""
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror or error}; choose another folder"
            ) from error

    def _opened(self) -> BinaryIO:
        """Open the file behind its last whole picture."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.path.open("r+b" if self.path.exists() else "x+b")
        end = max((offset + size for _, _, offset, size in _records(file)), default=0)
        file.truncate(end)
        file.seek(end)
        return file


class PlacedThumbs:
    """Where the small pictures are in the file of a run: 24 bytes of memory for each.

    Parameters
    ----------
    path
        The file; it may be missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        table = np.zeros((0, 4), np.int64)
        if path.exists():
            with path.open("rb") as file:
                table = np.fromiter(chain.from_iterable(_records(file)), np.int64).reshape(-1, 4)
        keys = _keys(table[:, 0], table[:, 1])
        # The last of equal keys counts: np.unique tells the first one of the reversed array.
        self._keys, last = np.unique(keys[::-1], return_index=True)
        self._places = table[::-1][last][:, 2:]

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, numbers: NDArray[np.int64], faces: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return place and size in the file of the pictures of N faces, ``(N, 2)``; −1 where there is none.

        Parameters
        ----------
        numbers, faces
            Position of each input in the run, and which face of it, ``(N,)``.
        """
        wanted = _keys(numbers, faces)
        found = np.full((len(wanted), 2), -1, np.int64)
        if len(self._keys):
            at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
            there = self._keys[at] == wanted
            found[there] = self._places[at[there]]
        return found


def _keys(numbers: NDArray[np.int64], faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one number for input and face; a picture has fewer than a million faces."""
    return numbers * (1 << 20) + faces


def _records(file: BinaryIO) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, face, place and size of every picture that is whole."""
    size = file.seek(0, 2)
    at = file.seek(0)
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        number, face, length = _HEAD.unpack(head)
        at += _HEAD.size
        if at + length > size:
            return
        yield number, face, at, length
        at = file.seek(at + length)
