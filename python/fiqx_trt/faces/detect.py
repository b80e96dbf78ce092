"""Face detection: what a detector returns, what it must offer, and the detectors known by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.registry import Registry

__all__ = [
    "DETECTORS",
    "Detections",
    "Detector",
    "Locator",
    "check_confidence",
    "check_image",
    "open_detector",
]

#: Name → ``module:class``, called with the keywords of :func:`open_detector`.
DETECTORS = Registry(
    "detector",
    "fiqx_trt.detectors",
    {"mtcnn": "fiqx_trt.faces.mtcnn:Mtcnn", "yunet": "fiqx_trt.faces.yunet:Yunet"},
    reserved=("auto", "landmarks"),
    also="landmarks:FILE",
)


@dataclass(frozen=True)
class Detections:
    """The K faces found in one picture, the surest first; equally sure ones from the top down.

    Attributes
    ----------
    boxes
        (K, 4) float32: x0, y0, x1, y1 in pixels of the picture, inside it; the upper left corner of the upper
        left pixel is (0, 0).
    confidence
        (K,) float32 from 0 to 1.
    landmarks
        (K, 5, 2) float32: x, y of the eye on the picture's left, the eye on its right, the nose, the corner
        of the mouth on its left and on its right; of a face on its side or head as if it were turned upright.
        They may lie outside the picture.
    faces
        How many faces the picture has, where more are known of than are described here; 0 means K.
    smallest
        Side in pixels of the picture of the smallest face that was looked for; 0 where that is not known.

    Notes
    -----
    A detector gives finite numbers. What is not known of ready landmarks (`Locator`) is NaN.

    Examples
    --------
    >>> len(Detections.none())
    0
    """

    boxes: NDArray[np.float32]
    confidence: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    faces: int = 0
    smallest: float = 0.0

    def __len__(self) -> int:
        """Return K."""
        return len(self.boxes)

    @classmethod
    def none(cls, smallest: float = 0.0) -> Detections:
        """Return the detections of a picture without a face."""
        return cls(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            np.zeros((0, 5, 2), np.float32),
            smallest=smallest,
        )


class Detector(Protocol):
    """Finds the faces of a picture; `detect` may be called from several threads."""

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Return the faces of an RGB picture, (H, W, 3) uint8."""

    def close(self) -> None:
        """Free what the detector holds."""


@runtime_checkable
class Locator(Protocol):
    """Knows the faces of pictures beforehand, by their paths; `locate` may be called from several threads."""

    def locate(self, path: str) -> Detections:
        """Return the faces of a picture.

        Raises
        ------
        ImageError
            There are none, with the status of the picture's row.
        SourceError
            What is known is contradictory, and going on would give wrong faces.
        """


def open_detector(
    name: str = "mtcnn",
    *,
    backend: str = "auto",
    threads: int | None = None,
    min_face: float | None = None,
    confidence: float | None = None,
) -> Detector:
    """Open a detector by name.

    Parameters
    ----------
    name
        One of :data:`DETECTORS`.
    backend
        What runs its networks, where these are not kernels of this package (as those of ``mtcnn`` are): a backend of
        `fiqx_trt.runtime.open_session`, or ``"auto"``.
    threads
        How many threads may search a picture each, side by side; None: as many as there are processors.
    min_face
        Side in pixels of the smallest face to look for, or None for the detector's default.
    confidence
        Least confidence of a face, between 0 and 1, or None for the detector's default. The scales of two detectors
        are not the same.

    Raises
    ------
    InvalidInputError
        There is no detector of that name, or an option is out of range.
    DependencyError
        The package with the detector's weights is not installed.
    PluginError
        Another package registered the detector, and it cannot be used.
    ModelUnavailableError
        The file with the detector's weights is not on this machine and cannot be fetched.
    BackendUnavailableError
        The backend is not available on this machine.
    """
    opener = DETECTORS.load(name)
    with DETECTORS.calling(name):
        detector: Detector = opener(
            backend=backend, threads=threads, min_face=min_face, confidence=confidence
        )
    return detector


def check_confidence(confidence: float | None) -> None:
    """Refuse a least confidence that is not between 0 and 1.

    Raises
    ------
    InvalidInputError
        It is not.
    """
    if confidence is not None and not 0 < confidence < 1:
        raise InvalidInputError(
            f"confidence={confidence} is not between 0 and 1; give one such as 0.6 (--confidence)"
        )


def check_image(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture as (H, W, 3) uint8; grey ones, (H, W) or (H, W, 1), get three equal channels.

    Raises
    ------
    InvalidInputError
        It is no array of uint8 with one of these shapes.
    """
    shape, dtype = getattr(image, "shape", None), getattr(image, "dtype", None)
    if not isinstance(image, np.ndarray) or dtype != np.uint8:
        found = f"an array of {dtype}" if dtype is not None else type(image).__name__
        raise InvalidInputError(f"a detector takes a uint8 RGB picture (H, W, 3); got {found}")
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[2] not in (1, 3):
        raise InvalidInputError(
            f"a detector takes one RGB picture (H, W, 3), or grey (H, W); got shape {shape}"
        )
    return image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
