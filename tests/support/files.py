"""Reading what the commands write."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz`` file, which is closed again."""
    with np.load(path) as file:
        return dict(file)
