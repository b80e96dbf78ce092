"""Turn face records into rows of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.faces.prepare import FaceRecord
from fiqx_trt.models.model import Model
from fiqx_trt.models.validity import validity_line
from fiqx_trt.quality.base import METHODS, Quality, QualityMethod, method_parameters
from fiqx_trt.rows import LANDMARK_NAMES, Column
from fiqx_trt.runs.threshold import ACCEPT, Threshold
from fiqx_trt.runs.thumbs import face_tile

if TYPE_CHECKING:
    from fiqx_trt.runs.face_files import FaceFiles

__all__ = ["PicturedScorer", "Scorer", "base_row"]

Row = dict[str, "str | int | float | None"]


@dataclass(frozen=True)
class Scorer:
    """Score batches of face records by quality methods, all by one run of one model.

    Parameters
    ----------
    model
        The recogniser; ``None`` when no method needs one.
    methods
        The methods, in the order of their columns.
    threshold
        Which faces are good enough, for the column ``accept``; ``None`` for no such column.
    """

    model: Model | None
    methods: Sequence[QualityMethod]
    threshold: Threshold | None = field(default=None, kw_only=True)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The methods' columns."""
        names = (name for method in self.methods for name in method.columns)
        numbers = tuple(Column(name, "int" if name.endswith("_100") else "float") for name in names)
        return numbers if self.threshold is None else (*numbers, Column(ACCEPT, "int"))

    @property
    def parameters(self) -> Mapping[str, object]:
        """All settings of the methods that change a number."""
        given = {name: value for method in self.methods for name, value in method_parameters(method).items()}
        return given if self.threshold is None else {**given, ACCEPT: str(self.threshold)}

    @property
    def ran(self) -> str:
        """The precision of the network."""
        return "" if self.model is None else self.model.precision

    def notes(self) -> tuple[str, ...]:
        """Return what a reader should know before reading the numbers."""
        if self.model is None:
            return ()
        spec = self.model.spec
        validity = [
            validity_line(spec, method.name, method_parameters(method))
            for method in self.methods
            if method.needs_model
        ]
        return (*(note for method in self.methods for note in method.notes(self.model)), *validity)

    def measure(self, records: Sequence[FaceRecord]) -> list[dict[str, float | int | None]]:
        """Return the methods' columns of each record with an image; a column is ``None`` where its method gives nothing."""
        faces = [record.image for record in records if record.image is not None]
        return self._numbers(np.stack(faces)) if faces else []

    def rows(
        self, records: Sequence[FaceRecord], measured: Sequence[Mapping[str, float | int | None]]
    ) -> list[Row]:
        """Return one row per record, in order; only ``ok`` rows carry numbers."""
        numbers = iter(measured)
        return [_row(record, next(numbers) if record.image is not None else {}) for record in records]

    def finish(self) -> list[Row]:
        """Return nothing: no row is held back."""
        return []

    def _numbers(self, faces: NDArray[np.uint8]) -> list[dict[str, float | int | None]]:
        needed = self.model if any(method.needs_model for method in self.methods) else None
        extracted = needed.extract(faces) if needed is not None else None
        table: dict[str, list[float] | list[int] | None] = {}
        for method in self.methods:
            with METHODS.calling(method.name):
                quality = method.score(self.model, faces, extracted)
                _check_shape(quality, len(faces))
            values = (quality.raw, quality.scaled, quality.percentile, quality.hundred)
            table.update(
                (name, None if v is None else v.tolist())
                for name, v in zip(method.columns, values, strict=False)
            )
        rows: list[dict[str, float | int | None]] = [
            {name: None if values is None else values[i] for name, values in table.items()}
            for i in range(len(faces))
        ]
        if self.threshold is not None:
            for row in rows:
                row[ACCEPT] = self.threshold.accepts(row)
        return rows


@dataclass(frozen=True)
class PicturedScorer(Scorer):
    """Score batches of face records, and keep a small picture of each face for the page of the run.

    Parameters
    ----------
    model, methods, threshold
        See :class:`Scorer`.
    files
        Takes the pictures; begun before the first row.
    """

    files: FaceFiles

    def rows(
        self, records: Sequence[FaceRecord], measured: Sequence[Mapping[str, float | int | None]]
    ) -> list[Row]:
        """Return one row per record, in order; their pictures are made in this thread, beside the network."""
        rows, thumbs = super().rows(records, measured), self.files.thumbs
        for record, row in zip(records, rows, strict=True):
            number = self.files.number_of(row)
            if thumbs is not None and record.image is not None:
                thumbs.add(number, record.face, face_tile(record.image))
        return rows


def base_row(record: FaceRecord) -> Row:
    """Return what every table says of a face record: where it comes from, its status and its geometry."""
    return {
        "path": record.path,
        "face": record.face,
        "faces": record.faces,
        "status": record.status,
        "error": record.error or None,
        **_geometry(record),
    }


def _check_shape(quality: Quality, count: int) -> None:
    """Refuse numbers that are not one per face."""
    for values in (quality.raw, quality.scaled, quality.percentile):
        if values is not None and values.shape != (count,):
            raise ValueError(f"its score() returned numbers of shape {values.shape} for {count} faces")


def _row(record: FaceRecord, numbers: Mapping[str, float | int | None]) -> Row:
    row = base_row(record)
    broken = [name for name, value in numbers.items() if value is not None and not np.isfinite(value)]
    if broken:
        row["status"] = "not_finite"
        row["error"] = f"{broken[0]} is not a finite number for this face"
    elif record.status == "ok":
        row.update(numbers)
    return row


def _geometry(record: FaceRecord) -> Row:
    if record.status != "ok" or record.landmarks is None:
        return {}
    row: Row = {}
    if record.box is not None:
        row.update(zip(("x0", "y0", "x1", "y1"), map(float, record.box), strict=True))
    row["confidence"] = None if record.confidence is None else float(record.confidence)
    for name, (x, y) in zip(LANDMARK_NAMES, record.landmarks, strict=True):
        row[f"{name}_x"], row[f"{name}_y"] = float(x), float(y)
    return row
