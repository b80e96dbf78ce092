"""Studies over units: each unit gives rows, and the rows in the order of the inputs give the result, bit for bit.

``amva`` takes the grids of the activation maps of the members of its groups; ``calibrate`` the qualities of all faces, then a
sample of the faces themselves. What is computed from them is what a run without parts computes from the same numbers.
"""

from __future__ import annotations

import io
import tarfile
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.arrays import read_arrays
from fiqx_trt.distributed.folder import RunFolder, open_folder
from fiqx_trt.distributed.merge import unit_rows
from fiqx_trt.distributed.study_rows import FACE, NUMBERS, StudySettings
from fiqx_trt.errors import OutputError
from fiqx_trt.experiments.member_maps import GrowingMaps, MemberMaps
from fiqx_trt.explain.measuring import Thinned
from fiqx_trt.runs.grid_column import GRID, grid_of
from fiqx_trt.runs.settings import RunSettings, ScoreSettings
from fiqx_trt.statistics import CompactMaps

__all__ = ["CalibrationFaces", "MakeRun", "calibration_faces", "read_members"]

#: Make a run in parts with some settings and under some name, and return its folder; raises where it is not complete then.
MakeRun: TypeAlias = Callable[[RunSettings, str], str]

Face: TypeAlias = NDArray[np.uint8]


def read_members(
    location: str, wanted: Mapping[str, int], *, size: tuple[int, int], shown: Iterable[int]
) -> MemberMaps:
    """Return the maps of a complete run with :class:`StudySettings`, as ``experiments.member_maps.map_members`` returns them.

    Parameters
    ----------
    location
        The folder of the run.
    wanted
        Path → position of every image that needs a map.
    size
        Height and width of the maps.
    shown
        Positions of the images whose faces were kept.

    Raises
    ------
    InvalidInputError
        An image has no map.
    OutputError
        A part is damaged.
    """
    folder, shown = open_folder(location), set(shown)
    growing, left = GrowingMaps(), set(wanted)
    files: dict[int, str] = {}
    for _, row in unit_rows(folder):
        path = str(row["path"])
        if path in left:
            left.discard(path)
            _grow(growing, row, wanted[path], size)
            if wanted[path] in shown and row["maps"]:
                files[wanted[path]] = row["maps"]
    growing.faces.update(_faces(folder, files))
    return growing.finished(wanted)


def _grow(growing: GrowingMaps, row: Mapping[str, Any], position: int, size: tuple[int, int]) -> None:
    if row["status"] != "ok":
        growing.failures[row["path"]] = row["error"] or row["status"]
        return
    channels, correlation = (np.array([np.nan if row[n] is None else row[n]], np.float64) for n in NUMBERS)
    growing.positions.append(position)
    growing.maps.append(CompactMaps(grid_of(row[GRID])[np.newaxis], size))
    growing.channels.append(channels)
    growing.correlation.append(correlation)


@dataclass(frozen=True)
class CalibrationFaces:
    """The faces that a calibration rests on.

    Parameters
    ----------
    qualities
        ``(N,)`` raw quality of every face, in the order of the inputs; NaN where it is not finite.
    sample
        The faces of :class:`fiqx_trt.explain.measuring.FaceSample` ``(n, H, W, 3)`` uint8 RGB and their qualities ``(n,)``;
        ``None`` where they were not wanted, or there is no face.
    """

    qualities: NDArray[np.float64]
    sample: tuple[Face, NDArray[np.float64]] | None


def calibration_faces(run: MakeRun, settings: ScoreSettings, *, pixels: bool) -> CalibrationFaces:
    """Return the qualities of all faces, and a sample of the faces, by runs in parts.

    Parameters
    ----------
    run
        Makes a run.
    settings
        Those of SER-FIQ's scores.
    pixels
        Whether the sample is wanted; its pictures are read again.

    Raises
    ------
    OutputError
        A part is damaged, or a picture of the sample has changed meanwhile.
    """
    qualities, sample = _read_qualities(open_folder(run(settings, "qualities/")))
    if not (pixels and sample):
        return CalibrationFaces(qualities, None)
    wanted: defaultdict[int, set[str]] = defaultdict(set)
    for unit, path, _, _ in sample:
        wanted[unit].add(path)
    chosen = {unit: frozenset(paths) for unit, paths in wanted.items()}
    common = {name: getattr(settings, name) for name in ("model", "faces", "runtime", "contract")}
    folder = open_folder(run(StudySettings(**common, wanted=chosen), "faces/"))
    kept = {
        (unit, str(row["path"]), int(row["face"] or 0)): row["maps"]
        for unit, row in unit_rows(folder)
        if row["maps"]
    }
    missing = [path for unit, path, face, _ in sample if (unit, path, face) not in kept]
    if missing:
        raise OutputError(
            f"{len(missing)} of {len(sample)} faces could not be read again, the first is {missing[0]!r}; give the inputs that "
            "the qualities were made of, or use --overwrite to start anew"
        )
    faces = _faces(folder, {n: kept[unit, path, face] for n, (unit, path, face, _) in enumerate(sample)})
    images = np.stack([faces[n] for n in range(len(sample))])
    return CalibrationFaces(qualities, (images, np.array([raw for *_, raw in sample])))


def _read_qualities(folder: RunFolder) -> tuple[NDArray[np.float64], list[tuple[int, str, int, float]]]:
    """Return the qualities of all faces, and unit, path, face and quality of those of the sample."""
    qualities, sample = array("d"), Thinned[tuple[int, str, int, float]]()
    for unit, row in unit_rows(folder):
        if row["status"] not in ("ok", "not_finite"):
            continue
        raw = np.nan if row["serfiq"] is None else float(row["serfiq"])
        qualities.append(raw)
        sample.add((unit, str(row["path"]), int(row["face"] or 0), raw))
    return np.array(qualities, np.float64), sample.items


def _faces(folder: RunFolder, files: Mapping[int, str]) -> dict[int, Face]:
    """Return the faces that were kept, by key: each file is a member of the archive of its unit."""
    members: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for key, name in files.items():
        archive, _, member = name.partition("/")
        members[archive][member] = key
    faces: dict[int, Face] = {}
    for name, keys in members.items():
        with folder.open(name) as file, tarfile.open(fileobj=file) as archive_file:
            for entry in archive_file:
                if entry.name in keys and (stream := archive_file.extractfile(entry)) is not None:
                    arrays = read_arrays(io.BytesIO(stream.read()), f"{name}/{entry.name}")
                    faces[keys[entry.name]] = arrays[FACE]
    return faces
