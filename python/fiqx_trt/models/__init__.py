"""Recognition models: their contract, the known ones, and the open model."""

from __future__ import annotations

from fiqx_trt.models.load import load_model, load_spec
from fiqx_trt.models.model import Extracted, Model
from fiqx_trt.models.spec import ModelSpec

__all__ = ["Extracted", "Model", "ModelSpec", "load_model", "load_spec"]
