"""MTCNN: a cascade of three small networks that proposes, refines and finally marks faces.

K. Zhang, Z. Zhang, Z. Li, Y. Qiao: Joint Face Detection and Alignment using Multi-task Cascaded Convolutional
Networks, IEEE Signal Processing Letters 23(10), 2016, with the thresholds of the program that the weights
come with (0.8, not 0.7, after the last network). It is made for upright faces and finds those tilted by up to
about 45°; a face lying on its side or upside down is missed, or found with a confidence below 0.95 and its
landmarks in the wrong places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import BackendUnavailableError, InvalidInputError
from fiqx_trt.faces import boxes as b
from fiqx_trt.faces.detect import Detections, check_confidence, check_image
from fiqx_trt.faces.pyramid import STRIDE, WINDOW, level_sizes, reduced, shrink
from fiqx_trt.kernels import crop_net, pnet, resize_boxes
from fiqx_trt.onnx_export.architectures.mtcnn import crop_networks, pnet_parameters

__all__ = ["Mtcnn"]

_SMALLEST_FACE = 20.0
_SMALLEST_SHARE = 0.04
_ENOUGH = 48.0  # pixels of the smallest face that the last network sees
_SAME_LEVEL, _ALL_LEVELS, _REFINED, _FINAL = 0.5, 0.7, 0.7, 0.7

Boxes = NDArray[np.float64]
Scores = NDArray[np.float32]


class Mtcnn:
    """The MTCNN detector.

    Parameters
    ----------
    backend
        ``"auto"`` alone: the three networks are kernels of this package.
    threads
        Not needed: any number of threads may search a picture each, side by side.
    min_face
        Side in pixels of the smallest face to look for. By default 20, or 4 % of the picture's shorter side
        where that is more: the time then depends on the picture's proportions, not on its number of pixels.
    confidence
        Least confidence of a face, between 0 and 1, in the place of the last threshold.
    thresholds
        Least probability after each network.
    factor
        From one size of the picture to the next.

    Raises
    ------
    InvalidInputError
        An option is out of range.
    DependencyError
        The package ``mtcnn``, which brings the weights, is not installed.
    BackendUnavailableError
        Another backend is given.

    Notes
    -----
    A large picture is searched in a copy just large enough to show the smallest face in 48 pixels, the window
    of the last network; boxes and landmarks are given in pixels of the original. Where a picture is reduced, each pixel is
    the exact mean over the area it covers.
    """

    name = "mtcnn"

    def __init__(
        self,
        *,
        backend: str = "auto",
        threads: int | None = None,
        min_face: float | None = None,
        confidence: float | None = None,
        thresholds: Sequence[float] = (0.6, 0.7, 0.8),
        factor: float = 0.709,
    ) -> None:
        if backend != "auto":
            raise BackendUnavailableError(
                f"mtcnn runs on kernels of this package and not on the backend {backend!r}; leave backend out"
            )
        check_confidence(confidence)
        if confidence is not None:
            thresholds = (*thresholds[:2], confidence)
        _check_options(min_face, thresholds, factor)
        self._min_face = min_face
        self._thresholds = tuple(thresholds)
        self._least_logit = math.log(thresholds[0] / (1 - thresholds[0]))
        self._factor = factor
        self._proposals = pnet_parameters()
        self._nets = crop_networks()

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Find the faces of one picture.

        Parameters
        ----------
        image
            (H, W, 3) uint8 RGB, upright, of any size; grey pictures, (H, W), too.

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
        least = self._min_face or max(_SMALLEST_FACE, _SMALLEST_SHARE * min(height, width))
        if min(height, width) < least:
            return Detections.none(least)
        picture = _searched(image, least)
        boxes, scores = self._propose(picture, min(least, _ENOUGH))
        boxes, scores = self._refine(picture, boxes)
        boxes, scores, landmarks = self._mark(picture, boxes)
        factors = np.array([width / picture.shape[1], height / picture.shape[0]])
        boxes = (boxes * np.tile(factors, 2)).clip(0, [width, height, width, height])
        best = b.order(boxes, scores)
        return Detections(
            boxes[best].astype(np.float32),
            scores[best],
            (landmarks[best] * factors).astype(np.float32),
            smallest=least,
        )

    def close(self) -> None:
        """Do nothing: there is nothing to free."""

    def __enter__(self) -> Mtcnn:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _propose(self, picture: NDArray[np.uint8], least: float) -> tuple[Boxes, Scores]:
        """First network: every window of every level that may hold a face."""
        height, width = picture.shape[:2]
        sizes = level_sizes(height, width, min_face=least, factor=self._factor)
        found = [self._windows(level) for level in shrink(picture, sizes)]
        if not found:
            return np.zeros((0, 4)), np.zeros(0, np.float32)
        corners, scores, regression = (np.concatenate(parts) for parts in zip(*found, strict=True))
        level = np.repeat(np.arange(len(sizes)), [len(part[0]) for part in found])
        factors = np.array([(width / wide, height / high) for high, wide in sizes])[level]
        boxes = np.concatenate([corners * factors, (corners + WINDOW) * factors], axis=1)
        kept = b.suppress(boxes, scores, _SAME_LEVEL, groups=level)
        kept = kept[b.suppress(boxes[kept], scores[kept], _ALL_LEVELS)]
        return b.calibrated(boxes[kept], regression[kept]), scores[kept]

    def _windows(self, level: NDArray[np.uint8]) -> tuple[NDArray[np.int64], Scores, NDArray[np.float32]]:
        """Return the windows of one level that may hold a face: upper left pixels as (x, y), scores, regression."""
        answers = pnet(level, self._proposals)
        row, column = np.nonzero(answers[:, :, 0] > self._least_logit)
        found = answers[row, column]
        corners = STRIDE * np.stack([column, row], axis=1).astype(np.int64)
        return corners, _probability(found[:, 0]), found[:, 1:]

    def _refine(self, picture: NDArray[np.uint8], boxes: Boxes) -> tuple[Boxes, Scores]:
        """Second network: fewer and better boxes."""
        windows, answers = self._look("rnet", picture, boxes, side=24)
        scores = _probability(answers["logit"][:, 0])
        passed = np.flatnonzero(scores > self._thresholds[1])
        kept = passed[b.suppress(windows[passed], scores[passed], _REFINED)]
        return b.calibrated(windows[kept], answers["regression"][kept]), scores[kept]

    def _mark(self, picture: NDArray[np.uint8], boxes: Boxes) -> tuple[Boxes, Scores, NDArray[np.float64]]:
        """Last network: the faces and their landmarks."""
        windows, answers = self._look("onet", picture, boxes, side=48)
        scores = _probability(answers["logit"][:, 0])
        passed = np.flatnonzero(scores > self._thresholds[2])
        final = b.calibrated(windows[passed], answers["regression"][passed])
        kept = b.suppress(final, scores[passed], _FINAL, over="min")
        chosen = windows[passed[kept]]
        relative = answers["landmarks"][passed[kept]].reshape(-1, 5, 2)
        landmarks = chosen[:, None, :2] + relative * (chosen[:, None, 2:] - chosen[:, None, :2])
        return final[kept], scores[passed[kept]], landmarks

    def _look(
        self, net: str, picture: NDArray[np.uint8], boxes: Boxes, *, side: int
    ) -> tuple[Boxes, dict[str, NDArray[np.float32]]]:
        """Run a network on the squares around the boxes; return those squares and the answers."""
        height, width = picture.shape[:2]
        squares = b.squares(boxes)
        inside = (squares[:, 2:] > 0).all(axis=1) & (squares[:, 0] < width) & (squares[:, 1] < height)
        chosen = squares[inside & (squares[:, 2] - squares[:, 0] >= 2)]
        layers, parameters, columns = self._nets[net]
        answers = crop_net(resize_boxes(picture, chosen, height=side, width=side), layers, parameters)
        return chosen.astype(np.float64), {name: answers[:, some] for name, some in columns.items()}


def _probability(logit: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-logit)), np.float32)


def _searched(image: NDArray[np.uint8], least: float) -> NDArray[np.uint8]:
    """Return a picture, or a copy just large enough for the smallest face."""
    if least <= _ENOUGH:
        return image
    height, width = (max(round(extent * _ENOUGH / least), 1) for extent in image.shape[:2])
    return reduced(image, height, width)


def _check_options(min_face: float | None, thresholds: Sequence[float], factor: float) -> None:
    if min_face is not None and not min_face >= WINDOW:
        raise InvalidInputError(
            f"min_face={min_face} is below {WINDOW} pixels, the window of the detector; give at least "
            f"{WINDOW} (--min-face)"
        )
    if len(thresholds) != 3 or not all(0 < value < 1 for value in thresholds):
        raise InvalidInputError(f"thresholds={tuple(thresholds)} are not three numbers between 0 and 1")
    if not 0.1 <= factor <= 0.95:
        raise InvalidInputError(f"factor={factor} is not between 0.1 and 0.95")
