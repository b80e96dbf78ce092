"""The README's examples run as they stand: every block behind ``<!-- run -->``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest

from fiqx_trt.models.probe import probe_faces

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- run -->\n```(bash|python)\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``photos`` and ``crops`` in it, as the README assumes."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "photos").mkdir()
    (folder / "crops").mkdir()
    package = find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    shutil.copy(Path(package.origin).parent / "data" / "astronaut.png", folder / "photos")
    for index, face in enumerate(probe_faces((112, 112), count=12)):
        cv2.imwrite(str(folder / "crops" / f"{index:02d}.jpg"), face[:, :, ::-1])
    return folder


def test_there_are_examples() -> None:
    assert {language for language, _ in BLOCKS} == {"bash", "python"}


@pytest.mark.parametrize(("language", "text"), BLOCKS, ids=[text.splitlines()[0][:40] for _, text in BLOCKS])
def test_example(desk: Path, language: str, text: str, mobilefacenet_file: Path) -> None:
    line = ["bash", "-euo", "pipefail", "-c", text] if language == "bash" else [sys.executable, "-c", text]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        line, cwd=desk, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_two_commands_stand_there() -> None:
    assert 'python -m pip install ".[demo]" && fiqx-trt demo --out demo-out\n' in README
    assert 'python -m pip install ".[test]" && python -m pytest\n' in README


def test_linked_files_exist() -> None:
    missing = [link for link in re.findall(r"\]\(([\w./-]+)\)", README) if not (ROOT / link).exists()]
    assert missing == []
