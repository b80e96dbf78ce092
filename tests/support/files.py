"""Reading what the commands write."""

from __future__ import annotations

from pathlib import Path

import numpy as np


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
