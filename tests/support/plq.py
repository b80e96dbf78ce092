"""How the tests of pixel-level quality open a small recogniser."""

from __future__ import annotations

from pathlib import Path

from fiqx_trt.models import Model, load_model

__all__ = ["MEAN", "QUICK", "STD", "open_calibrated"]

MEAN, STD = 110.0, 60.0
#: Opens in no time: nothing to choose by measuring.
QUICK = {"backend": "onnxruntime", "precision": "fp32", "max_batch": 1, "threads": 1}


def open_calibrated(path: Path) -> Model:
    """Open the file with a scale of its quality and of its maps per intensity."""
    return load_model(path, mean=MEAN, std=STD, color="rgb", alpha=30.0, r=0.55, gamma=6.0, **QUICK)
