"""Explain and measure face-image quality: what a face recogniser can do with a picture, and why.

The public names are loaded when they are first used.

Examples
--------
>>> import fiqx_trt as fx
>>> with fx.load_model("dlib-resnet") as model:          # doctest: +SKIP
...     quality = fx.serfiq(model, faces)                # faces: uint8 (N, 150, 150, 3) RGB
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fiqx_trt import kernels
    from fiqx_trt.explain.plq import PixelQuality, plq
    from fiqx_trt.explain.result import ScoreCam
    from fiqx_trt.explain.scorecam import scorecam, scorecam_details
    from fiqx_trt.models import Model, ModelSpec, load_model
    from fiqx_trt.models.calibration import PRESETS
    from fiqx_trt.quality.base import Quality
    from fiqx_trt.quality.magface import magface
    from fiqx_trt.quality.serfiq import serfiq
    from fiqx_trt.runs.cam_files import cam_files
    from fiqx_trt.runs.face_scorer import FaceScorer
    from fiqx_trt.runs.plq_files import plq_files
    from fiqx_trt.runs.result import Scores
    from fiqx_trt.runs.run_result import RunResult
    from fiqx_trt.runs.score import score
    from fiqx_trt.runs.score_files import score_files
    from fiqx_trt.statistics import CompactMaps, GridStatistics, MapStatistics

__version__ = "0.1.0"

__all__ = [
    "PRESETS",
    "CompactMaps",
    "FaceScorer",
    "GridStatistics",
    "MapStatistics",
    "Model",
    "ModelSpec",
    "PixelQuality",
    "Quality",
    "RunResult",
    "ScoreCam",
    "Scores",
    "__version__",
    "cam_files",
    "kernels",
    "load_model",
    "magface",
    "plq",
    "plq_files",
    "score",
    "score_files",
    "scorecam",
    "scorecam_details",
    "serfiq",
]

_HOME = {
    "kernels": "fiqx_trt.kernels",
    "CompactMaps": "fiqx_trt.statistics",
    "GridStatistics": "fiqx_trt.statistics",
    "MapStatistics": "fiqx_trt.statistics",
    "Model": "fiqx_trt.models",
    "ModelSpec": "fiqx_trt.models",
    "Quality": "fiqx_trt.quality.base",
    "PRESETS": "fiqx_trt.models.calibration",
    "PixelQuality": "fiqx_trt.explain.plq",
    "load_model": "fiqx_trt.models",
    "magface": "fiqx_trt.quality.magface",
    "plq": "fiqx_trt.explain.plq",
    "FaceScorer": "fiqx_trt.runs.face_scorer",
    "RunResult": "fiqx_trt.runs.run_result",
    "Scores": "fiqx_trt.runs.result",
    "score": "fiqx_trt.runs.score",
    "cam_files": "fiqx_trt.runs.cam_files",
    "plq_files": "fiqx_trt.runs.plq_files",
    "score_files": "fiqx_trt.runs.score_files",
    "ScoreCam": "fiqx_trt.explain.result",
    "scorecam": "fiqx_trt.explain.scorecam",
    "scorecam_details": "fiqx_trt.explain.scorecam",
    "serfiq": "fiqx_trt.quality.serfiq",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(_HOME[name])
    return home if _HOME[name] == f"{__name__}.{name}" else getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
