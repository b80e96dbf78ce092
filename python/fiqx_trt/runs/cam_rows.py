"""Turn face records into activation maps: a row, a map and a picture per face."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.rows import Column
from fiqx_trt.runs.explained_rows import ExplainedFace, ExplainedRows
from fiqx_trt.runs.grid_column import GRID, grid_text

if TYPE_CHECKING:
    from fiqx_trt.explain.result import ScoreCam
    from fiqx_trt.models import Model
    from fiqx_trt.runs.colors import MapColors
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
    grid
        Whether the grid of each map is a column (:mod:`fiqx_trt.runs.grid_column`).
    """

    def __init__(self, model: Model, options: CamOptions, files: FaceFiles, *, grid: bool = False) -> None:
        super().__init__(files)
        self._model = model
        self._options = options
        self._grid = grid

    @property
    def ran(self) -> str:
        """The precision of the network."""
        return self._model.precision

    @property
    def _columns(self) -> tuple[Column, ...]:
        numbers = (Column(name, "float") for name in ("effective_channels", "uniform_correlation"))
        return *numbers, Column("flat", "int"), *((Column(GRID, "str"),) if self._grid else ())

    @property
    def _parameters(self) -> Mapping[str, object]:
        layer = self._options.layer or self._model.spec.features
        return {**self._options.parameters, "cam.layer": layer, **({"cam.grid": True} if self._grid else {})}

    def _plain_style(self, colors: MapColors) -> MapStyle:
        from fiqx_trt.runs.face_picture import ACTIVATION

        return replace(ACTIVATION, colors=colors.activation)

    def _explain(self, faces: NDArray[np.uint8]) -> Iterable[ExplainedFace]:
        result = self._options.maps(self._model, faces)
        grids = result.compact().grids if self._grid else [None] * len(faces)
        return (_one(result, i, grid) for i, grid in enumerate(grids))


def _one(result: ScoreCam, i: int, grid: NDArray[np.float32] | None) -> ExplainedFace:
    flat, channels = bool(result.flat[i]), _finite(result.effective_channels[i])
    row = {
        "effective_channels": channels,
        "uniform_correlation": _finite(result.uniform_correlation[i]),
        "flat": int(flat),
        **({} if grid is None else {GRID: grid_text(grid)}),
    }
    arrays = {"map": result.maps[i], "grid": result.grids[i], "flat": flat}
    count = "" if channels is None else f"{channels:.3g} effective channels"
    return ExplainedFace(row, arrays, count, "the network sees no contrast in this face" if flat else "")


def _finite(value: np.floating) -> float | None:
    return float(value) if np.isfinite(value) else None
