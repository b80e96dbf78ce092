"""A detector that looks at no pixel: it says that the face is in the middle.

It suits pictures that were cropped around a face before, such as those of passports. A real detector has the same shape.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces.align import template_by_name
from fiqx_trt.faces.detect import Detections, check_confidence, check_image

__all__ = ["Centre"]

#: Side of the face over the shorter side of the picture.
SHARE = 0.5
#: The confidence of every face. It is no measurement, only the middle of the scale.
CONFIDENCE = 0.5


class Centre:
    """One square face in the middle of every picture, upright.

    Parameters
    ----------
    backend, threads
        Of networks, of which it has none.
    min_face
        Side of the smallest face in pixels: in smaller pictures there is none. Default: 2.
    confidence
        Least confidence; above 0.5 there is no face.
    """

    def __init__(
        self,
        *,
        backend: str = "auto",
        threads: int | None = None,
        min_face: float | None = None,
        confidence: float | None = None,
    ) -> None:
        if min_face is not None and not 2 <= min_face < np.inf:
            raise InvalidInputError(f"min_face={min_face} is below 2 pixels; give at least 2 (--min-face)")
        check_confidence(confidence)
        self._smallest = min_face or 2.0
        self._confident = confidence is None or confidence <= CONFIDENCE

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Return the face of an RGB picture, (H, W, 3) uint8."""
        height, width = check_image(image).shape[:2]
        side = SHARE * min(height, width)
        if side < self._smallest or not self._confident:
            return Detections.none(smallest=self._smallest)
        corner = np.array([(width - side) / 2, (height - side) / 2])
        points = corner + template_by_name("arcface").scaled((112, 112)) * (side / 112)
        return Detections(
            boxes=np.concatenate([corner, corner + side])[None].astype(np.float32),
            confidence=np.array([CONFIDENCE], np.float32),
            landmarks=points[None].astype(np.float32),
            smallest=self._smallest,
        )

    def close(self) -> None:
        """Free nothing: there is nothing to free."""
