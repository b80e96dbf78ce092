"""Turn face records into activation maps: a row, a map and a picture per face."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.rows import Column
from fiqx_trt.runs.explained_rows import ExplainedFace, ExplainedRows

if TYPE_CHECKING:
    from fiqx_trt.explain.result import ScoreCam
    from fiqx_trt.models import Model
    from fiqx_trt.runs.face_files import FaceFiles
    from fiqx_trt.runs.face_picture import MapStyle
    from fiqx_trt.runs.options import CamOptions

__all__ = ["CamRows"]


class CamRows(ExplainedRows):
    """Make rows of activation maps from batches of face records.

    Parameters
    ----------
    model
        The recogniser.
    options
        Which map.
    files
        Writes the maps and pictures.
    """

    def __init__(self, model: Model, options: CamOptions, files: FaceFiles) -> None:
        super().__init__(files)
        self._model = model
        self._options = options

    @property
    def ran(self) -> str:
        """The precision of the network."""
        return self._model.precision

    @property
    def _columns(self) -> tuple[Column, ...]:
        numbers = (Column(name, "float") for name in ("effective_channels", "uniform_correlation"))
        return *numbers, Column("flat", "int")

    @property
    def _parameters(self) -> Mapping[str, object]:
        return {**self._options.parameters, "cam.layer": self._options.layer or self._model.spec.features}

    @property
    def _style(self) -> MapStyle:
        from fiqx_trt.runs.face_picture import ACTIVATION

        return ACTIVATION

    def _explain(self, faces: NDArray[np.uint8]) -> Iterable[ExplainedFace]:
        result = self._options.maps(self._model, faces)
        return (_one(result, i) for i in range(len(faces)))


def _one(result: ScoreCam, i: int) -> ExplainedFace:
    flat, channels = bool(result.flat[i]), _finite(result.effective_channels[i])
    row = {
        "effective_channels": channels,
        "uniform_correlation": _finite(result.uniform_correlation[i]),
        "flat": int(flat),
    }
    arrays = {"map": result.maps[i], "grid": result.grids[i], "flat": flat}
    count = "" if channels is None else f"{channels:.3g} effective channels"
    return ExplainedFace(row, arrays, count, "the network sees no contrast in this face" if flat else "")


def _finite(value: np.floating) -> float | None:
    return float(value) if np.isfinite(value) else None
