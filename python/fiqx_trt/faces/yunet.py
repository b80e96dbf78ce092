"""YuNet: one small network that gives boxes, landmarks and probabilities at three strides.

W. Wu, H. Peng, S. Yu: YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence Research 20, 2023. A cell
(column, row) of stride s gives ``score = sqrt(cls obj)``, the box's centre ``s (column + b0, row + b1)`` and its sides
``s exp(b2)``, ``s exp(b3)``, and each landmark ``s (column + k0, row + k1)``.

The network finds faces on their side or upside down with a confidence of 0.4 to 0.9, but puts their landmarks in the
wrong places: the recogniser's similarity to the upright face is then about 0. A picture with such a doubtful face, or
with none, is therefore searched in all four directions, and of boxes that overlap the surest is kept. Only a sure face
counts in the other directions: a masked face may seem to be a face on its side.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces import boxes as b
from fiqx_trt.faces.detect import Detections, check_confidence, check_image
from fiqx_trt.faces.networks import open_lanes
from fiqx_trt.kernels import face_input
from fiqx_trt.onnx_export.architectures.yunet import YUNET_STRIDES, build_yunet
from fiqx_trt.opencv import cv2
from fiqx_trt.zoo import fetch, models

__all__ = ["CONFIDENCE", "Yunet"]

CONFIDENCE = 0.5
"""Least confidence of a face where none is given."""

_LONG_SIDE = 640  # of the copy that is searched
_LONGEST = 2560  # of the finest copy for small faces: bounds the memory
_SMALLEST = 10.0  # pixels of the smallest face that the network sees (the paper's figure)
_MULTIPLE = 32  # height and width of what the network reads
_UPRIGHT = 0.9  # upright faces have more, faces on their side or head less
_TURNED = 0.8  # least confidence in the other three directions, where a turned face is an upright one
_OVERLAP = 0.3
_ROTATIONS = (
    cv2.ROTATE_90_COUNTERCLOCKWISE,
    cv2.ROTATE_180,
    cv2.ROTATE_90_CLOCKWISE,
)  # as np.rot90, ten times as fast


class _Found(NamedTuple):
    """Candidates: boxes (K, 4), scores (K,), landmarks (K, 5, 2), in pixels of the picture."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float64]


class _Copy(NamedTuple):
    """A smaller copy of a picture (h, w, 3), and how many pixels of the picture one of its own is, across and down."""

    pixels: NDArray[np.uint8]
    factors: NDArray[np.float64]


