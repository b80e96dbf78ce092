"""Import OpenVINO without its telemetry."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

__all__ = ["import_openvino"]

_TELEMETRY = "openvino_telemetry"


def import_openvino() -> ModuleType:
    """Import OpenVINO without sending usage data.

    Its import sends a usage event over the network and writes an identifier to the user's home folder, unless its telemetry
    package is missing; so that package is hidden during the import. A program that has imported OpenVINO before keeps its own
    setting. ImportError where OpenVINO is not installed.
    """
    modules: dict[str, Any] = sys.modules
    hidden = {name: modules[name] for name in list(modules) if name.partition(".")[0] == _TELEMETRY}
    for name in hidden:
        del modules[name]
    modules[_TELEMETRY] = None  # the documented way to make an import fail
    try:
        import openvino
    finally:
        del modules[_TELEMETRY]
        modules.update(hidden)
    module: ModuleType = openvino
    return module
