"""OpenCV, with the limit on pictures that its decoders keep; everything here takes ``cv2`` from this module.

OpenCV reads its limits from the environment once, when it is loaded, so they are set around the first import and
the environment is as before afterwards. Variables that are set already are left alone. A program that imported
``cv2`` earlier keeps the limits it had; what `fiqx_trt.faces.header` reads is compared with the limit in any case.
"""

from __future__ import annotations

import os

__all__ = ["MAX_PIXELS", "cv2"]

MAX_PIXELS = 100_000_000
"""Largest picture that is decoded, in pixels: 300 MB as an array. Larger ones are ``unsupported``."""

_LIMITS = {
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(MAX_PIXELS),
    "OPENCV_IO_MAX_IMAGE_WIDTH": str(1 << 20),
    "OPENCV_IO_MAX_IMAGE_HEIGHT": str(1 << 20),
}
_added = {name: value for name, value in _LIMITS.items() if name not in os.environ}
os.environ.update(_added)
try:
    import cv2
finally:
    for _name in _added:
        os.environ.pop(_name, None)

if "OPENCV_LOG_LEVEL" not in os.environ:
    # What OpenCV would print about a broken file is in that file's row already.
    (cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2).setLogLevel(0)  # 4.8 has the latter only
