"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


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
