"""Fixtures shared by all tests."""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


class ChosenCore(importlib.abc.MetaPathFinder):
    """Finds the extension where FIQX_CORE says: a build of another preset, such as the emulated one."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != "fiqx_trt._core":
            return None
        return importlib.util.spec_from_file_location(name, os.environ["FIQX_CORE"])


if "FIQX_CORE" in os.environ:
    sys.meta_path.insert(0, ChosenCore())


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep converted models and tuned settings out of the user's cache, for child processes too."""
    os.environ.setdefault("FIQX_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def shared_faces() -> Path:
    """The folder of messy real photos beside the checkout; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("FIQX_FACES", ROOT.parent / "shared" / "data" / "faces"))
    if not folder.is_dir():
        pytest.skip(f"no development faces at {folder} (set FIQX_FACES to a folder of photos)")
    return folder
