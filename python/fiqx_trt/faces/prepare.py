"""One source to its face records: read, decode, detect, choose, align. A bad picture is a row, no error."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import (
    BackendUnavailableError,
    CudaError,
    DependencyError,
    ImageError,
    InvalidInputError,
    ModelError,
    SourceError,
    StorageError,
)
from fiqx_trt.faces.align import Template, align, exchanged, similarity, template_by_name
from fiqx_trt.faces.decode import MAX_PIXELS, decode
from fiqx_trt.faces.header import read_header
from fiqx_trt.opencv import cv2

if TYPE_CHECKING:
    from fiqx_trt.faces.detect import Detections, Detector, Locator

__all__ = ["MIN_FACE", "STATUSES", "FacePreparer", "FaceRecord", "FaceSource"]

_logger = logging.getLogger(__name__)

# Errors that would come at the next picture too: they end the run instead of becoming its rows.
_FATAL = (MemoryError, DependencyError, BackendUnavailableError, CudaError, ModelError)

STATUSES = ("ok", "no_face", "several_faces", "decode_error", "too_small", "unsupported", "not_finite")
"""Every status a row can have. ``not_finite`` is given later, by what computes the numbers."""

MIN_FACE = 16
"""Shortest side, in pixels, of a face's box or of an aligned crop that is not ``too_small``."""

Select = Literal["largest", "all", "single"]

_LARGE = 16_000_000  # pixels; pictures above are in memory one at a time
_EXCHANGED = (
    "left and right are exchanged; first comes the eye on the picture's left, which is the person's right one, "
    "and so with the corners of the mouth"
)
_STRETCH = 0.03  # relative change of the aspect ratio that is worth a warning


class FaceSource(Protocol):
    """What `FacePreparer` reads: `fiqx_trt.faces.sources.Source` or anything like it."""

    @property
    def path(self) -> str:
        """The name in the row."""

    def read(self) -> bytes | NDArray[np.uint8]:
        """Return the file's bytes, or a picture's pixels ``(H, W, 3)`` RGB, or raise `ImageError`."""


S = TypeVar("S", bound=FaceSource)


@dataclass(frozen=True, eq=False, slots=True)
class FaceRecord:
    """One face of one input, or why there is none.

    Parameters
    ----------
    path
        The input.
    face, faces
        Which face this is, from 0, and how many were found. An aligned crop is face 0 of 1.
    status, error
        One of `STATUSES`, and for a person what is wrong (empty when ``ok``).
    image
        The aligned face, ``(H, W, 3)`` uint8 RGB; ``None`` unless ``ok``.
    box, confidence, landmarks
        Of a detected face: ``(4,)`` x0, y0, x1, y1; in ``[0, 1]``; ``(5, 2)``. Pixels of the upright picture.
        Ready landmarks may come without box and confidence.
    """

    path: str
    face: int
    faces: int
    status: str
    error: str = ""
    image: NDArray[np.uint8] | None = None
    box: NDArray[np.float32] | None = None
    confidence: float | None = None
    landmarks: NDArray[np.float32] | None = None


