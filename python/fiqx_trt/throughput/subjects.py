"""What is measured: the steps of a run and the whole of it, each by the functions a user would call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.explain.plq import plq
from fiqx_trt.explain.scorecam import scorecam
from fiqx_trt.faces.align import align
from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.faces.decode import decode
from fiqx_trt.faces.prepare import FacePreparer, FaceRecord
from fiqx_trt.faces.sources import Source
from fiqx_trt.models.model import Model
from fiqx_trt.quality.serfiq import SerFiq, serfiq
from fiqx_trt.rows import RunMeta, open_table, score_columns
from fiqx_trt.runs import Scorer, score_table
from fiqx_trt.throughput.measure import Subject
from fiqx_trt.throughput.pictures import Material

__all__ = ["BASELINE", "NAMES", "Bench", "choose"]

BASELINE = "embed"
"""What every other subject is compared with."""

_GAMMA = 7.5  # any value takes the same time
_IN_MEMORY = 50_000_000  # pixels of the photos that are decoded once


class _Photo(NamedTuple):
    """A decoded photo and the landmarks of its face."""

    pixels: NDArray[np.uint8]
    landmarks: NDArray[np.float32]


@dataclass(frozen=True)
class Bench:
    """Everything the subjects need.

    Parameters
    ----------
    model
        The recogniser.
    material
        Faces and pictures.
    folder
        Where the table of the whole run is written.
    batch, threads
        Faces that travel together, and threads that decode.
    """

    model: Model
    material: Material
    folder: Path
    batch: int = 32
    threads: int = 2

    def suits(self, name: str) -> bool:
        """Tell whether a subject can be measured with these pictures."""
        known = (
            isinstance(self.material.prepare_photos, FacePreparer) and self.material.prepare_photos.aligned
        )
        return {"detect": self.material.detector is not None, "align": not known}.get(name, True)

    def subject(self, name: str) -> Subject:
        """Return a subject by name (`NAMES`)."""
        what, together, method = _SUBJECTS[name]
        if name == "prepare":
            what = self.material.preparing
        return Subject(name, what, method(self), self.batch if together else 1)

    def _embed(self, count: int) -> None:
        for faces in self._batches(count):
            self.model.embed(faces)

    def _closed_form(self, count: int) -> None:
        for faces in self._batches(count):
            serfiq(self.model, faces)

    def _sampled(self, count: int) -> None:
        for faces in self._batches(count):
            serfiq(self.model, faces, estimator="sampled", passes=100)

    def _scorecam(self, count: int) -> None:
        for faces in self._batches(count):
            scorecam(self.model, faces)

    def _plq(self, count: int) -> None:
        for faces in self._batches(count):
            plq(self.model, faces, quality=np.full(len(faces), 0.5), gamma=_GAMMA)

    def _decode(self, count: int) -> None:
        self._prepared(self.material.some_crops(count), _decoded)

    def _detect(self, count: int) -> None:
        detector = self.material.detector
        if detector is None:
            raise InvalidInputError("these pictures are not searched for faces; name photographs")
        self._side_by_side(lambda photo: detector.detect(photo.pixels), count)

    def _align(self, count: int) -> None:
        spec = self.model.spec
        self._side_by_side(
            lambda photo: align(photo.pixels, photo.landmarks, spec.template, spec.input_size), count
        )

    def _side_by_side(self, work: Callable[[_Photo], object], count: int) -> None:
        photos = self._photos
        with ThreadPoolExecutor(self.threads) as pool:
            for _ in pool.map(lambda index: work(photos[index % len(photos)]), range(count)):
                pass

    @functools.cached_property
    def _photos(self) -> list[_Photo]:
        """The first photos, decoded, as many as may lie in memory."""
        photos: list[_Photo] = []
        pixels = 0
        for source in self.material.photos:
            record = self.material.prepare_photos(source)[0]
            if record.landmarks is None:
                raise InvalidInputError("these pictures are aligned already; name photographs")
            image = decode(source.read())
            pixels += image.shape[0] * image.shape[1]
            if photos and pixels > _IN_MEMORY:
                break
            photos.append(_Photo(image, record.landmarks))
        return photos

    def _prepare(self, count: int) -> None:
        self._prepared(self.material.some_photos(count), self.material.prepare_photos)

    def _score(self, count: int) -> None:
        model = self.model
        scorer = Scorer(model, [SerFiq()])
        meta = RunMeta(["bench"], "", model.spec.name, "", model.backend, model.device, model.precision)
        columns = score_columns(scorer.columns, detection=True)
        table = open_table(self.folder / "scores.csv", columns, meta=meta, mode="overwrite")
        score_table(
            self.material.some_crops(count),
            self.material.prepare_crops,
            scorer,
            table,
            batch=self.batch,
            threads=self.threads,
        )

    def _batches(self, count: int) -> Iterator[NDArray[np.uint8]]:
        for begin in range(0, count, self.batch):
            yield self.material.batch(min(self.batch, count - begin))

    def _prepared(self, sources: Iterator[Source], prepare: Callable[[Source], list[FaceRecord]]) -> None:
        for records in iter_batches(sources, prepare, batch=self.batch, threads=self.threads):
            for record in records:
                if record.status != "ok":
                    raise InvalidInputError(f"{record.path} changed during the measurement: {record.error}")


def _decoded(source: Source) -> list[FaceRecord]:
    decode(source.read())
    return [FaceRecord(source.path, 0, 1, "ok")]  # without the picture: a batch of photos is large


_Method = Callable[[Bench], Callable[[int], None]]

# name: what it is, whether images travel together, what does it
_SUBJECTS: Mapping[str, tuple[str, bool, _Method]] = {
    "embed": ("embedding of aligned faces in memory", True, lambda b: b._embed),
    "serfiq": ("SER-FIQ, closed form", True, lambda b: b._closed_form),
    "serfiq-100": ("SER-FIQ, 100 sampled passes", True, lambda b: b._sampled),
    "scorecam": ("Score-CAM maps", False, lambda b: b._scorecam),
    "plq": ("pixel-level quality maps, quality given", False, lambda b: b._plq),
    "decode": ("reading and decoding picture files", True, lambda b: b._decode),
    "detect": ("finding the faces of decoded photos, on the threads that decode", True, lambda b: b._detect),
    "align": ("aligning faces of decoded photos, landmarks given", True, lambda b: b._align),
    "prepare": ("decoding and alignment", True, lambda b: b._prepare),
    "score": ("the whole: files to a table of SER-FIQ, closed form", True, lambda b: b._score),
}

NAMES = tuple(_SUBJECTS)
"""Names of the subjects, the baseline first."""


def choose(only: Sequence[str] | None) -> tuple[str, ...]:
    """Return the subjects to measure beside the baseline, in their order.

    Raises
    ------
    InvalidInputError
        A name is unknown.
    """
    unknown = [name for name in only or () if name not in NAMES]
    if unknown:
        raise InvalidInputError(f"nothing to measure is called {unknown[0]!r}; there are {', '.join(NAMES)}")
    return tuple(name for name in NAMES if name != BASELINE and (not only or name in only))
