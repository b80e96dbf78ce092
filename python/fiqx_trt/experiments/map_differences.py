"""Activation maps of a finished run beside the mean map of the run.

The mean map belongs to the whole run: a face's own picture is written before the later faces are known. So the maps and
pictures on disk are the only source; the run may have been interrupted and resumed any number of times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.arrays import load_arrays
from fiqx_trt.errors import SourceError
from fiqx_trt.rows import Row, read_table
from fiqx_trt.runs.table_summary import TableSummary

__all__ = ["MapDifferences", "MappedFace", "MeanMap", "compare_with_mean"]

#: Maps that a mean is made of at most, spread evenly over the table.
AVERAGED = 1000
#: Faces of either end that are compared.
SHOWN = 3


@dataclass(frozen=True)
class MeanMap:
    """The mean of the activation maps of a run.

    Parameters
    ----------
    values
        ``(H, W)`` float64 in [0, 1].
    count
        Maps it is made of.
    """

    values: NDArray[np.float64]
    count: int


@dataclass(frozen=True)
class MappedFace:
    """A face with its activation map.

    Parameters
    ----------
    path
        The input.
    values
        ``(H, W)`` the face's activation map.
    face
        ``(h, w, 3)`` uint8 RGB; ``None`` where no picture was kept.
    """

    path: str
    values: NDArray[np.floating]
    face: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class MapDifferences:
    """The mean map of a run, and faces at both ends of the table.

    Parameters
    ----------
    mean
        The mean map.
    faces
        At least one, with maps of the mean's size.
    """

    mean: MeanMap
    faces: Sequence[MappedFace]

    @property
    def maps(self) -> NDArray[np.float64]:
        """The maps of the faces, ``(n, H, W)``."""
        return np.stack([np.asarray(face.values, np.float64) for face in self.faces])

    @property
    def differences(self) -> NDArray[np.float64]:
        """The maps minus the mean map, ``(n, H, W)``."""
        return self.maps - self.mean.values


def compare_with_mean(table: Path, summary: TableSummary) -> MapDifferences | None:
    """Return the mean map of a run and the maps of the faces at both ends of its table.

    Parameters
    ----------
    table
        The complete table of a run of ``cam``; its maps and pictures lie beside it.
    summary
        The faces at both ends (:func:`fiqx_trt.runs.table_summary.summarise_rows`).

    Returns
    -------
    MapDifferences or None
        ``None`` where fewer than two maps of one size were kept.
    """
    mean = mean_map(read_table(table), table.parent, summary.faces)
    faces = [] if mean is None else _mapped_faces(table.parent, _both_ends(summary), mean)
    return MapDifferences(mean, faces) if mean is not None and faces else None


def _both_ends(summary: TableSummary) -> list[Row]:
    """Return some of the lowest, then some of the highest, none twice; the first faces where they are few or alike."""
    ranked = summary.spreads[summary.rank]
    if ranked.count <= 2 * SHOWN or ranked.at(0.0) == ranked.at(1.0):
        return summary.lowest[: 2 * SHOWN]
    return [*summary.lowest[:SHOWN], *summary.highest[:SHOWN][::-1]]


def _mapped_faces(folder: Path, rows: Sequence[Row], mean: MeanMap) -> list[MappedFace]:
    from fiqx_trt.runs.face_picture import face_of, read_panels

    faces = []
    for row in rows:
        values = stored_map(folder, row)
        if values is None or values.shape != mean.values.shape:
            continue
        panels = read_panels(folder / "pictures" / str(row["picture"])) if row.get("picture") else None
        faces.append(MappedFace(str(row["path"]), values, None if panels is None else face_of(panels)))
    return faces


def stored_map(folder: Path, row: Row) -> NDArray[np.float64] | None:
    """Return the map of a row from the run's folder; ``None`` where it has none, is flat, or cannot be read."""
    if not row.get("maps") or row.get("flat"):
        return None
    try:
        values = load_arrays(folder / "maps" / str(row["maps"]))["map"]
    except (SourceError, KeyError):
        return None
    return np.asarray(values, np.float64) if values.ndim == 2 and np.isfinite(values).all() else None


def mean_map(rows: Iterable[Row], folder: Path, faces: int) -> MeanMap | None:
    """Return the mean map of a run: of all its maps, or of :data:`AVERAGED` spread evenly over a longer table.

    Parameters
    ----------
    rows
        The table, row after row.
    folder
        Where the maps lie.
    faces
        Number of its ``ok`` rows.

    Returns
    -------
    MeanMap or None
        ``None`` where fewer than two maps of one size were kept.
    """
    step, position, count = max(1, -(-faces // AVERAGED)), 0, 0
    total = np.zeros((0, 0))
    for row in rows:
        if row["status"] != "ok":
            continue
        position += 1
        values = stored_map(folder, row) if (position - 1) % step == 0 else None
        if values is not None and (not count or values.shape == total.shape):
            total = values if not count else total + values
            count += 1
    return MeanMap(total / count, count) if count > 1 else None
