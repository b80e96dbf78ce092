"""The conformance checks over everything this package registers; quality methods: tests/quality/test_registry.py."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from fiqx_trt.errors import DependencyError
from fiqx_trt.faces.yunet import Yunet
from fiqx_trt.importers import FORMATS
from fiqx_trt.onnx_export.architectures.mtcnn import find_weights
from fiqx_trt.runtime import BACKENDS, available_backends
from fiqx_trt.testing import check_backend, check_detector, check_importer

FILES = Path(__file__).resolve().parents[1] / "importers" / "files"
LANDMARKS = " ".join(str(40.5 + i) for i in range(10))
MADE = {
    "ijb-score": "".join(f"img/{i}.jpg {LANDMARKS} 0.{i}\n" for i in range(1, 9)),
    "magface": "".join(f"{i}.jpg " + " ".join([f"0.{i}"] * 512) + "\n" for i in range(1, 4)),
    "path-score": "".join(f"a/{i}.jpg 0.{i}\n" for i in range(1, 9)),
}
WRITTEN = {
    "cr-fiqa": FILES / "cr_fiqa.txt",
    "faceqnet": FILES / "faceqnet.txt",
    "grafiqs": FILES / "GraFIQs_block2.txt",
    "ofiq": FILES / "ofiq.csv",
}
HERE = [name for name, ready, _ in available_backends() if ready and name in BACKENDS.builtin]


@pytest.mark.parametrize("name", sorted(FORMATS.builtin))
def test_importers(name: str, tmp_path: Path) -> None:
    path = WRITTEN.get(name, tmp_path / "scores.txt")
    if name in MADE:
        path.write_text(MADE[name])
    elif name not in WRITTEN:
        path.write_bytes(pickle.dumps({f"a/{i}.jpg": i / 8 for i in range(8)}))
    check_importer(name, path)


@pytest.mark.parametrize("name", HERE)
def test_backends(name: str) -> None:
    check_backend(name)


def test_mtcnn() -> None:
    try:
        find_weights()
    except DependencyError as error:
        pytest.skip(str(error))
    check_detector("mtcnn")


def test_yunet(yunet_file: Path) -> None:
    check_detector(lambda **options: Yunet(model=yunet_file.read_bytes(), **options))
