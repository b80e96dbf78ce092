"""OpenCV with a limit on the size of decoded pictures; the package imports ``cv2`` from this module only.

OpenCV reads its limits from the environment when it is loaded, so they are set around the first import and
the environment is restored afterwards. Variables that are already set are not changed. A program that imported
``cv2`` earlier keeps its limits; `fiqx_trt.faces.header` compares the picture with the limit in any case.
"""

from __future__ import annotations

import os

from fiqx_trt.errors import DependencyError

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
except ImportError as problem:
    raise DependencyError(
        f"OpenCV cannot be loaded ({problem}); its package opencv-python needs a desktop's libraries: replace it by "
        "the one without windows, pip uninstall opencv-python, then pip install opencv-python-headless"
    ) from problem
finally:
    for _name in _added:
        os.environ.pop(_name, None)

if "OPENCV_LOG_LEVEL" not in os.environ:
    # What OpenCV would print about a broken file is in that file's row already.
    (cv2.utils.logging if hasattr(cv2.utils, "logging") else cv2).setLogLevel(0)  # 4.8 has the latter only
