"""Rows of some pictures for a study: the numbers and the grid of their activation maps, or their aligned faces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fiqx_trt.rows import Column
from fiqx_trt.runs.grid_column import GRID, grid_text
from fiqx_trt.runs.options import CamOptions
from fiqx_trt.runs.score_rows import base_row
from fiqx_trt.runs.settings import RunSettings

if TYPE_CHECKING:
    from fiqx_trt.explain.result import ScoreCam
    from fiqx_trt.faces.prepare import FaceRecord
    from fiqx_trt.faces.sources import Source
    from fiqx_trt.models import Model
    from fiqx_trt.runs.face_files import FaceFiles

__all__ = ["FACE", "NUMBERS", "StudyRows", "StudySettings"]

#: Name of the aligned face in the file of a picture.
FACE = "face"
#: Numbers of an activation map.
NUMBERS = ("effective_channels", "uniform_correlation")

Row = dict[str, "str | int | float | None"]


@dataclass(frozen=True, kw_only=True)
class StudySettings(RunSettings):
    """Settings of a run over some of the pictures.

    Parameters
    ----------
    model, faces, runtime, contract
        See :class:`fiqx_trt.runs.settings.RunSettings`.
    cam
        The activation maps whose numbers and grids become columns; ``None`` for none.
    wanted
        Paths of the pictures, or number of the unit → those in it. Each is taken once in a unit.
    shown
        Paths of the pictures whose aligned faces are kept; ``None``: all.
    """

    cam: CamOptions | None = None
    wanted: frozenset[str] | Mapping[int, frozenset[str]] = frozenset()
    shown: frozenset[str] | None = None

    def open_files(self, folder: Path) -> FaceFiles:
        """Return the writer of the aligned faces."""
        from fiqx_trt.runs.face_files import FaceFiles

        return FaceFiles(folder, maps=True, pictures="none")

    def prepare(self) -> Callable[[Model, FaceFiles], StudyRows]:
        """Check the settings and return the builder of the maker; see :meth:`fiqx_trt.runs.settings.RunSettings.prepare`."""
        if self.cam is not None:
            self.cam.recipe  # noqa: B018 -- says what is wrong before a model is opened
        return lambda model, files: StudyRows(model, files, self)

    def choose(self, unit: int, sources: Iterable[Source]) -> Iterator[Source]:
        """Yield the wanted pictures of a unit, and read no further than the last of them."""
        left = set(self.wanted if isinstance(self.wanted, frozenset) else self.wanted.get(unit, ()))
        for source in sources if left else ():
            if source.path in left:
                left.discard(source.path)
                yield source
                if not left:
                    return

    @property
    def wanted_sha256(self) -> str:
        """SHA-256 of the wanted pictures and of those that are shown."""
        units = {-1: self.wanted} if isinstance(self.wanted, frozenset) else self.wanted
        digest = hashlib.sha256()
        for unit, paths in [*sorted(units.items()), (-2, self.shown or frozenset())]:
            for path in sorted(paths):
                digest.update(f"{unit}\0{path}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


@dataclass(frozen=True)
class StudyRows:
    """Make the rows; the faces that are shown go to files.

    Parameters
    ----------
    model
        The recogniser.
    files
        Writes the faces.
    settings
        What is wanted.
    """

    model: Model
    files: FaceFiles
    settings: StudySettings

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns after those that every table has."""
        maps = [*(Column(name, "float") for name in NUMBERS), Column(GRID, "str")]
        return *(maps if self.settings.cam is not None else ()), *self.files.columns

    @property
    def parameters(self) -> Mapping[str, object]:
        """All settings that change a row or a file."""
        cam = self.settings.cam
        layer = {} if cam is None else {**cam.parameters, "cam.layer": cam.layer or self.model.spec.features}
        return {**layer, "study.pictures_sha256": self.settings.wanted_sha256}

    @property
    def ran(self) -> str:
        """The precision of the network."""
        return self.model.precision

    def notes(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    def measure(self, records: Sequence[FaceRecord]) -> list[Row]:
        """Return the numbers and the grid of each record with an image."""
        faces = [record.image for record in records if record.image is not None]
        cam = self.settings.cam
        return [{}] * len(faces) if cam is None or not faces else _maps(cam.maps(self.model, np.stack(faces)))

    def rows(self, records: Sequence[FaceRecord], measured: Sequence[Row]) -> list[Row]:
        """Return the rows whose faces are written, in input order."""
        numbers, shown = iter(measured), self.settings.shown
        for record in records:
            row: Row = {**base_row(record), **(next(numbers) if record.image is not None else {})}
            kept = record.image is not None and (shown is None or record.path in shown)
            self.files.add(row, arrays={FACE: np.array(record.image)} if kept else None)
        return self.files.written()

    def finish(self) -> list[Row]:
        """Wait until all faces are written, and return the remaining rows."""
        return self.files.finish()


def _maps(result: ScoreCam) -> list[Row]:
    grids = result.compact().grids
    numbers = zip(*(getattr(result, name) for name in NUMBERS), strict=True)
    return [
        {
            **{name: float(v) if np.isfinite(v) else None for name, v in zip(NUMBERS, values, strict=True)},
            GRID: grid_text(grid),
        }
        for grid, values in zip(grids, numbers, strict=True)
    ]
