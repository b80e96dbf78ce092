"""The activation maps of the members of quality groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.runs.options import CamOptions
from fiqx_trt.statistics import CompactMaps

if TYPE_CHECKING:
    from fiqx_trt.faces.prepare import FacePreparer, FaceRecord
    from fiqx_trt.faces.sources import Source
    from fiqx_trt.models import Model
    from fiqx_trt.runs.progress import Progress

__all__ = ["GrowingMaps", "MemberMaps", "map_members"]

#: Faces whose maps are made together.
BATCH = 8


@dataclass(frozen=True)
class MemberMaps:
    """The activation maps of some images.

    Parameters
    ----------
    positions
        ``(N,)`` position of every map's image.
    maps
        The maps.
    correlation, channels
        ``(N,)`` correlation with the plain mean activation, and effective channels (:class:`fiqx_trt.explain.ScoreCam`).
    faces
        Position → aligned face ``(H, W, 3)`` uint8 RGB, of the images that are shown.
    """

    positions: NDArray[np.int64]
    maps: CompactMaps
    correlation: NDArray[np.float64]
    channels: NDArray[np.float64]
    faces: Mapping[int, NDArray[np.uint8]]


@dataclass
class GrowingMaps:
    """Maps, numbers and faces of the images that were mapped so far, and why others could not be."""

    positions: list[int] = field(default_factory=list)
    maps: list[CompactMaps] = field(default_factory=list)
    correlation: list[NDArray[np.float64]] = field(default_factory=list)
    channels: list[NDArray[np.float64]] = field(default_factory=list)
    faces: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def finished(self, wanted: Mapping[str, int]) -> MemberMaps:
        """Return the maps.

        Raises
        ------
        InvalidInputError
            An image has no map.
        """
        _require_all(self, wanted)
        grids = np.concatenate([part.grids for part in self.maps])
        return MemberMaps(
            np.array(self.positions, np.int64),
            CompactMaps(grids, self.maps[0].size),
            np.concatenate(self.correlation),
            np.concatenate(self.channels),
            self.faces,
        )


def map_members(
    sources: Iterable[Source],
    model: Model,
    preparer: FacePreparer,
    wanted: Mapping[str, int],
    *,
    options: CamOptions | None = None,
    shown: Iterable[int] = (),
    report: Progress | None = None,
) -> MemberMaps:
    """Draw the activation maps of images, each once, in the order of the sources.

    Parameters
    ----------
    sources
        The pictures; those that are not wanted are passed over.
    model, preparer
        The recogniser, and what turns a picture into its aligned face.
    wanted
        Path → position of every image that needs a map.
    options
        Which activation map is drawn.
    shown
        Positions of the images whose faces are kept.
    report
        Called with the numbers of images done and of those among them without a face.

    Raises
    ------
    InvalidInputError
        An image has no map: the groups would be biased without it.
    """
    options, shown, growing = options or CamOptions(), set(shown), GrowingMaps()
    for records in iter_batches(_once(sources, set(wanted)), preparer, batch=BATCH):
        usable = [record for record in records if record.image is not None]
        growing.failures.update((r.path, r.error) for r in records if r.image is None)
        if usable:
            _add(growing, model, options, usable, wanted, shown)
        if report is not None:
            report(done=len(growing.positions) + len(growing.failures), failed=len(growing.failures))
    return growing.finished(wanted)


def _once(sources: Iterable[Source], wanted: set[str]) -> Iterator[Source]:
    """Yield the wanted sources, each once."""
    for source in sources:
        if source.path in wanted:
            wanted.discard(source.path)
            yield source


def _add(
    growing: GrowingMaps,
    model: Model,
    options: CamOptions,
    records: Sequence[FaceRecord],
    wanted: Mapping[str, int],
    shown: set[int],
) -> None:
    images = [record.image for record in records if record.image is not None]
    result = options.maps(model, np.stack(images))
    growing.maps.append(result.compact())
    growing.correlation.append(result.uniform_correlation)
    growing.channels.append(result.effective_channels)
    for record, image in zip(records, images, strict=True):
        position = wanted[record.path]
        growing.positions.append(position)
        if position in shown:
            growing.faces[position] = image


def _require_all(growing: GrowingMaps, wanted: Mapping[str, int]) -> None:
    """Raise if any group member has no map: the groups would be biased."""
    mapped = set(growing.positions)
    missing = [path for path, position in wanted.items() if position not in mapped]
    if missing:
        first = min(missing)
        why = growing.failures.get(first, "it is not among the inputs")
        raise InvalidInputError(
            f"{len(missing)} of the {len(wanted)} images in the groups have no map; the first is {first!r}: {why}. "
            "Give the inputs and the face options that the scores were made with"
        )
