"""From face records to rows of explained faces, each with the files that belong to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.rows import Column
from fiqx_trt.runs.score_rows import base_row

if TYPE_CHECKING:
    from fiqx_trt.faces.prepare import FaceRecord
    from fiqx_trt.runs.face_files import FaceFiles
    from fiqx_trt.runs.face_picture import MapStyle

__all__ = ["Explained", "ExplainedRows", "Row"]

Row = dict[str, "str | int | float | None"]


@dataclass(frozen=True)
class Explained:
    """What is known of one face.

    Parameters
    ----------
    row
        Columns behind those of every table.
    arrays
        Name → array for the file of maps; the first is drawn, and one called ``deviation`` beside it. Empty: the face has
        no files.
    score, remark
        Lines of the picture.
    """

    row: Mapping[str, str | int | float | None]
    arrays: Mapping[str, Any] = field(default_factory=dict)
    score: str = ""
    remark: str = ""


class ExplainedRows(ABC):
    """Explains batches of face records; what :func:`fiqx_trt.runs.score_table` calls.

    Parameters
    ----------
    files
        Takes the maps and pictures.
    """

    def __init__(self, files: FaceFiles) -> None:
        self._files = files

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns behind those of every table."""
        return *self._columns, *self._files.columns

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a row or a file."""
        return {**self._parameters, **self._files.parameters}

    @property
    @abstractmethod
    def ran(self) -> str:
        """How the network ran, for the summary of the run."""

    def notes(self) -> tuple[str, ...]:
        """Return what a reader should know before reading the numbers."""
        return ()

    def measure(self, records: Sequence[FaceRecord]) -> Iterable[Explained]:
        """Run the network on the records; what is left to do is done as the result is taken."""
        faces = [record.image for record in records if record.image is not None]
        return self._explain(np.stack(faces)) if faces else ()

    def rows(self, records: Sequence[FaceRecord], measured: Iterable[Explained]) -> list[Row]:
        """Take records and what was measured; return the rows whose files are written, in order."""
        explained = iter(measured)
        for record in records:
            row = base_row(record)
            found = next(explained) if record.image is not None else Explained({})
            row.update(found.row)
            arrays = {
                name: np.array(values) for name, values in found.arrays.items()
            }  # not views of the batch
            kept = {**arrays, "path": np.array(record.path, np.str_)} if arrays else None
            self._files.add(row, arrays=kept, save=self._saving(record, found, arrays))
        return self._files.written()

    def finish(self) -> list[Row]:
        """Wait for the files and return the rows held back for them."""
        return self._files.finish()

    @property
    @abstractmethod
    def _columns(self) -> tuple[Column, ...]:
        """Columns of the method."""

    @property
    @abstractmethod
    def _parameters(self) -> Mapping[str, object]:
        """Settings of the method."""

    @property
    @abstractmethod
    def _style(self) -> MapStyle:
        """How the maps are drawn."""

    @abstractmethod
    def _explain(self, faces: NDArray[np.uint8]) -> Iterable[Explained]:
        """Run the network on a batch, and return what is known of every face, in order, made as it is taken."""

    def _saving(
        self, record: FaceRecord, found: Explained, arrays: Mapping[str, NDArray[Any]]
    ) -> Callable[[Path], None] | None:
        face = record.image
        if face is None or not arrays:
            return None
        name = record.path.replace("\\", "/").rsplit("/", 1)[-1]
        name += f" · face {record.face}" if record.face else ""
        values, deviation = next(iter(arrays.values())), arrays.get("deviation")

        def save(path: Path) -> None:
            from fiqx_trt.runs.face_picture import FacePicture

            FacePicture(face, values, self._style, name, found.score, found.remark, deviation).save(path)

        return save
