"""The files of one explained face: its picture, and its maps, plain and compressed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fiqx_trt.files import npz_bytes, write_unsynced
from fiqx_trt.models.probe import probe_faces
from fiqx_trt.runs.face_picture import FacePicture

FACE = probe_faces((112, 112), count=1)[0]
MAP = cv2.GaussianBlur(np.random.default_rng(0).random((112, 112), dtype=np.float32), (9, 9), 0)
ARRAYS = {"map": MAP, "saliency": MAP * np.float32(1e-3), "quality": 0.5, "path": np.array("a.jpg", np.str_)}


@pytest.fixture(scope="module")
def picture():
    return FacePicture(FACE, MAP, name="a.jpg", score="quality 0.50", remark="the eyes lie low")


@pytest.mark.benchmark(group="face files: picture")
@pytest.mark.parametrize("step", ["draw", "draw and save as JPEG"])
def bench_picture(benchmark, picture, tmp_path, step):
    if step == "draw":
        assert benchmark(picture.draw).dtype == np.uint8
        return
    benchmark(picture.save, tmp_path / "a.jpg")
    assert cv2.imread(str(tmp_path / "a.jpg")).shape == picture.draw().shape


@pytest.mark.benchmark(group="face files: maps")
@pytest.mark.parametrize("compressed", [False, True], ids=["savez", "savez_compressed"])
def bench_maps(benchmark, tmp_path, compressed):
    path = tmp_path / "a.npz"
    benchmark(lambda: write_unsynced(path, npz_bytes(ARRAYS, compressed=compressed)))
    benchmark.extra_info["bytes"] = path.stat().st_size
    with np.load(path) as found:
        np.testing.assert_array_equal(found["map"], MAP)
