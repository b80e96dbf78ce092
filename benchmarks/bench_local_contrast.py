"""`local_contrast` beside OpenCV's box filters, for 64 faces of a 112 x 112 network."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fiqx_trt.kernels import local_contrast

FACES = np.random.default_rng(0).integers(0, 256, (64, 112, 112, 3), dtype=np.uint8)


def with_opencv():
    found = []
    for face in FACES:
        grey = face @ np.array([0.299, 0.587, 0.114])
        mean, square = (cv2.blur(x, (9, 9)) for x in (grey, grey * grey))
        found.append(np.sqrt(square - mean * mean))
    return np.stack(found)


@pytest.mark.parametrize("method", [lambda: local_contrast(FACES), with_opencv], ids=["ours", "opencv"])
@pytest.mark.benchmark(group="local_contrast")
def bench_local_contrast(benchmark, method):
    inner = np.s_[:, 4:-4, 4:-4]  # OpenCV reflects the border instead of cutting the window
    np.testing.assert_allclose(benchmark(method)[inner], local_contrast(FACES)[inner], rtol=1e-5)
