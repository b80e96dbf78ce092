"""From face records to activation maps: maps, pictures and a table row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.explain.scorecam import scorecam_details
from fiqx_trt.report.plq_folder import MapShards, PictureWriter, safe_name
from fiqx_trt.rows import Column
from fiqx_trt.scoring.scorer import base_row

if TYPE_CHECKING:
    from fiqx_trt.explain.result import ScoreCam
    from fiqx_trt.faces.prepare import FaceRecord
    from fiqx_trt.models import Model

__all__ = ["CamOptions", "CamRows"]

Row = dict[str, "str | int | float | None"]


@dataclass(frozen=True)
class CamOptions:
    """Which map; see :func:`fiqx_trt.scorecam`."""

    target: str | None = None
    weights: str | None = None
    preset: str | None = None
    align_corners: bool | None = None
    layer: str | None = None

    def maps(self, model: Model, faces: NDArray[np.uint8]) -> ScoreCam:
        """Return the maps of aligned faces and what they rest on."""
        return scorecam_details(
            model,
            faces,
            target=self.target,
            weights=self.weights,
            preset=self.preset,
            align_corners=self.align_corners,
            layer=self.layer,
        )

    @property
    def parameters(self) -> Mapping[str, object]:
        """Every setting that changes a number."""
        return {f"cam.{name}": value for name, value in asdict(self).items()}


class CamRows:
    """Explains batches of face records; what :func:`fiqx_trt.scoring.score_table` calls.

    Parameters
    ----------
    model
        The recogniser.
    options
        Which map.
    shards
        Takes the float maps; ``None``: they are not kept.
    pictures
        Takes the pictures; ``None``: none are drawn.
    """

    def __init__(
        self,
        model: Model,
        options: CamOptions,
        shards: MapShards | None = None,
        pictures: PictureWriter | None = None,
    ) -> None:
        self._model = model
        self._options = options
        self._shards = shards
        self._pictures = pictures
        self._numbers = count()

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns behind those of every table."""
        return (
            *(Column(name, "float") for name in ("effective_channels", "uniform_correlation")),
            Column("flat", "int"),
            *(Column(name, "str") for name in ("picture", "shard")),
            Column("position", "int"),
        )

    def rows(self, records: Sequence[FaceRecord]) -> list[Row]:
        """Return one row per record, in order; only ``ok`` rows carry numbers."""
        faces = [record.image for record in records if record.image is not None]
        if not faces:
            return [base_row(record) for record in records]
        result = self._options.maps(self._model, np.stack(faces))
        positions = iter(range(len(faces)))
        return [
            {
                **base_row(record),
                **(self._row(record, result, next(positions)) if record.image is not None else {}),
            }
            for record in records
        ]

    def _row(self, record: FaceRecord, result: ScoreCam, i: int) -> Row:
        number, flat = next(self._numbers), bool(result.flat[i])
        row: Row = {
            "effective_channels": _finite(result.effective_channels[i]),
            "uniform_correlation": _finite(result.uniform_correlation[i]),
            "flat": int(flat),
        }
        if self._shards is not None:
            row["shard"], row["position"] = self._shards.add(
                maps=result.maps[i], grids=result.grids[i], flat=flat, paths=record.path, faces=record.face
            )
        if self._pictures is not None and record.image is not None:
            name = safe_name(number, record.path, record.face)
            row["picture"] = self._pictures.add(name, partial(_draw, record.image, result.maps[i].copy()))
        return row


def _finite(value: np.floating) -> float | None:
    return float(value) if np.isfinite(value) else None


def _draw(face: NDArray[np.uint8], values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draw the face, its map and the overlay side by side; ``(h, w, 3)`` uint8 RGB."""
    import cv2

    from fiqx_trt.report.canvas import Look, Scale
    from fiqx_trt.report.faces import overlay

    scale = Scale(0.0, 1.0, Look().maps)
    panels = (face, _bytes(scale.color(values)), _bytes(overlay(face, values, scale)))
    gap = np.full((face.shape[0], 4, 3), 255, np.uint8)
    strip = np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1)
    return np.asarray(cv2.resize(strip, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _bytes(color: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(255.0 * color), dtype=np.uint8)
