"""Sheets of small pictures beside a page, in the order of the faces' quality, so that a screen of faces needs one or two."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import OutputError
from fiqx_trt.files import write_settled
from fiqx_trt.opencv import cv2
from fiqx_trt.report.faces_data import Faces
from fiqx_trt.runs.thumbs import ThumbFile

__all__ = ["Sprites", "write_sprites"]

#: Small pictures of a sheet, across and in all. A sheet of 80 pixels a picture takes 7 MB in a browser and about 0.4 MB on disk.
ACROSS, EACH = 16, 256
QUALITY = 80
_OWN = re.compile(r"\d{4,}\.jpg")


@dataclass(frozen=True)
class Sprites:
    """The sheets of a page.

    Parameters
    ----------
    width, height
        Size of a small picture, in pixels; 0 where there is none.
    count
        Number of sheets: ``thumbs/0000.jpg`` and so on.
    tiles
        Place of each row's picture: the sheet times :data:`EACH`, plus its place in it; −1 for none, ``(N,)``.
    grey
        Mean grey intensity of each row's picture, 0 … 255; NaN for none, ``(N,)``.
    """

    width: int
    height: int
    count: int
    tiles: NDArray[np.int64]
    grey: NDArray[np.float64]


def write_sprites(thumbs: ThumbFile, faces: Faces, *, keep: bool = False) -> Sprites:
    """Write the small pictures of a run as sheets beside its page; one sheet is in memory at a time.

    Parameters
    ----------
    thumbs
        The small pictures.
    faces
        The rows of the page.
    keep
        Whether the file that holds the pictures stays, for a run that is resumed or retried.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    places = thumbs.placed().find(faces.inputs, faces.faces_of_inputs())
    order = faces.worst_first()
    order = order[places[order, 0] >= 0]
    tiles = np.full(len(faces), -1, np.int64)
    tiles[order] = np.arange(len(order))
    grey = np.full(len(faces), np.nan)
    size, count = (0, 0), 0
    if len(order):
        with thumbs.path.open("rb") as file:
            for count, start in enumerate(range(0, len(order), EACH), 1):
                some = order[start : start + EACH]
                sheet, size = _sheet(file, places[some], size)
                grey[some] = _greys(sheet, len(some), size)
                _write(thumbs.folder / f"{count - 1:04d}.jpg", sheet)
    _remove_others(thumbs.folder, count)
    if not keep:
        thumbs.discard()
    return Sprites(size[1], size[0], count, tiles, grey)


def _sheet(
    file: BinaryIO, places: NDArray[np.int64], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return the pictures at some places side by side, BGR, and their height and width; one that is damaged stays white."""
    sheet = np.zeros((0, 0, 3), np.uint8)
    for at, tile in enumerate(_tiles(file, places)):
        if tile is None:
            continue
        size = size if size[0] else (tile.shape[0], tile.shape[1])
        if not sheet.size:
            rows = -(-len(places) // ACROSS)
            sheet = np.full((rows * size[0], ACROSS * size[1], 3), 255, np.uint8)
        if tile.shape[:2] == size:
            top, left = at // ACROSS * size[0], at % ACROSS * size[1]
            sheet[top : top + size[0], left : left + size[1]] = tile
    return sheet, size


def _tiles(file: BinaryIO, places: NDArray[np.int64]) -> Iterator[NDArray[np.uint8] | None]:
    for offset, length in places.tolist():
        file.seek(offset)
        data = np.frombuffer(file.read(length), np.uint8)
        yield cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None


def _greys(sheet: NDArray[np.uint8], count: int, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the mean grey of the faces of a sheet; the face is the square at the left of a picture."""
    if not sheet.size:
        return np.full(count, np.nan)
    height, width = size
    parts = max(1, width // height)
    means = cv2.resize(
        cv2.cvtColor(sheet, cv2.COLOR_BGR2GRAY),
        (ACROSS * parts, sheet.shape[0] // height),
        interpolation=cv2.INTER_AREA,
    )
    return np.asarray(means[:, ::parts].reshape(-1)[:count], np.float64)


def _write(path: Path, sheet: NDArray[np.uint8]) -> None:
    if sheet.size:
        settings = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        write_settled(path, cv2.imencode(".jpg", sheet, settings)[1].tobytes())


def _remove_others(folder: Path, count: int) -> None:
    """Remove the sheets of an earlier page."""
    try:
        for path in folder.glob("*.jpg") if folder.is_dir() else ():
            if _OWN.fullmatch(path.name) and int(path.stem) >= count:
                path.unlink()
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror or error}") from error
