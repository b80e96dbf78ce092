from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from support.nets import noise_faces, save, small_recogniser


@pytest.fixture
def small_model(tmp_path: Path) -> Path:
    """A small calibrated model with its contract stated."""
    path = save(small_recogniser(), tmp_path / "small.onnx")
    path.with_suffix(".json").write_text(
        '{"mean": [127.5, 127.5, 127.5], "std": [127.5, 127.5, 127.5], "color": "rgb", "template": "arcface",'
        ' "alpha": 100.0, "r": 0.5}'
    )
    return path


@pytest.fixture
def messy_crops(tmp_path: Path) -> Path:
    """Six crops of the small model's size, PNG and JPEG, and one file that is no picture."""
    folder = tmp_path / "crops"
    folder.mkdir()
    for index, face in enumerate(noise_faces(6)):
        cv2.imwrite(str(folder / f"{index}.{'jpg' if index % 2 else 'png'}"), face[:, :, ::-1])
    (folder / "2-text.jpg").write_text("not a picture")
    return folder
