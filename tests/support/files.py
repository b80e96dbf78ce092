"""Files beside the checkout, and reading what the commands write."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def faces_folder() -> Path:
    """Where the folder of messy real photos beside the checkout would be."""
    return Path(os.environ.get("FIQX_FACES", ROOT.parent / "shared" / "data" / "faces"))


def yunet_path() -> Path:
    """Where the file of the detector YuNet would be: in the folder of models beside those photos, or in FIQX_MODELS."""
    folder = Path(os.environ.get("FIQX_MODELS", faces_folder().parent / "models"))
    return folder / "face_detection_yunet_2023mar.onnx"


def csv_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV with a header."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz`` file, which is closed again."""
    with np.load(path) as file:
        return dict(file)


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of every file below a folder by its path there, without the records of runs, which hold times."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.name.endswith(".meta.json")
    }
