"""A small calibrated recogniser and noise, for the tests of pixel-level quality; other files have their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fiqx_trt.models import Model
from support.nets import noise_faces, save, small_recogniser
from support.plq import open_calibrated


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(small_recogniser(), tmp_path_factory.mktemp("plq") / "small.onnx")


@pytest.fixture(scope="module")
def model(path: Path) -> Iterator[Model]:
    with open_calibrated(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return noise_faces(5, seed=4)
