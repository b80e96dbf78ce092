"""MTCNN: a cascade of three small networks that proposes, refines and finally marks faces.

K. Zhang, Z. Zhang, Z. Li, Y. Qiao: Joint Face Detection and Alignment using Multi-task Cascaded Convolutional
Networks, IEEE Signal Processing Letters 23(10), 2016, with the thresholds of the program that the weights
come with (0.8, not 0.7, after the last network). It is made for upright faces and finds those tilted by up to
about 45°; a face lying on its side or upside down is missed, or found with a confidence below 0.95 and its
landmarks in the wrong places.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces import boxes as b
from fiqx_trt.faces.detect import Detections, check_confidence, check_image
from fiqx_trt.faces.networks import open_lanes
from fiqx_trt.faces.pyramid import WINDOW, Means, exact_means, lay_out, level_sizes, quick_means
from fiqx_trt.kernels import face_input
from fiqx_trt.onnx_export.architectures.mtcnn import MTCNN_MEAN, MTCNN_STD, build_mtcnn
from fiqx_trt.runtime.lanes import Lanes

__all__ = ["Mtcnn"]

_TILE = 128
_ROWS = {"pnet": 2, "rnet": 32, "onet": 8}  # of one native run
_SMALLEST_FACE = 20.0
_SMALLEST_SHARE = 0.04
_ENOUGH = 48.0  # pixels of the smallest face that the last network sees
_CHUNK = 32  # tiles normalised at a time: bounds the memory of large pictures
_SAME_LEVEL, _ALL_LEVELS, _REFINED, _FINAL = 0.5, 0.7, 0.7, 0.7

Boxes = NDArray[np.float64]
Scores = NDArray[np.float32]


class _Picture:
    """What is searched: a picture as it is, or a copy of a large one, and how it is reduced further.

    Where faces of 20 pixels are looked for, every mean over an area is exact. Where the smallest is larger, quick means
    stand in their place, in a quarter of the time, and squares with more than four times a network's side are cut out of
    copies half as large, or less. They move the landmarks as much as moving the picture by a pixel does.
    """

    def __init__(self, pixels: NDArray[np.uint8], means: Means) -> None:
        self.pixels = pixels
        self.means = means
        self._copies = {1: pixels}

    @classmethod
    def of(cls, image: NDArray[np.uint8], least: float) -> _Picture:
        """Take a picture, or a copy just large enough for the smallest face."""
        if least > _ENOUGH:
            height, width = (max(round(extent * _ENOUGH / least), 1) for extent in image.shape[:2])
            image = quick_means(image, height, width)
        return cls(image, quick_means if least > _SMALLEST_FACE else exact_means)

    def units(self, boxes: Boxes, side: int) -> NDArray[np.int64]:
        """Return for each box by how much smaller a copy it is cut out of."""
        return b.units(boxes, side) if self.means is quick_means else np.ones(len(boxes), np.int64)

    def reduced(self, unit: int) -> NDArray[np.uint8]:
        """Return the picture reduced by a power of two, made when first asked for."""
        if unit not in self._copies:
            finer = self.reduced(unit // 2)
            height, width = (max(extent // 2, 1) for extent in finer.shape[:2])
            self._copies[unit] = self.means(finer[: 2 * height, : 2 * width], height, width)
        return self._copies[unit]


class Mtcnn:
    """The MTCNN detector.

    Parameters
    ----------
    backend
        What runs the three networks: a backend of `fiqx_trt.runtime.open_session`, or ``"auto"``, the first
        that works on the processor. They are too small to gain from a GPU, which the recogniser needs more.
    threads
        How many threads may search a picture each, side by side; None: as many as there are processors.
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
        The backend is not available on this machine.

    Notes
    -----
    A large picture is searched in a copy just large enough to show the smallest face in 48 pixels, the window
    of the last network; boxes and landmarks are given in pixels of the original. Means over areas, where a picture is reduced,
    are exact where faces of 20 pixels are looked for, and else to within a few grey levels.
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
        check_confidence(confidence)
        if confidence is not None:
            thresholds = (*thresholds[:2], confidence)
        _check_options(min_face, thresholds, factor)
        self._min_face = min_face
        self._thresholds = tuple(thresholds)
        self._factor = factor
        self._nets: dict[str, Lanes] = {}
        try:
            for name, model in build_mtcnn(tile=_TILE).items():
                self._nets[name] = open_lanes(model, backend=backend, max_batch=_ROWS[name], threads=threads)
        except BaseException:
            self.close()
            raise

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
        picture = _Picture.of(image, least)
        boxes, scores = self._propose(picture, min(least, _ENOUGH))
        boxes, scores = self._refine(picture, boxes)
        boxes, scores, landmarks = self._mark(picture, boxes)
        factors = np.array([width / picture.pixels.shape[1], height / picture.pixels.shape[0]])
        boxes = (boxes * np.tile(factors, 2)).clip(0, [width, height, width, height])
        best = b.order(boxes, scores)
        return Detections(
            boxes[best].astype(np.float32),
            scores[best],
            (landmarks[best] * factors).astype(np.float32),
            smallest=least,
        )

    def close(self) -> None:
        """Free the three networks; a second call does nothing."""
        for lanes in self._nets.values():
            lanes.close()

    def __enter__(self) -> Mtcnn:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _propose(self, picture: _Picture, least: float) -> tuple[Boxes, Scores]:
        """First network: every window of every level that may hold a face."""
        height, width = picture.pixels.shape[:2]
        sizes = level_sizes(height, width, min_face=least, factor=self._factor)
        if not sizes:
            return np.zeros((0, 4)), np.zeros(0, np.float32)
        ribbon = lay_out(sizes, tile=_TILE)
        answers = self._run("pnet", ribbon.tiles(picture.pixels, picture.means))
        found = ribbon.windows(answers["probability"], answers["regression"], self._thresholds[0])
        factors = np.array([(width / wide, height / high) for high, wide in sizes])[found.level]
        boxes = np.concatenate([found.corners * factors, (found.corners + WINDOW) * factors], axis=1)
        kept = b.suppress(boxes, found.probability, _SAME_LEVEL, groups=found.level)
        kept = kept[b.suppress(boxes[kept], found.probability[kept], _ALL_LEVELS)]
        return b.calibrated(boxes[kept], found.regression[kept]), found.probability[kept]

    def _refine(self, picture: _Picture, boxes: Boxes) -> tuple[Boxes, Scores]:
        """Second network: fewer and better boxes."""
        windows, answers = self._look("rnet", picture, boxes, side=24)
        scores = answers["probability"][:, 0]
        passed = np.flatnonzero(scores > self._thresholds[1])
        kept = passed[b.suppress(windows[passed], scores[passed], _REFINED)]
        return b.calibrated(windows[kept], answers["regression"][kept]), scores[kept]

    def _mark(self, picture: _Picture, boxes: Boxes) -> tuple[Boxes, Scores, NDArray[np.float64]]:
        """Last network: the faces and their landmarks."""
        windows, answers = self._look("onet", picture, boxes, side=48)
        scores = answers["probability"][:, 0]
        passed = np.flatnonzero(scores > self._thresholds[2])
        final = b.calibrated(windows[passed], answers["regression"][passed])
        kept = b.suppress(final, scores[passed], _FINAL, over="min")
        chosen = windows[passed[kept]]
        relative = answers["landmarks"][passed[kept]].reshape(-1, 5, 2)
        landmarks = chosen[:, None, :2] + relative * (chosen[:, None, 2:] - chosen[:, None, :2])
        return final[kept], scores[passed[kept]], landmarks

    def _look(
        self, net: str, picture: _Picture, boxes: Boxes, *, side: int
    ) -> tuple[Boxes, dict[str, NDArray[np.float32]]]:
        """Run a network on the squares around the boxes; return those squares and the answers."""
        height, width = picture.pixels.shape[:2]
        units = picture.units(boxes, side)
        squares = b.squares(boxes, units)
        inside = (squares[:, 2:] > 0).all(axis=1) & (squares[:, 0] < width) & (squares[:, 1] < height)
        chosen = np.flatnonzero(inside & (squares[:, 2] - squares[:, 0] >= 2))
        cuts = np.empty((len(chosen), side, side, 3), np.uint8)
        for at, index in enumerate(chosen):
            unit = int(units[index])
            cuts[at] = b.cut(picture.reduced(unit), squares[index] // unit, side, picture.means)
        return squares[chosen].astype(np.float64), self._run(net, cuts)

    def _run(self, net: str, pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        parts = []
        for start in range(0, max(len(pictures), 1), _CHUNK):
            tensor = face_input(pictures[start : start + _CHUNK], mean=MTCNN_MEAN, std=MTCNN_STD)
            parts.append(self._nets[net].run({"image": tensor}))
        return {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}


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
