"""Face-image quality methods: one file each, found through :data:`fiqx_trt.quality.base.METHODS`."""

from __future__ import annotations

from fiqx_trt.quality.base import (
    MethodOptions,
    OptionsByMethod,
    Quality,
    QualityMethod,
    create_method,
    create_methods,
    method_names,
)
from fiqx_trt.quality.options import check_options, declared_options, option

__all__ = [
    "MethodOptions",
    "OptionsByMethod",
    "Quality",
    "QualityMethod",
    "check_options",
    "create_method",
    "create_methods",
    "declared_options",
    "method_names",
    "option",
]
