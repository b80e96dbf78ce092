"""The files of one explained face: its picture, and its maps beside what NumPy would write."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest

from fiqx_trt.models.probe import probe_faces
from fiqx_trt.runs.face_picture import FacePicture
from fiqx_trt.runs.npz_file import write_npz

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
@pytest.mark.parametrize(
    "write", [write_npz, np.savez, np.savez_compressed], ids=["ours", "savez", "savez_compressed"]
)
def bench_maps(benchmark, tmp_path, write):
    path = tmp_path / "a.npz"
    if write is write_npz:
        benchmark(write, path, ARRAYS)
    else:
        benchmark(write, path, **ARRAYS)
    benchmark.extra_info["bytes"] = path.stat().st_size
    with np.load(io.BytesIO(path.read_bytes())) as found:
        np.testing.assert_array_equal(found["map"], MAP)