class FacePreparer:
    """Turn sources into aligned faces of a model's input size.

    Parameters
    ----------
    size
        ``(height, width)`` the model wants.
    template
        Where it wants the landmarks: a template or its name.
    detector
        ``"auto"``: every picture is searched with the default detector, opened when first needed. A detector:
        every picture is searched with it; a `Locator` knows the faces of every picture instead. ``None``:
        nothing is searched; a picture that has the model's input size is an aligned crop, any other
        ``unsupported``.
    aligned
        Every picture is an aligned crop and resized if needed; excludes a detector.
    select
        ``"largest"``: the face with the largest box. ``"all"``: every face, largest first. ``"single"``: more
        than one face is the status ``several_faces``.
    min_face
        Faces and crops whose shorter side has fewer pixels are ``too_small``.
    max_pixels
        Larger pictures are ``unsupported``, and not decoded.
    threads
        Threads of the default detector.

    Raises
    ------
    InvalidInputError
        An argument is out of range, or two contradict each other.

    Examples
    --------
    >>> from fiqx_trt.faces.sources import Source
    >>> prepare = FacePreparer((112, 112), "arcface", aligned=True)
    >>> [(record.status, record.error) for record in prepare(Source("missing.jpg"))]
    [('decode_error', 'no such file')]
    """

    def __init__(
        self,
        size: tuple[int, int],
        template: Template | str,
        *,
        detector: Detector | Locator | Literal["auto"] | str | None = "auto",
        aligned: bool = False,
        select: Select | str = "largest",
        min_face: int = MIN_FACE,
        max_pixels: int = MAX_PIXELS,
        threads: int | None = None,
    ) -> None:
        if len(size) != 2 or min(size) < 1:
            raise InvalidInputError(f"size is (height, width) in pixels, not {size!r}")
        if select not in get_args(Select):
            raise InvalidInputError(f"select is one of {', '.join(get_args(Select))}, not {select!r}")
        if isinstance(detector, str) and detector != "auto":
            raise InvalidInputError(f'detector is "auto", None or a detector, not {detector!r}')
        if aligned and detector not in (None, "auto"):
            raise InvalidInputError("aligned pictures are not searched for faces: give no detector")
        if min_face < 1:
            raise InvalidInputError(f"min_face is at least 1 pixel, not {min_face}")
        self.size = (int(size[0]), int(size[1]))
        self.template = template_by_name(template) if isinstance(template, str) else template
        self.aligned = aligned
        self.select = select
        self.min_face = min_face
        self.max_pixels = max_pixels
        self.threads = threads
        self._given = None if isinstance(detector, str) else detector
        self._opened: Detector | None = None
        self._auto = detector == "auto" and not aligned
        self._opening = threading.Lock()
        self._large = threading.Lock()
        self._warned = False

    def __call__(self, source: FaceSource) -> list[FaceRecord]:
        """Prepare one source; safe to call from several threads.

        Returns
        -------
        list of FaceRecord
            At least one. More only with ``select="all"``.

        Raises
        ------
        DependencyError, BackendUnavailableError, ModelError
            When the default detector is needed and cannot be opened on this machine.
        SourceError
            When a `Locator` finds itself contradictory.
        MemoryError
            When memory runs out.
        """
        try:
            return self._records(source)
        except ImageError as error:
            return [_failed(source.path, error.status, str(error))]
        except (*_FATAL, SourceError, StorageError):
            raise
        except Exception as error:
            _logger.debug("unexpected error at %r", source.path, exc_info=True)
            return [_failed(source.path, "decode_error", f"unexpected {type(error).__name__}: {error}")]

    def announced(self, sources: Iterable[S]) -> Iterator[S]:
        """Yield sources, having shown the path of each to a `Locator` that was given.

        It so sees the inputs in order, and those as well whose rows are in the table already: two that contradict each other
        are an error in a resumed run too.

        Raises
        ------
        SourceError
            While iterating, when the `Locator` finds itself contradictory.
        """
        from fiqx_trt.faces.detect import Locator

        known = self._given if isinstance(self._given, Locator) else None
        for source in sources:
            if known is not None:
                with suppress(ImageError):  # becomes the source's row
                    known.locate(source.path)
            yield source

    def detector(self) -> Detector | None:
        """Return what searches the pictures, opened now if need be; ``None`` where nothing is searched.

        Raises
        ------
        DependencyError, BackendUnavailableError, ModelError
            When the default detector cannot be opened on this machine.
        """
        from fiqx_trt.faces.detect import Locator

        opened = self._open_detector()
        return None if isinstance(opened, Locator) else opened

    def close(self) -> None:
        """Close the default detector if it was opened; one that was given stays open."""
        with self._opening:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def __enter__(self) -> FacePreparer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _records(self, source: FaceSource) -> list[FaceRecord]:
        data = source.read()
        if isinstance(data, np.ndarray):
            return self._faces(source.path, self._within_limit(data))
        header = read_header(data)
        with self._large if header.pixels > _LARGE else nullcontext():
            image = decode(data, max_pixels=self.max_pixels, header=header)
            del data
            return self._faces(source.path, image)

    def _within_limit(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = image.shape[:2]
        if height * width <= self.max_pixels:
            return image
        raise ImageError(
            f"an array of {width} x {height} px: more than the limit of {self.max_pixels:,} pixels; scale it down",
            status="unsupported",
        )

    def _faces(self, path: str, image: NDArray[np.uint8]) -> list[FaceRecord]:
        if min(image.shape[:2]) < self.min_face:
            raise ImageError(
                f"a picture of {image.shape[1]} x {image.shape[0]} px; the shorter side of a face must "
                f"have at least {self.min_face} px",
                status="too_small",
            )
        if self.aligned:
            return [FaceRecord(path, 0, 1, "ok", image=self._resized(image))]
        return self._detected(path, image)

    def _resized(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if image.shape[:2] != self.size:
            image = np.ascontiguousarray(self.template.middle(image, self.size))
        height, width = image.shape[:2]
        if (height, width) == self.size:
            return image
        if not self._warned and abs(width * self.size[0] / (height * self.size[1]) - 1.0) > _STRETCH:
            self._warned = True
            _logger.warning(
                "aligned pictures of %d x %d px are stretched to the model's %d x %d px; without --aligned "
                "the face is searched and aligned instead",
                width,
                height,
                self.size[1],
                self.size[0],
            )
        shrinks = height >= self.size[0] and width >= self.size[1]
        way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cv2.resize(image, (self.size[1], self.size[0]), interpolation=way)  # type: ignore[no-any-return]

    def _detected(self, path: str, image: NDArray[np.uint8]) -> list[FaceRecord]:
        detector = self._open_detector()
        if detector is None:
            if image.shape[:2] == self.size:
                return [FaceRecord(path, 0, 1, "ok", image=image)]
            raise ImageError(
                f"a picture of {image.shape[1]} x {image.shape[0]} px where the model takes {self.size[1]} x "
                f"{self.size[0]}, and no detector: say that the pictures are aligned, or give a detector",
                status="unsupported",
            )
        found = self._found(detector, path, image)
        faces = found.faces or len(found)
        if not len(found):
            raise ImageError(_no_face(found), status="no_face")
        if faces > 1 and self.select == "single":
            return [_failed(path, "several_faces", f"{faces} faces found where one is wanted", faces)]
        order = np.argsort(-_areas(found), kind="stable")[: None if self.select == "all" else 1]
        return [self._face(path, image, found, int(index), face) for face, index in enumerate(order)]

    def _found(self, detector: Detector | Locator, path: str, image: NDArray[np.uint8]) -> Detections:
        from fiqx_trt.faces.detect import Locator

        return detector.locate(path) if isinstance(detector, Locator) else detector.detect(image)

    def _face(
        self, path: str, image: NDArray[np.uint8], found: Detections, index: int, face: int
    ) -> FaceRecord:
        faces = found.faces or len(found)
        box = np.asarray(found.boxes[index], np.float32)
        landmarks = np.asarray(found.landmarks[index], np.float32)
        confidence = float(found.confidence[index])
        if not np.isfinite(landmarks).all():
            message = "the face's landmarks are not ten finite numbers"
            return _failed(path, "not_finite", message, faces, face)
        if exchanged(landmarks):
            return _failed(path, "no_face", f"the landmarks are not a face: {_EXCHANGED}", faces, face)
        try:
            width, height = self._side(box, landmarks)
            if not min(width, height) >= self.min_face:
                message = f"a face of {width:.0f} x {height:.0f} px; the shorter side must have at least"
                return _failed(path, "too_small", f"{message} {self.min_face} px", faces, face)
            aligned = align(image, landmarks, self.template, self.size)
        except InvalidInputError as error:
            return _failed(path, "no_face", f"the landmarks are not a face: {error}", faces, face)
        return FaceRecord(
            path,
            face,
            faces,
            "ok",
            "",
            aligned,
            box if np.isfinite(box).all() else None,
            confidence if np.isfinite(confidence) else None,
            landmarks,
        )

    def _side(self, box: NDArray[np.float32], landmarks: NDArray[np.float32]) -> tuple[float, float]:
        """Return width and height of a face's box, or of what an aligned face shows where there is none."""
        if np.isfinite(box).all():
            return float(box[2] - box[0]), float(box[3] - box[1])
        matrix = similarity(landmarks, self.template.scaled(self.size))
        scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        return self.size[1] / scale, self.size[0] / scale

    def _open_detector(self) -> Detector | Locator | None:
        if not self._auto:
            return self._given
        with self._opening:
            if self._opened is None:
                from fiqx_trt.faces.detect import open_detector

                self._opened = open_detector(threads=self.threads)
            return self._opened


def _areas(found: Detections) -> NDArray[np.float64]:
    """Return the faces' sizes to choose by: their boxes', or their landmarks' where a box is not known."""
    boxes = np.asarray(found.boxes, np.float64).reshape(-1, 4)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    if not np.isfinite(areas).all():
        extent = np.ptp(np.asarray(found.landmarks, np.float64), axis=1)
        areas = extent[:, 0] * extent[:, 1]
    return np.asarray(np.nan_to_num(areas, nan=-1.0, posinf=-1.0, neginf=-1.0))


def _no_face(found: Detections) -> str:
    """Say that there is no face, and how small a face was looked for where that is known."""
    looked = f"; faces of at least {found.smallest:.0f} px were looked for" if found.smallest else ""
    return f"no face found{looked}"


def _failed(path: str, status: str, error: str, faces: int = 0, face: int = 0) -> FaceRecord:
    return FaceRecord(path, face, faces, status, " ".join(error.split()))
