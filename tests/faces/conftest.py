"""Fixtures for the tests of faces."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the working folder too."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
