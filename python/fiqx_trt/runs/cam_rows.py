"""From face records to activation maps: a row, a map and a picture each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.rows import Column
from fiqx_trt.runs.explained_rows import Explained, ExplainedRows

if TYPE_CHECKING:
    from fiqx_trt.explain.result import ScoreCam
    from fiqx_trt.models import Model
    from fiqx_trt.runs.face_files import FaceFiles
    from fiqx_trt.runs.face_picture import MapStyle
    from fiqx_trt.runs.options import CamOptions

__all__ = ["CamRows"]


class CamRows(ExplainedRows):
    """Explains batches of face records by their activation map.

    Parameters
    ----------
    model
        The recogniser.
    options
        Which map.
    files
        Takes the maps and pictures.
    """

    def __init__(self, model: Model, options: CamOptions, files: FaceFiles) -> None:
        super().__init__(files)
        self._model = model
        self._options = options

    @property
    def ran(self) -> str:
        """How the network ran: its precision."""
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

    def _explain(self, faces: NDArray[np.uint8]) -> Iterable[Explained]:
        result = self._options.maps(self._model, faces)
        return (_one(result, i) for i in range(len(faces)))


def _one(result: ScoreCam, i: int) -> Explained:
    flat, channels = bool(result.flat[i]), _finite(result.effective_channels[i])
    row = {
        "effective_channels": channels,
        "uniform_correlation": _finite(result.uniform_correlation[i]),
        "flat": int(flat),
    }
    arrays = {"map": result.maps[i], "grid": result.grids[i], "flat": flat}
    count = "" if channels is None else f"{channels:.3g} effective channels"
    return Explained(row, arrays, count, "the network sees no contrast in this face" if flat else "")


def _finite(value: np.floating) -> float | None:
    return float(value) if np.isfinite(value) else None
