"""Face-image quality methods: one file each, found through :data:`fiqx_trt.quality.base.METHODS`."""

from __future__ import annotations

from fiqx_trt.quality.base import MethodOptions, Quality, QualityMethod, create_method, method_names

__all__ = ["MethodOptions", "Quality", "QualityMethod", "create_method", "method_names"]
