"""The activation map that Fu & Damer published is an upsampled 7×7 grid, and `cam_combine` makes it from that grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fiqx_trt import kernels
from fiqx_trt.statistics import CompactMaps, GridStatistics
from fiqx_trt.statistics.upsampling import axis_weights

GRID, SIZE = (7, 7), (112, 112)


def test_the_published_map_comes_from_its_own_grid(shared_faces: Path) -> None:
    published = np.load(shared_faces / "amva-example" / "example_image.npy").squeeze()
    assert published.shape == SIZE
    operator = np.kron(*(axis_weights(*axis) for axis in zip(GRID, SIZE, strict=True)))
    grid, *_ = np.linalg.lstsq(operator, published.ravel().astype(np.float64), rcond=None)
    assert np.abs(operator @ grid - published.ravel()).max() < 1e-5  # 49 numbers explain 12,544
    # Any positive multiple plus any constant is the same map, as long as it stays positive.
    grid = (3.0 * grid + 0.5).astype(np.float32).reshape(1, 1, *GRID)
    made = kernels.cam_combine(grid, np.ones((1, 1), np.float32), size=SIZE)
    np.testing.assert_allclose(made.maps[0], published, rtol=0, atol=1e-5)
    low, high = (float(limit) for limit in made.limits[0])
    compact = CompactMaps(((grid[0] - low) / (high - low)).astype(np.float32), SIZE)
    np.testing.assert_allclose(compact.pixels()[0], published, rtol=0, atol=1e-5)
    stats = GridStatistics(SIZE, GRID)
    stats.push(compact)
    np.testing.assert_allclose(stats.median, published, rtol=0, atol=1e-5)


def test_aligned_corners_cannot_explain_it(shared_faces: Path) -> None:
    published = np.load(shared_faces / "amva-example" / "example_image.npy").squeeze()
    operator = np.kron(*(axis_weights(*axis, True) for axis in zip(GRID, SIZE, strict=True)))
    grid, *_ = np.linalg.lstsq(operator, published.ravel().astype(np.float64), rcond=None)
    assert np.abs(operator @ grid - published.ravel()).max() > 0.01
