"""Aligned faces in memory, the input of every study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces.batch import iter_batches

if TYPE_CHECKING:
    from fiqx_trt.faces.prepare import FaceRecord, FaceSource
    from fiqx_trt.models import Model
    from fiqx_trt.runs.options import FaceOptions, RuntimeOptions

__all__ = ["FaceSet", "collect_faces", "read_faces"]


@dataclass(frozen=True)
class FaceSet:
    """Aligned faces in memory, and the number of inputs without a face by status.

    Parameters
    ----------
    images
        ``(N, H, W, 3)`` uint8 RGB.
    paths, faces
        The input of each, and which face of it.
    skipped
        Status → inputs without a face.
    """

    images: NDArray[np.uint8]
    paths: tuple[str, ...]
    faces: tuple[int, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, images: NDArray[np.uint8], paths: Sequence[str] | None = None) -> FaceSet:
        """Return a set of aligned faces ``(N, H, W, 3)`` that are in memory already; without paths they are numbered."""
        names = tuple(paths) if paths is not None else tuple(f"face {i}" for i in range(len(images)))
        return cls(images, names, (0,) * len(images))

    def __len__(self) -> int:
        """Return the number of faces."""
        return len(self.paths)

    def __add__(self, other: FaceSet) -> FaceSet:
        """Return the faces of both, in order."""
        images = np.concatenate([self.images, other.images])
        skipped = dict(Counter(self.skipped) + Counter(other.skipped))
        return FaceSet(images, self.paths + other.paths, self.faces + other.faces, skipped)

    def subset(self, positions: Sequence[int]) -> FaceSet:
        """Return some of the faces."""
        chosen = [int(i) for i in positions]
        return FaceSet(
            self.images[chosen],
            tuple(self.paths[i] for i in chosen),
            tuple(self.faces[i] for i in chosen),
            self.skipped,
        )

    def name(self, i: int) -> str:
        """Return the file name of a face."""
        return self.paths[i].replace("\\", "/").rsplit("/", 1)[-1]

    def row(self, i: int) -> dict[str, Any]:
        """Return the first cells of a row: path and face number."""
        return {"path": self.paths[i], "face": self.faces[i]}


def collect_faces(
    sources: Iterable[FaceSource],
    preparer: Callable[[FaceSource], list[FaceRecord]],
    *,
    limit: int | None = None,
    threads: int = 2,
) -> FaceSet:
    """Read the faces of all sources into memory, 70 kB each at 150×150 pixels.

    Parameters
    ----------
    sources, preparer, threads
        As for :func:`fiqx_trt.faces.batch.iter_batches`.
    limit
        Stop after this many faces.
    """
    kept: list[FaceRecord] = []
    skipped: Counter[str] = Counter()
    batches = iter_batches(sources, preparer, batch=32, threads=threads)
    try:
        for records in batches:
            kept += [record for record in records if record.image is not None]
            skipped.update(record.status for record in records if record.image is None)
            if limit is not None and len(kept) >= limit:
                kept = kept[:limit]
                break
    finally:
        batches.close()  # type: ignore[attr-defined]
    images = [record.image for record in kept if record.image is not None]
    stack = np.stack(images) if images else np.zeros((0, 0, 0, 3), np.uint8)
    return FaceSet(stack, tuple(r.path for r in kept), tuple(r.face for r in kept), dict(skipped))


def read_faces(
    sources: Iterable[FaceSource],
    model: Model,
    faces: FaceOptions,
    runtime: RuntimeOptions,
    *,
    limit: int | None = None,
    fewest: int = 1,
    purpose: str = "the inputs",
) -> FaceSet:
    """Read the aligned faces of a model into memory.

    Parameters
    ----------
    sources
        The pictures.
    model
        The recogniser.
    faces, runtime
        How faces are found, and where the detector runs.
    limit
        Stop after this many faces.
    fewest
        Faces that are needed.
    purpose
        What the sources are called in an error.

    Raises
    ------
    InvalidInputError
        There are fewer faces.
    """
    collected = collect_faces(
        sources, faces.preparer(model.spec, runtime), limit=limit, threads=runtime.threads or 2
    )
    if len(collected) < fewest:
        count = {0: "no face was", 1: "only 1 face was"}.get(
            len(collected), f"only {len(collected)} faces were"
        )
        wanted = "" if fewest == 1 else f"at least {fewest} "
        raise InvalidInputError(
            f"{count} found in {purpose}; give {wanted}pictures of faces, or crops with --aligned (in Python: aligned=True)"
        )
    return collected
