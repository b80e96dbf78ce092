"""The faces, crops and photos that throughput is measured with: made ones, or the user's own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces.align import template_by_name
from fiqx_trt.faces.batch import iter_batches
from fiqx_trt.faces.detect import Detections, Detector
from fiqx_trt.faces.prepare import FacePreparer, FaceRecord, FaceSource
from fiqx_trt.faces.sources import Source
from fiqx_trt.files import write_unsynced
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.opencv import cv2

__all__ = ["MOST", "Material", "given_material", "made_material"]

MOST = 128
"""Pictures that are measured with, over and over."""

Prepare = Callable[[FaceSource], list[FaceRecord]]

_PHOTO = (480, 640)
_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 95)


@dataclass(frozen=True)
class Material:
    """What is measured with.

    Parameters
    ----------
    faces
        ``(N, H, W, 3)`` uint8: aligned faces of the model's input size.
    crops, prepare_crops
        The pictures that are scored, and what makes faces of them.
    photos, prepare_photos, preparing
        The pictures that decoding and alignment are measured with, what makes faces of them, and how in words.
    about
        What all this is, in words.
    detector
        What searches the photos; None where the places of their faces are known, or where they are aligned crops.
    """

    faces: NDArray[np.uint8]
    crops: tuple[Source, ...]
    prepare_crops: Prepare
    photos: tuple[Source, ...]
    prepare_photos: Prepare
    preparing: str
    about: str
    detector: Detector | None = None

    def batch(self, count: int) -> NDArray[np.uint8]:
        """Return that many faces, the same ones again and again."""
        return self.faces[np.arange(count) % len(self.faces)]

    def some_crops(self, count: int) -> Iterator[Source]:
        """Yield that many crops, the same ones again and again."""
        return islice(cycle(self.crops), count)

    def some_photos(self, count: int) -> Iterator[Source]:
        """Yield that many photos, the same ones again and again."""
        return islice(cycle(self.photos), count)


class _Placed:
    """Knows where the faces of the made photos are."""

    def __init__(self, landmarks: dict[str, NDArray[np.float32]]) -> None:
        self._landmarks = landmarks

    def locate(self, path: str) -> Detections:
        """Return the one face of a photo."""
        points = self._landmarks[path][None]
        return Detections(np.full((1, 4), np.nan, np.float32), np.full(1, np.nan, np.float32), points)


def made_material(size: tuple[int, int], template: str, folder: Path, *, count: int = 64) -> Material:
    """Draw faces that are nobody's, and write them as JPEG crops and photos.

    Parameters
    ----------
    size, template
        What the model wants.
    folder
        Where to write; it exists.
    count
        Number of faces.
    """
    faces = probe_faces(size, count=count)
    target = template_by_name(template).scaled(size)
    rng = np.random.default_rng(11)
    crops: list[Source] = []
    photos: list[Source] = []
    places: dict[str, NDArray[np.float32]] = {}
    for index, face in enumerate(faces):
        crop = folder / f"crop-{index:03d}.jpg"
        _write(crop, face)
        crops.append(Source(str(crop)))
        photo, points = _photo(face, target, rng)
        path = folder / f"photo-{index:03d}.jpg"
        _write(path, photo)
        photos.append(Source(str(path)))
        places[str(path)] = points
    height, width = size
    return Material(
        faces,
        tuple(crops),
        FacePreparer(size, template, aligned=True),
        tuple(photos),
        FacePreparer(size, template, detector=_Placed(places), min_face=1),
        f"decoding a JPEG photo of {_PHOTO[1]} x {_PHOTO[0]} px and aligning its face, landmarks given",
        f"{count} synthetic faces, {width} x {height} px, nobody's; name pictures to measure with your own",
    )


def given_material(
    sources: Iterable[Source], preparer: FacePreparer, *, threads: int, most: int = MOST
) -> Material:
    """Take the first pictures with a face from what the user names.

    Parameters
    ----------
    sources
        The inputs, read until ``most`` of them had a face.
    preparer
        Makes faces of them, the way a run would.
    threads
        Threads that decode.
    most
        Number of pictures.

    Raises
    ------
    InvalidInputError
        None of the first pictures has a face.
    """
    good: list[tuple[Source, NDArray[np.uint8]]] = []
    looked, problem, found = 0, "", False
    for source, record in _looked_at(sources, preparer, threads, 4 * most):
        looked += 1
        found = found or record.landmarks is not None
        if record.image is not None:
            good.append((source, record.image))
        else:
            problem = problem or f"{record.path}: {record.error}"
        if len(good) == most:
            break
    if not good:
        raise InvalidInputError(f"none of the first {looked} pictures can be measured with; {problem}")
    kept = tuple(source for source, _ in good)
    left = looked - len(kept)
    about = f"the first {len(kept)} given pictures" + (
        f" with a face ({left} without left out)" if left else ""
    )
    how = (
        "decoding the given pictures, finding and aligning their faces"
        if found
        else "decoding the given crops"
    )
    faces = np.stack([image for _, image in good])
    return Material(faces, kept, preparer, kept, preparer, how, about, preparer.detector() if found else None)


def _looked_at(
    sources: Iterable[Source], preparer: FacePreparer, threads: int, most: int
) -> Iterator[tuple[Source, FaceRecord]]:
    """Yield the first sources, each with its first face."""
    waiting: deque[Source] = deque()

    def noted() -> Iterator[Source]:
        for source in islice(sources, most):
            waiting.append(source)
            yield source

    for batch in iter_batches(noted(), lambda source: preparer(source)[:1], batch=1, threads=threads):
        for record in batch:
            yield waiting.popleft(), record


def _photo(
    face: NDArray[np.uint8], target: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Place a face, turned and scaled, into a photo; return its landmarks there as well."""
    height, width = _PHOTO
    angle, scale = rng.uniform(-0.3, 0.3), 200.0 / face.shape[0] * rng.uniform(0.8, 1.2)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    centre = np.array([width, height]) * rng.uniform(0.4, 0.6, 2)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    shift = centre - turn @ (np.array(face.shape[1::-1]) / 2)
    background = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    photo = cv2.resize(background, (width, height), interpolation=cv2.INTER_LINEAR)
    matrix = np.hstack([turn, shift[:, None]])
    cv2.warpAffine(face, matrix, (width, height), dst=photo, borderMode=cv2.BORDER_TRANSPARENT)
    return np.asarray(photo, np.uint8), np.asarray(target @ turn.T + shift, np.float32)


def _write(path: Path, image: NDArray[np.uint8]) -> None:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _QUALITY)
    if not done:
        raise InvalidInputError(f"OpenCV cannot write {path.name}")
    write_unsynced(path, data.tobytes())
