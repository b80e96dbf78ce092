"""What every face detector keeps: :func:`check_detector`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fiqx_trt.errors import InvalidInputError
from fiqx_trt.faces.detect import DETECTORS, Detections, Detector
from fiqx_trt.testing.claims import claim, wants_error

__all__ = ["check_detector"]

Picture = NDArray[np.uint8]


def check_detector(
    detector: str | Callable[..., Detector],
    *,
    pictures: Sequence[Picture] | None = None,
    backend: str = "auto",
) -> None:
    """Check that a face detector keeps what alignment relies on.

    Boxes lie inside the picture, the surest face comes first, all numbers are finite; a picture has the same faces whenever
    and in whichever thread it is searched; a picture of any size is searched or has no face; wrong arguments are refused.

    Parameters
    ----------
    detector
        Its registered name, or what it registers.
    pictures
        RGB pictures, (H, W, 3) uint8; ``None`` draws some with and without faces.
    backend
        What runs its networks.

    Raises
    ------
    AssertionError
        What does not hold, in one line.
    """
    opener = DETECTORS.load(detector) if isinstance(detector, str) else detector
    subject = f"detector {detector if isinstance(detector, str) else getattr(opener, '__name__', opener)}"
    for wrong in (0.0, 1.0, -0.5, float("nan")):
        _refuses(subject, opener, backend, confidence=wrong)
    _refuses(subject, opener, backend, min_face=-1.0)
    shown = _drawn_pictures() if pictures is None else pictures
    opened: Detector = opener(backend=backend, threads=1, min_face=None, confidence=None)
    try:
        detections = [_detected(subject, opened, picture) for picture in shown]
        with ThreadPoolExecutor(4) as pool:
            again = list(pool.map(opened.detect, shown))
        same = all(_equal(one, other) for one, other in zip(detections, again, strict=True))
        claim(same, subject, "finds other faces in the same picture when four threads search")
        floats = shown[0].astype(np.float64)
        wants_error(subject, "a picture of float64", lambda: opened.detect(floats), InvalidInputError)  # type: ignore[arg-type]
    finally:
        opened.close()
    _check_confidence(subject, opener, backend, shown, detections)


def _refuses(subject: str, opener: Callable[..., Detector], backend: str, **wrong: float) -> None:
    options: dict[str, Any] = {
        "backend": backend,
        "threads": 1,
        "min_face": None,
        "confidence": None,
        **wrong,
    }
    action = ", ".join(f"{name}={value}" for name, value in wrong.items())
    wants_error(subject, action, lambda: opener(**options), InvalidInputError)


def _drawn_pictures() -> list[Picture]:
    """Return a drawn face on a large background, the same smaller, and pictures without a face of unusual sizes."""
    from fiqx_trt.models.probe import probe_faces

    large = np.full((240, 320, 3), 128, np.uint8)
    large[40:200, 80:240] = probe_faces((160, 160), count=1)[0]
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    plain = [np.full((*size, 3), 77, np.uint8) for size in ((1, 1), (3, 200), (200, 3), (64, 64))]
    return [large, probe_faces((112, 112), count=1)[0], noise, *plain]


def _detected(subject: str, detector: Detector, picture: Picture) -> Detections:
    """Search a picture and check what was found."""
    before = picture.copy()
    found = detector.detect(picture)
    height, width = picture.shape[:2]
    where = f"in a picture of {height}x{width}"
    claim(isinstance(found, Detections), subject, f"detect() returns {type(found).__name__}, no Detections")
    claim(np.array_equal(picture, before), subject, "detect() changes the picture")
    count = len(found.confidence)
    for part, shape in (("boxes", (count, 4)), ("confidence", (count,)), ("landmarks", (count, 5, 2))):
        values = getattr(found, part)
        fits = isinstance(values, np.ndarray) and values.shape == shape and values.dtype == np.float32
        claim(fits, subject, f"{part} {where} is no float32 of shape {shape}")
        claim(np.isfinite(values).all(), subject, f"{part} {where} is not finite")
    corners = found.boxes.reshape(-1, 2, 2)
    inside = (corners >= 0) & (corners <= np.array([width, height], np.float32))
    claim(inside.all(), subject, f"a box leaves the picture {where}: {found.boxes.tolist()}")
    claim((corners[:, 0] < corners[:, 1]).all(), subject, f"a box is empty {where}: {found.boxes.tolist()}")
    sure = found.confidence
    claim(
        ((sure >= 0) & (sure <= 1)).all(),
        subject,
        f"a confidence is not between 0 and 1 {where}: {sure.tolist()}",
    )
    claim(
        (np.diff(sure) <= 0).all(), subject, f"the surest face does not come first {where}: {sure.tolist()}"
    )
    return found


def _equal(one: Detections, other: Detections) -> bool:
    parts = ("boxes", "confidence", "landmarks")
    return all(np.array_equal(getattr(one, part), getattr(other, part)) for part in parts)


def _check_confidence(
    subject: str,
    opener: Callable[..., Detector],
    backend: str,
    pictures: Sequence[Picture],
    expected: Sequence[Detections],
) -> None:
    """Check that a higher least confidence leaves only faces that are as sure."""
    least = 0.999
    strict: Detector = opener(backend=backend, threads=1, min_face=None, confidence=least)
    try:
        for picture, before in zip(pictures, expected, strict=True):
            after = strict.detect(picture)
            claim(
                (after.confidence >= np.float32(least)).all(),
                subject,
                f"finds less sure faces than confidence={least}",
            )
            claim(
                len(after) <= len(before), subject, f"finds more faces with confidence={least} than without"
            )
    finally:
        strict.close()
        strict.close()
