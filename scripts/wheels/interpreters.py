"""The Pythons that pyproject.toml names and this machine has."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def supported_versions() -> list[str]:
    """Return the versions in pyproject.toml's classifiers, such as "3.11"."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)


def interpreter_of(version: str) -> Path | None:
    """Return the Python of a version: this one, one on PATH, pyenv's, or uv's; None if there is none."""
    candidates = [Path(sys.executable), *map(Path, filter(None, [shutil.which(f"python{version}")]))]
    for folder in (".pyenv/versions", ".local/share/uv/python"):
        candidates += sorted(Path.home().glob(f"{folder}/*{version}.*/bin/python3"), reverse=True)
    return next((path for path in candidates if version_of(path) == version), None)


def version_of(interpreter: Path) -> str | None:
    """Return what an interpreter calls itself; None if it does not run, as pyenv's placeholders do not."""
    line = [str(interpreter), "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
