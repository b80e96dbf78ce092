"""Importing OpenVINO without its telemetry."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

__all__ = ["import_openvino"]

_TELEMETRY = "openvino_telemetry"


def import_openvino() -> ModuleType:
    """Import OpenVINO so that it reports nothing.

    Importing the package sends a usage event over the network and keeps an identifier in the user's home folder,
    unless its telemetry package is missing: while it is imported here, it is. A program that has imported OpenVINO
    before has made its own choice.

    Raises
    ------
    ImportError
        OpenVINO is not installed.
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