class Yunet:
    """The YuNet detector.

    Parameters
    ----------
    backend
        What runs the network: a backend of `fiqx_trt.runtime.open_session`, or ``"auto"``: ONNX Runtime where it is
        installed, else the first that works on the processor.
    threads
        How many threads may search a picture each, side by side; None: as many as there are processors.
    min_face
        Shorter side in pixels of the smallest box to return, at least 10. By default 10, or 1/64 of the picture's longer
        side where that is more. A smaller one is looked for in larger copies too, at the cost of their pixels.
    confidence
        Least confidence of a face, between 0 and 1.
    turned
        Search a picture with a doubtful face (confidence below 0.9), or with none, in all four directions.
    model
        The network's file; by default the one of the table of known models, fetched on first use.

    Raises
    ------
    InvalidInputError
        An option is out of range.
    ModelUnavailableError
        The network's file is not on this machine and cannot be fetched.
    BackendUnavailableError
        The backend is not available on this machine.

    Notes
    -----
    A picture is searched in a copy whose longer side has 640 pixels, and, for a `min_face` that this copy does not show,
    in copies of twice and four times that; boxes and landmarks are given in pixels of the original.
    """

    name = "yunet"

    def __init__(
        self,
        *,
        backend: str = "auto",
        threads: int | None = None,
        min_face: float | None = None,
        confidence: float | None = None,
        turned: bool = True,
        model: bytes | None = None,
    ) -> None:
        if min_face is not None and not _SMALLEST <= min_face < np.inf:
            raise InvalidInputError(
                f"min_face={min_face} is below {_SMALLEST:g} pixels, the smallest face that the detector yunet "
                f"sees; give at least {_SMALLEST:g} (--min-face)"
            )
        check_confidence(confidence)
        self._min_face = min_face
        self._confidence = CONFIDENCE if confidence is None else confidence
        self._turns = range(1, 4) if turned else range(0)
        self._session = open_lanes(
            build_yunet(fetch(models()[self.name]).data if model is None else model),
            backend=backend,
            max_batch=1,
            threads=threads,
            first="onnxruntime",  # prepares nothing for a new shape; OpenVINO takes 10 ms for each
        )

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find the faces of one picture.

        Parameters
        ----------
        image
            (H, W, 3) uint8 RGB, of any size; grey pictures, (H, W), too.

        Returns
        -------
        Detections
            Empty when there is no face, or when the picture is smaller than the smallest face.

        Raises
        ------
        InvalidInputError
            The array is not such a picture.
        """
        image = check_image(image)
        height, width = image.shape[:2]
        sides = _long_sides(max(height, width), self._min_face)
        smallest = max(self._min_face or 0.0, _SMALLEST * max(height, width, 1) / max(sides[-1], 1))
        if min(height, width) < smallest:
            return Detections.none(smallest)
        copies = [_copy(image, side) for side in sides]
        found = self._joined([self._look(copy) for copy in copies])
        if not len(found.scores) or found.scores.min() < _UPRIGHT:
            turned = [self._look(copy, turn) for turn in self._turns for copy in copies]
            found = self._joined([found, *turned])
        return _detections(found, (height, width), smallest)

    def close(self) -> None:
        """Free the network; a second call does nothing."""
        self._session.close()

    def __enter__(self) -> Yunet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self, copy: _Copy, turn: int = 0) -> _Found:
        """Search a copy turned by `turn` quarters; return all candidates in pixels of the picture."""
        seen = np.asarray(cv2.rotate(copy.pixels, _ROTATIONS[turn - 1]), np.uint8) if turn else copy.pixels
        extents = [extent + -extent % _MULTIPLE for extent in seen.shape[:2]]
        canvas = np.zeros((1, *extents, 3), np.uint8)
        canvas[0, : seen.shape[0], : seen.shape[1]] = seen
        answers = self._session.run({"input": face_input(canvas, mean=0.0, std=1.0, color="bgr")})
        least = max(self._confidence, _TURNED) if turn else self._confidence
        parts = list(_candidates(answers, extents[1], least))
        boxes, scores, landmarks = (np.concatenate(part) for part in zip(*parts, strict=True))
        size = copy.pixels.shape[:2]
        corners = _turned_back(boxes.reshape(-1, 2, 2), turn, size) * copy.factors
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        return _Found(boxes, scores, _turned_back(landmarks, turn, size) * copy.factors)

    def _joined(self, parts: list[_Found]) -> _Found:
        """Keep the surest of the candidates that overlap, and of those what is large enough."""
        found = _Found(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        large = np.min(found.boxes[:, 2:] - found.boxes[:, :2], axis=1) >= (self._min_face or 0.0)
        found = _chosen(found, np.flatnonzero(large))
        return _chosen(found, b.suppress(found.boxes, found.scores, _OVERLAP))


def _chosen(found: _Found, which: NDArray[np.intp]) -> _Found:
    return _Found(found.boxes[which], found.scores[which], found.landmarks[which])


def _candidates(answers: dict[str, NDArray[np.float32]], width: int, least: float) -> Iterator[_Found]:
    """Yield the cells of each stride that pass, in pixels of what the network read."""
    for stride in YUNET_STRIDES:
        cls, obj, box, points = (
            np.asarray(answers[f"{kind}_{stride}"])[0] for kind in ("cls", "obj", "bbox", "kps")
        )
        scores = np.sqrt(cls[:, 0].clip(0, 1) * obj[:, 0].clip(0, 1))
        passed = np.flatnonzero(scores >= least)
        rows, columns = np.divmod(passed, width // stride)
        cells = np.stack([columns, rows], axis=1)
        box = box[passed].astype(np.float64)
        centres = stride * (cells + box[:, :2])
        half = stride * np.exp(box[:, 2:]) / 2
        landmarks = stride * (cells[:, None] + points[passed].reshape(-1, 5, 2).astype(np.float64))
        yield _Found(np.concatenate([centres - half, centres + half], axis=1), scores[passed], landmarks)


def _long_sides(longest: int, min_face: float | None) -> list[int]:
    """Return the longer side of each copy, the smallest first: the last one shows `min_face` where that can be."""
    limit = min(longest, _LONGEST)
    sides = [min(longest, _LONG_SIDE)]
    while min_face is not None and sides[-1] < limit and _SMALLEST * longest / sides[-1] > min_face:
        sides.append(min(2 * sides[-1], limit))
    return sides


def _copy(image: NDArray[np.uint8], side: int) -> _Copy:
    """Reduce a picture to the longer side given: means of whole blocks, then linear interpolation by less than two.

    Averages over fractions of pixels would take as long as the network. Of an incomplete last block nothing is seen.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(round(height * scale), 1), max(round(width * scale), 1)
    block = max(min(height // size[0], width // size[1]), 1)
    pixels = image[: height // block * block, : width // block * block]
    factors = np.array([pixels.shape[1] / size[1], pixels.shape[0] / size[0]])
    if block > 1:
        blocks = (width // block, height // block)
        pixels = np.asarray(cv2.resize(pixels, blocks, interpolation=cv2.INTER_AREA), np.uint8)
    if pixels.shape[:2] != size:
        pixels = np.asarray(cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    return _Copy(pixels, factors)


def _turned_back(points: NDArray[np.float64], turn: int, size: tuple[int, ...]) -> NDArray[np.float64]:
    """Return where points (..., 2) of ``np.rot90(image, turn)`` lie in an image of (height, width)."""
    height, width = size
    x, y = points[..., 0], points[..., 1]
    back = [(x, y), (width - y, x), (width - x, height - y), (y, height - x)][turn]
    return np.stack(back, axis=-1)


def _detections(found: _Found, size: tuple[int, int], smallest: float) -> Detections:
    """Cut the boxes at the picture's edges; leave out what lies outside."""
    height, width = size
    boxes = found.boxes.clip(0, [width, height, width, height]).astype(np.float32)
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return Detections(
        boxes[inside],
        found.scores[inside].astype(np.float32),
        found.landmarks[inside].astype(np.float32),
        smallest=smallest,
    )
