"""`resize_boxes` beside OpenCV's means over areas: the largest level of a picture, and squares for a network of 24 x 24."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fiqx_trt.kernels import resize_boxes

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (480, 640, 3), dtype=np.uint8)
CORNERS, SIDES = RNG.integers(0, 320, (64, 2)), RNG.integers(30, 150, (64, 1))
WORK = {
    "level": (np.array([[0, 0, 640, 480]]), 288, 384),
    "squares": (np.concatenate([CORNERS, CORNERS + SIDES], axis=1), 24, 24),
}


def with_opencv(boxes, height, width):
    cv2.setNumThreads(1)
    parts = [PICTURE[y0:y1, x0:x1] for x0, y0, x1, y1 in boxes]
    return np.stack([cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA) for part in parts])


def ours(boxes, height, width):
    return resize_boxes(PICTURE, boxes, height=height, width=width)


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("method", [ours, with_opencv], ids=["ours", "opencv"])
@pytest.mark.benchmark(group="resize_boxes")
def bench_resize_boxes(benchmark, method, work):
    apart = np.abs(benchmark(method, *WORK[work]).astype(int) - ours(*WORK[work]))
    assert apart.max() <= 1
