"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_faces() -> Path:
    """The folder of messy real photos beside the checkout; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("FIQX_FACES", ROOT.parent / "shared" / "data" / "faces"))
    if not folder.is_dir():
        pytest.skip(f"no development faces at {folder} (set FIQX_FACES to a folder of photos)")
    return folder
