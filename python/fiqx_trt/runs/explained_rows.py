"""Turn face records into rows of explained faces, and write the map and picture of each face."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.rows import Column
from fiqx_trt.runs.colors import MapColors, colors_of
from fiqx_trt.runs.score_rows import base_row
from fiqx_trt.runs.thumbs import MAP_SIDE, face_tile

if TYPE_CHECKING:
    from fiqx_trt.faces.prepare import FaceRecord
    from fiqx_trt.runs.face_files import FaceFiles
    from fiqx_trt.runs.face_picture import MapStyle

__all__ = ["ExplainedFace", "ExplainedRows", "Row"]

Row = dict[str, "str | int | float | None"]


@dataclass(frozen=True)
class ExplainedFace:
    """The result for one face: numbers, maps and the text of its picture.

    Parameters
    ----------
    row
        Values of the columns that only this kind of table has.
    arrays
        Name → array, written to the face's ``.npz`` file. The first array is drawn, and the one called ``deviation`` beside
        it. Empty: the face has no files.
    score, remark
        Lines of text in the picture.
    """

    row: Mapping[str, str | int | float | None]
    arrays: Mapping[str, Any] = field(default_factory=dict)
    score: str = ""
    remark: str = ""


class ExplainedRows(ABC):
    """Base class of the makers of rows that :func:`fiqx_trt.runs.score_table` calls for ``plq`` and ``cam``.

    Parameters
    ----------
    files
        Writes the maps and pictures.
    """

    def __init__(self, files: FaceFiles) -> None:
        self._files = files

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns after those that every table has."""
        return *self._columns, *self._files.columns

    @property
    def parameters(self) -> Mapping[str, object]:
        """All settings that change a row or a file."""
        return {**self._parameters, **self._files.parameters}

    @property
    @abstractmethod
    def ran(self) -> str:
        """How the network ran, as text for the summary of the run."""

    def notes(self) -> tuple[str, ...]:
        """Return what a reader should know before reading the numbers."""
        return ()

    def measure(self, records: Sequence[FaceRecord]) -> Iterable[ExplainedFace]:
        """Run the network on the records; the rest is computed when the result is iterated."""
        faces = [record.image for record in records if record.image is not None]
        return self._explain(np.stack(faces)) if faces else ()

    def rows(self, records: Sequence[FaceRecord], measured: Iterable[ExplainedFace]) -> list[Row]:
        """Queue the files of the records; return the rows whose files are written, in input order."""
        faces = iter(measured)
        for record in records:
            row = base_row(record)
            face = next(faces) if record.image is not None else ExplainedFace({})
            row.update(face.row)
            arrays = {
                name: np.array(values) for name, values in face.arrays.items()
            }  # not views of the batch
            stored = {**arrays, "path": np.array(record.path, np.str_)} if arrays else None
            self._files.add(
                row,
                arrays=stored,
                save=self._saving(record, face, arrays),
                tile=self._tile(record.image, arrays),
            )
        return self._files.written()

    def finish(self) -> list[Row]:
        """Wait until all files are written, and return the remaining rows."""
        return self._files.finish()

    @property
    @abstractmethod
    def _columns(self) -> tuple[Column, ...]:
        """Columns of the method."""

    @property
    @abstractmethod
    def _parameters(self) -> Mapping[str, object]:
        """Settings of the method."""

    @abstractmethod
    def _plain_style(self, colors: MapColors) -> MapStyle:
        """Return how the maps are drawn with some colours."""

    @property
    def _style(self) -> MapStyle:
        """How the maps are drawn."""
        drawing = self._files.drawing
        return replace(self._plain_style(colors_of(drawing.colors)), smooth=drawing.smooth)

    @abstractmethod
    def _explain(self, faces: NDArray[np.uint8]) -> Iterable[ExplainedFace]:
        """Run the network on a batch; return one result per face, in order, computed when it is iterated."""

    def _saving(
        self, record: FaceRecord, explained: ExplainedFace, arrays: Mapping[str, NDArray[Any]]
    ) -> Callable[[Path], None] | None:
        face = record.image
        if face is None or not arrays:
            return None
        name = record.path.replace("\\", "/").rsplit("/", 1)[-1]
        name += f" · face {record.face}" if record.face else ""
        values, deviation = next(iter(arrays.values())), arrays.get("deviation")

        def save(path: Path) -> None:
            from fiqx_trt.runs.face_picture import FacePicture

            FacePicture(face, values, self._style, name, explained.score, explained.remark, deviation).save(
                path
            )

        return save

    def _tile(
        self, face: NDArray[np.uint8] | None, arrays: Mapping[str, NDArray[Any]]
    ) -> Callable[[], NDArray[np.uint8]] | None:
        """Return what draws the small picture of a face: the face, and the map over it."""
        if self._files.thumbs is None or face is None:
            return None
        values = next(iter(arrays.values()), None)

        def draw() -> NDArray[np.uint8]:
            from fiqx_trt.runs.face_picture import map_colors, overlay_map

            small = face_tile(face, MAP_SIDE)
            if values is None:
                return np.concatenate([small, np.full_like(small, 255)], axis=1)
            over = overlay_map(face, map_colors(values, self._style), self._style)
            return np.concatenate([small, face_tile(over, MAP_SIDE)], axis=1)

        return draw
